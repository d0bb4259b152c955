// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// maxMemory is the memory that one hostile answer may take, with the whole test process.
const maxMemory = 256 << 20

// hostileAnswers are results of an inventory that are small on the wire and large in memory, with the error that they cause.
var hostileAnswers = map[string]struct{ before, item, after, want string }{
	"20,000,000 empty machines":       {`{"vms":[{}`, `,{}`, `]}`, "limit exceeded"},
	"machines within the payload":     {`{"vms":[{}`, `,{"notes":"` + strings.Repeat("x", 700) + `"}`, `]}`, "more than 20000 virtual machines"},
	"fields within all limits":        {`{"vms":[{}`, `,{"recorded":{` + manyFields(7000) + `}}`, `]}`, ""},
	"disks of one machine":            {`{"vms":[{"drives":[{}`, `,{}`, `]}]}`, "limit exceeded"},
	"addresses of one machine":        {`{"vms":[{"ip_addresses":[""`, `,""`, `]}]}`, "limit exceeded"},
	"recorded fields of one machine":  {`{"vms":[{"recorded":{"a":1`, `,"a":1`, `}}]}`, "limit exceeded"},
	"a name that fills the payload":   {`{"vms":[{"name":"`, `xxxxxxxxxxxxxxxx`, `"}]}`, "limit exceeded"},
	"large machines":                  {`{"vms":[{"name":"` + strings.Repeat("x", 600_000) + `"}`, ``, `]}`, "virtual machine 1 of the inventory takes more"},
	"nested lists":                    {`{"vms":[{"recorded":{"a":`, `[[[[[[[[[[[[[[[[`, `}}]}`, "nested more than 32 deep"},
	"images":                          {`{"host":{"images":[{}`, `,{}`, `]}}`, "limit exceeded"},
	"virtual machines that are moved": {`{"elsewhere":[{}`, `,{}`, `]}`, "limit exceeded"},
	"properties that nobody knows":    {`{"x":[0`, `,0`, `]}`, "limit exceeded"},
}

// TestAHostileAnswerTakesLittleMemory runs each case in a process, whose memory is measured.
func TestAHostileAnswerTakesLittleMemory(t *testing.T) {
	t.Parallel()
	if name := os.Getenv("HYPERVVM_HOSTILE_ANSWER"); name != "" {
		hostileAnswer(t, name)
		return
	}
	for name := range hostileAnswers {
		if raceDetector && !strings.Contains(name, "machines") && !full || raceDetector && strings.Contains(name, "within") {
			continue // slow with it
		}
		t.Run(name, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAHostileAnswerTakesLittleMemory$")
			child.Env = append(os.Environ(), "HYPERVVM_HOSTILE_ANSWER="+name)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v: %.2000s", err, out)
			}
		})
	}
}

func hostileAnswer(t *testing.T, name string) {
	c := hostileAnswers[name]
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		head := `{"type":"answer","id":"` + req.ID + `","ok":true,"result":` + c.before
		tail := c.after + "}"
		n := 0
		if c.item != "" {
			size := 17 << 20
			if strings.Contains(name, "within") || strings.Contains(name, "nested") {
				size = protocol.MaxPayload
			}
			n = (size - len(head) - len(tail)) / len(c.item)
			if c.want == "" {
				n = 70 // 490,000 fields
			}
		}
		p.write(p.token + " ")
		p.write(compress(head, c.item, n, tail))
		p.write("\n")
	}}
	defer func() {
		if used := memory(); used > maxMemory {
			t.Errorf("the process takes %d MB", used>>20)
		}
	}()
	_, err := newAgent(t, host, nil).Inventory(t.Context())
	if c.want == "" && err == nil {
		return
	}
	if !errors.Is(err, hostagent.ErrInvalidOutput) || !strings.Contains(err.Error(), c.want) {
		t.Errorf("got %.500v", err)
	}
}

// compress returns the payload of a text with an item n times, without a copy of the whole text.
func compress(head, item string, n int, tail string) string {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.WriteString(z, head)
	const block = 1000
	items := strings.Repeat(item, block)
	for ; n > block; n -= block {
		_, _ = io.WriteString(z, items)
	}
	_, _ = io.WriteString(z, strings.Repeat(item, n))
	_, _ = io.WriteString(z, tail)
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// manyFields returns n fields of a JSON object.
func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":1,`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// memory returns the bytes that the process has obtained from the system for its heap.
func memory() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapSys
}

func TestAHostileEventEndsItsJobWithAnError(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(p *fakeProcess, jobID string){
		"a long message": func(p *fakeProcess, jobID string) {
			p.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: jobID, Seq: 1, Message: strings.Repeat("x", 2<<20)}})
		},
		"a message that fills the payload": func(p *fakeProcess, jobID string) {
			p.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: jobID, Seq: 1, Message: strings.Repeat("x", 17<<20)}})
		},
		"a message that fills the frame": func(p *fakeProcess, jobID string) {
			p.write(p.token + ` {"type":"event","job":"` + jobID + `","seq":1,"message":"`)
			for range 20 {
				p.write(strings.Repeat("x", 1<<20))
			}
			p.write(`"}` + "\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				p.answer(req, protocol.JobResult{Job: req.Job})
				if req.Job != "" {
					send(p, req.Job)
				}
			}}
			a := newAgent(t, host, nil)
			stream, err := a.Submit(t.Context(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = stream.Next(t.Context()); !errors.Is(err, hostagent.ErrInvalidOutput) || !strings.Contains(err.Error(), "limit exceeded") {
				t.Errorf("got %.500v", err)
			}
			if err := a.Ping(t.Context()); err != nil {
				t.Errorf("the session: %v", err)
			}
		})
	}
}

func TestMessagesOfASlowCallerAreKeptWithinALimit(t *testing.T) {
	t.Parallel()
	const events, size = 20, 300_000 // 6 MB
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		p.answer(req, protocol.JobResult{Job: req.Job})
		if req.Job == "" {
			return
		}
		for seq := req.After + 1; seq <= events; seq++ {
			e := job.Event{Job: req.Job, Seq: seq, Kind: job.KindLog, Message: strings.Repeat("x", size)}
			if seq == events {
				e.Kind, e.Result = job.KindResult, &job.Result{Outcome: job.Succeeded}
			}
			p.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: e})
		}
	}}
	a := newAgent(t, host, nil)
	stream, err := a.Submit(t.Context(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Ping(t.Context()); err != nil { // behind all events
		t.Fatal(err)
	}
	if n := hostagent.Buffered(stream); n > 5<<20 {
		t.Errorf("%d bytes are kept", n)
	}
	for want := int64(1); want <= events; want++ {
		if e, err := stream.Next(t.Context()); err != nil || e.Seq != want {
			t.Fatalf("got event %d, %v, want %d", e.Seq, err, want)
		}
	}
}
