// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

func definition() job.Definition {
	return job.Definition{
		Schema:    job.SchemaRef{ID: "s", Version: 1},
		Operation: job.OperationProvision,
		Fields:    job.Fields{{ID: "name", Value: "a"}},
	}
}

func TestManyRequestsShareOneProcess(t *testing.T) {
	t.Parallel()
	host := &fakeHost{}
	a := newAgent(t, host, nil)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if err := a.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	hello, err := a.Hello(t.Context())
	if err != nil || hello.Host != "HV01" {
		t.Errorf("hello: %+v, %v", hello, err)
	}
	if connects, _ := host.counts(); connects != 1 {
		t.Errorf("%d processes were started", connects)
	}
}

func TestTheFirstRequestTravelsWithTheAgent(t *testing.T) {
	t.Parallel()
	host := &fakeHost{}
	a := newAgent(t, host, nil)
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, processes := host.counts()
	if n := processes[0].sends; n != 1 {
		t.Errorf("%d sends, want 1", n)
	}
}

func TestLongRequestsAndAnswersArriveWhole(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		vms := make([]job.VM, 500)
		for i := range vms {
			vms[i] = job.VM{ID: fmt.Sprint(i), Name: strings.Repeat("ä", 50)}
		}
		p.answer(req, protocol.InventoryResult{VMs: vms})
	}}
	a := newAgent(t, host, nil)
	got, err := a.Inventory(t.Context())
	if err != nil || len(got.VMs) != 500 || got.VMs[499].ID != "499" {
		t.Errorf("%d machines, %v", len(got.VMs), err)
	}
}

func TestOutputThatIsNotAFrameIsIgnored(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		p.write("WARNING: output of a native program\r\n")
		p.write(p.token + " {broken\n")
		p.write(strings.Repeat("endless ", 50_000))
		p.write("\n")
		p.answer(req, struct{}{})
	}}
	a := newAgent(t, host, nil)
	if err := a.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheErrorOfAnEndedProcessHoldsItsLastOutput(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, _ protocol.Request) {
		p.out <- result{out: transport.Output{
			Stderr: []byte("#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><S S=\"Error\">out of memory_x000D__x000A_</S></Objs>"),
			Done:   true, ExitCode: 1,
		}}
	}}
	a := newAgent(t, host, nil)
	err := a.Ping(t.Context())
	if !errors.Is(err, hostagent.ErrProcessEnded) || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("got %v", err)
	}
	host.handle = func(p *fakeProcess, req protocol.Request) { p.answer(req, struct{}{}) }
	if err := a.Ping(t.Context()); err != nil {
		t.Errorf("the next request did not start a new process: %v", err)
	}
}

func TestASendWithAnUnknownOutcomeIsRepeatedAndTheSecondAnswerIgnored(t *testing.T) {
	t.Parallel()
	host := &fakeHost{}
	a := newAgent(t, host, nil)
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, processes := host.counts()
	processes[0].mu.Lock()
	processes[0].failSend = []error{transport.ErrConnectionLost}
	processes[0].mu.Unlock()
	for range 2 {
		if err := a.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if connects, _ := host.counts(); connects != 1 {
		t.Errorf("%d processes were started", connects)
	}
}

func TestOutputLostWithAnAnswerIsRequestedAgain(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]result{
		"the connection is lost as well": {err: transport.ErrConnectionLost},
		"the connection survives":        {lost: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				if !p.seen(req.ID) {
					p.out <- lost // instead of the answer
					return
				}
				p.answer(req, struct{}{})
			}}
			a := newAgent(t, host, nil)
			if err := a.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusedCredentialsAreNotRetried(t *testing.T) {
	t.Parallel()
	host := &fakeHost{refuse: []error{transport.ErrAuth}}
	a := newAgent(t, host, func(o *hostagent.Options) { o.RetryAfter = time.Nanosecond })
	for range 3 {
		if err := a.Ping(t.Context()); !errors.Is(err, transport.ErrAuth) {
			t.Errorf("got %v", err)
		}
	}
	if connects, _ := host.counts(); connects != 1 {
		t.Errorf("%d attempts were made", connects)
	}
}

// TestAMissingRightIsRetried covers a right that an administrator grants while the program runs.
func TestAMissingRightIsRetried(t *testing.T) {
	t.Parallel()
	host := &fakeHost{refuse: []error{transport.ErrDenied}}
	a := newAgent(t, host, func(o *hostagent.Options) { o.RetryAfter = time.Nanosecond })
	if err := a.Ping(t.Context()); !errors.Is(err, transport.ErrDenied) {
		t.Errorf("got %v", err)
	}
	if err := a.Ping(t.Context()); err != nil {
		t.Errorf("after the right was granted: %v", err)
	}
}

func TestAnUnreachableHostIsRetriedOnlyAfterRetryAfter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after time.Duration
		want  error
	}{
		"not before it has passed": {time.Hour, transport.ErrConnectionLost},
		"after it has passed":      {time.Nanosecond, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{refuse: []error{fmt.Errorf("%w: %w", transport.ErrUnreachable, transport.ErrConnectionLost)}}
			a := newAgent(t, host, func(o *hostagent.Options) { o.RetryAfter = c.after })
			if err := a.Ping(t.Context()); !errors.Is(err, transport.ErrConnectionLost) {
				t.Errorf("got %v", err)
			}
			if err := a.Ping(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	host := &fakeHost{handle: func(*fakeProcess, protocol.Request) { close(asked) }}
	a := newAgent(t, host, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if err := a.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestEventsArriveInOrderAndOnceDespiteLossAndDuplication(t *testing.T) {
	t.Parallel()
	for name, sequence := range map[string][]int64{
		"complete":                  {1, 2, 3, 4, 5},
		"duplicated":                {1, 1, 2, 3, 2, 3, 4, 5, 5},
		"two are lost":              {1, 4, 5},
		"all but the last are lost": {5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				if req.Request != protocol.RequestSubmit {
					return
				}
				if req.After > 0 || p.seen(req.Job) {
					p.answer(req, protocol.JobResult{Job: req.Job, Known: true})
					for seq := req.After + 1; seq <= 5; seq++ {
						p.event(req.Job, seq)
					}
					return
				}
				p.event(req.Job, sequence[0]) // before the answer
				p.answer(req, protocol.JobResult{Job: req.Job})
				for _, seq := range sequence[1:] {
					p.event(req.Job, seq)
				}
			}}
			a := newAgent(t, host, nil)
			stream, err := a.Submit(t.Context(), hostagent.JobRequest{Job: "j1", Definition: definition()})
			if err != nil {
				t.Fatal(err)
			}
			for want := int64(1); want <= 5; want++ {
				e, err := stream.Next(t.Context())
				if err != nil || e.Seq != want {
					t.Fatalf("event %d is %+v, %v", want, e, err)
				}
			}
			if _, err := stream.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("after the result: %v", err)
			}
		})
	}
}

func TestALostProcessEndsTheStreamOfItsJob(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		p.answer(req, protocol.JobResult{Job: req.Job})
		p.event(req.Job, 1)
		p.out <- result{err: transport.ErrProcessLost}
	}}
	a := newAgent(t, host, nil)
	stream, err := a.Submit(t.Context(), hostagent.JobRequest{Job: "j1", Definition: definition()})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := stream.Next(t.Context()); err != nil || e.Seq != 1 {
		t.Errorf("first: %+v, %v", e, err)
	}
	if _, err := stream.Next(t.Context()); !errors.Is(err, transport.ErrProcessLost) {
		t.Errorf("then: %v", err)
	}
}

func TestARefusedJobDoesNotRun(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		p.frame(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, Error: &job.Failure{Code: protocol.CodeSchemaMismatch, Message: "too old"}})
	}}
	a := newAgent(t, host, nil)
	_, err := a.Submit(t.Context(), hostagent.JobRequest{Job: "j1", Definition: definition()})
	var refused *hostagent.AgentError
	if !errors.As(err, &refused) || refused.Code != protocol.CodeSchemaMismatch {
		t.Errorf("got %v", err)
	}
}

func TestASubmissionWithdrawnBeforeItIsSentIsNeverSent(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(_ *fakeProcess, req protocol.Request) { t.Errorf("%s was sent", req.Request) }}
	connecting, release := make(chan struct{}), make(chan struct{})
	a := newAgent(t, host, func(o *hostagent.Options) {
		o.Connect = func(ctx context.Context, commandLine string, lost func()) (transport.Process, error) {
			close(connecting)
			<-release
			return host.connect(ctx, commandLine, lost)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-connecting; cancel() }()
	if _, err := a.Submit(ctx, hostagent.JobRequest{Job: "j1", Definition: definition()}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	if _, err := a.Hello(t.Context()); err != nil {
		t.Errorf("the session did not continue: %v", err)
	}
}

func TestASentSubmissionReturnsItsStreamAlthoughItsContextEnded(t *testing.T) {
	t.Parallel()
	sent := make(chan protocol.Request, 1)
	host := &fakeHost{}
	var process *fakeProcess
	host.handle = func(p *fakeProcess, req protocol.Request) { process = p; sent <- req }
	a := newAgent(t, host, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var req protocol.Request
	go func() { req = <-sent; cancel() }()
	stream, err := a.Submit(ctx, hostagent.JobRequest{Job: "j1", Definition: definition()})
	if err != nil {
		t.Fatal(err)
	}
	process.answer(req, protocol.JobResult{Job: "j1"})
	process.event("j1", 1)
	if e, err := stream.Next(t.Context()); err != nil || e.Seq != 1 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestAClosedAgentRejectsRequests(t *testing.T) {
	t.Parallel()
	a := newAgent(t, &fakeHost{}, nil)
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Ping(t.Context()); !errors.Is(err, hostagent.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestCloseDuringTheFirstRequestWaitsForItsSession(t *testing.T) {
	t.Parallel()
	for range 200 {
		host := &fakeHost{}
		a := newAgent(t, host, nil)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if _, err := a.Hello(t.Context()); err != nil && !errors.Is(err, hostagent.ErrClosed) {
					t.Error(err)
				}
			})
		}
		group.Go(func() {
			if err := a.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
		group.Wait()
	}
}
