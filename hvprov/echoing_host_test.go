// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// An agent that repeats the secret of the job, with characters that control a terminal, in every text that it may send. An honest one
// never does: this is the last line.

// echo is the text that the agent repeats.
const echo = "\x1b[31m" + secret + "\u202e"

// echoes are what the agent does with a job.
var echoes = map[string]func(a *echoingAgent, req protocol.Request){
	"its process ends with last words": func(a *echoingAgent, _ protocol.Request) {
		_, _ = io.WriteString(a.out, "it was "+echo+"\n")
		a.exit = true
	},
	"the job is refused": func(a *echoingAgent, req protocol.Request) {
		a.send(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, Error: &job.Failure{Step: echo, Code: echo, Message: echo, Remedy: echo, Field: echo}})
	},
	"events": func(a *echoingAgent, req protocol.Request) {
		a.answer(req, protocol.JobResult{Job: req.Job})
		a.events(req.Job,
			job.Event{Kind: job.KindStep, Step: echo, Message: echo},
			job.Event{Kind: echo, VMID: echo, Step: echo, Message: echo},
			job.Event{Kind: job.KindResult, VMID: echo, Step: echo, Result: &job.Result{
				Outcome: job.Failed, Undone: []string{echo}, Left: []string{echo},
				Error: &job.Failure{Step: echo, Code: echo, Message: echo, Remedy: echo, Field: echo},
			}})
	},
	"an unknown outcome": func(a *echoingAgent, req protocol.Request) {
		a.answer(req, protocol.JobResult{Job: req.Job})
		a.events(req.Job, job.Event{Kind: job.KindResult, Result: &job.Result{Outcome: echo}})
	},
	"answers to queries while the job runs": func(a *echoingAgent, req protocol.Request) {
		a.answer(req, protocol.JobResult{Job: req.Job})
		a.events(req.Job, job.Event{Kind: job.KindStep, Step: "create", Message: "created"})
	},
}

// echoingAgent is one process of the agent.
type echoingAgent struct {
	token string
	out   io.Writer
	do    func(a *echoingAgent, req protocol.Request)
	exit  bool
	known bool // it was sent the secret
}

func (a *echoingAgent) send(v any) {
	payload, err := protocol.Encode(v)
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(a.out, a.token+" "+string(payload)+"\n")
}

func (a *echoingAgent) answer(req protocol.Request, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	a.send(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, OK: true, Result: raw})
}

func (a *echoingAgent) events(jobID string, events ...job.Event) {
	for i, e := range events {
		e.Job, e.Seq, e.Time = jobID, int64(i+1), time.Unix(0, 0)
		a.send(protocol.EventMessage{Type: protocol.TypeEvent, Event: e})
	}
}

func (a *echoingAgent) request(req protocol.Request) {
	echo := echo
	if a.known = a.known || req.Request == protocol.RequestSubmit; !a.known {
		echo = "\x1b[31m\u202e"
	}
	finding := job.Finding{Field: echo, Severity: job.SeverityWarning, Code: echo, Message: echo, Remedy: echo}
	switch req.Request {
	case protocol.RequestHello:
		a.answer(req, protocol.HelloResult{Agent: "1", Host: "HV01", Installed: true, Lacks: []job.Finding{finding}})
	case protocol.RequestCheck:
		a.answer(req, protocol.CheckResult{Findings: []job.Finding{finding}})
	case protocol.RequestInventory:
		vm := job.VM{
			ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "db-01", Partial: []string{echo},
			IPAddresses: []string{"192.0.2.10", "$(touch x)", "\x1b[31mred", "192.0.2.11; id", "fe80::1%" + echo, "2001:db8::1"},
		}
		vm.Adapters = []job.Adapter{{IPAddresses: append([]string(nil), vm.IPAddresses...)}}
		a.answer(req, protocol.InventoryResult{VMs: []job.VM{vm}, Partial: []string{echo}, Elsewhere: []protocol.Elsewhere{{ID: echo, Node: echo, Message: echo, Remedy: echo}}})
	case protocol.RequestSubmit:
		a.do(a, req)
	case protocol.RequestCancel:
		a.answer(req, protocol.JobResult{Job: req.Job, Known: true})
		a.events(req.Job, job.Event{}, job.Event{Kind: job.KindResult, Result: &job.Result{Outcome: job.Cancelled}})
	case protocol.RequestAttach:
		a.send(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, Error: &job.Failure{Code: job.CodeJobUnknown, Message: echo, Remedy: echo}})
	default:
		a.answer(req, struct{}{})
	}
}

// echoingProgram stands for powershell.exe.
func echoingProgram(do func(a *echoingAgent, req protocol.Request)) simhost.Program {
	return func(_ context.Context, args string, stdin io.Reader, stdout, stderr io.Writer) int {
		script, _ := protocol.DecodeCommand(" " + args)
		info, ok := protocol.ParseBootstrap(script)
		if !ok {
			return 1
		}
		a := &echoingAgent{token: info.Token, out: stdout, do: do}
		lines := bufio.NewReader(stdin)
		for !a.exit {
			line, err := lines.ReadString('\n')
			if err != nil {
				return 0
			}
			texts, err := protocol.DecodeBatch([]byte(strings.TrimSpace(line)))
			if err != nil {
				continue // the agent's text
			}
			for _, text := range texts {
				var req protocol.Request
				if json.Unmarshal(text, &req) == nil {
					a.request(req)
				}
			}
		}
		_, _ = io.WriteString(stderr, echo+"\n")
		return 1
	}
}

// sink is a writer for the log of the library.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestNothingThatAHostRepeatsReachesASink is the table of echoes and sinks.
func TestNothingThatAHostRepeatsReachesASink(t *testing.T) {
	t.Parallel()
	for name, do := range echoes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			store, err := boltstore.Open(t.Context(), boltstore.Options{Path: filepath.Join(dir, "jobs.db")})
			if err != nil {
				t.Fatal(err)
			}
			var log sink
			server := startHost(t, simhost.Options{Programs: map[string]simhost.Program{"powershell": echoingProgram(do)}})
			service := newService(t, server, func(o *hvprov.Options) {
				o.Store, o.JobLogDir, o.Reattach = store, filepath.Join(dir, "logs"), time.Nanosecond
				o.InventoryMaxAge = time.Nanosecond
				o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01")}
			subscription := service.Subscribe(notify.Filter{})
			shown := map[string]string{}
			j, err := service.Submit(t.Context(), sub)
			if err != nil {
				t.Fatal(err)
			}
			if name == "answers to queries while the job runs" {
				info, err := service.HostInfo(t.Context(), "hv01")
				shown["lacks of the host"] = fmt.Sprintf("%+v %v", info, err)
				inventory, err := service.HostInventory(t.Context(), "hv01")
				if err != nil {
					t.Fatal(err)
				}
				shown["inventory"] = fmt.Sprintf("%+v", *inventory)
				if got := fmt.Sprint(inventory.VMs[0].IPAddresses, inventory.VMs[0].Adapters[0].IPAddresses); got != "[192.0.2.10 2001:db8::1] [192.0.2.10 2001:db8::1]" {
					t.Errorf("addresses are %q", got)
				}
				j.Cancel()
			}
			result, err := j.Wait(t.Context())
			if err == nil {
				t.Fatal("the job succeeded")
			}
			shown["error"] = fmt.Sprintf("%v %+v", err, err)
			if result != nil {
				shown["result"] = fmt.Sprintf("%+v %+v", *result, result.Error)
			}
			record, err := service.Job(j.ID())
			if err != nil {
				t.Fatal(err)
			}
			shown["record"] = fmt.Sprintf("%+v", record)
			findings, err := service.Check(t.Context(), hvprov.CheckRequest{Submission: sub}) // the job has ended, and its secrets are no more active
			shown["findings"] = fmt.Sprintf("%+v %v", findings, err)
			shown["metrics"] = fmt.Sprintf("%+v", service.Metrics())
			if err := service.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			for {
				e, err := subscription.Next(t.Context())
				if err != nil {
					break
				}
				shown["events"] += fmt.Sprintf("%+v\n", e)
			}
			shown["log of the library"] = log.String()
			for sink, pattern := range map[string]string{"store": "jobs.db", "log of the job": "logs/*"} {
				files, err := filepath.Glob(filepath.Join(dir, pattern))
				if err != nil || len(files) == 0 {
					t.Errorf("%s: no file, %v", sink, err)
				}
				for _, file := range files {
					text, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					shown[sink] += string(text)
				}
			}
			for sink, text := range shown {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("%s: the secret is visible: %q", sink, text[max(0, i-200):min(len(text), i+50)])
				}
				if i := strings.IndexAny(text, "\x1b\u202e"); i >= 0 && sink != "store" {
					t.Errorf("%s: a control character is visible: %q", sink, text[max(0, i-100):min(len(text), i+50)])
				}
			}
		})
	}
}
