// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// The fault matrix: something goes wrong once, with one action, at one moment of a job, and the job's events arrive all the
// same, each once and in order. What is lost with a session is taken up by another.

var matrixFaults = []struct {
	name  string
	fault simhost.Fault
}{
	{"drop before", simhost.FaultDropBefore},
	{"drop after", simhost.FaultDropAfter},
	{"reset in the body", simhost.FaultResetBody},
	{"truncated body", simhost.FaultTruncate},
	{"slow body", simhost.FaultSlowBody},
	{"black hole", simhost.FaultBlackHole},
	{"HTTP 503", simhost.FaultUnavailable},
	{"HTTP 401", simhost.FaultUnauthorized},
	{"fault 170", simhost.FaultBusy},
	{"doubled answer", simhost.FaultRepeat},
	{"reboot", simhost.FaultReboot},
}

var matrixActions = []string{
	simhost.ActionCreate, simhost.ActionCommand, simhost.ActionSend, simhost.ActionReceive, simhost.ActionSignal, simhost.ActionDelete,
}

// full has the tests leave nothing out.
var full = os.Getenv("HYPERVVM_TEST_FULL") != ""

// moments of the job, by how many of its events have arrived.
var moments = []struct {
	name string
	at   int
}{
	{"before it begins", 0},
	{"in its midst", matrixEvents / 2},
	{"as it ends", matrixEvents - 1},
	{"after its end", matrixEvents},
}

const matrixEvents = 1000

// visitor is the account, and the password, of the client beside the one that follows the job.
const visitor = "Visitor"

// cell is one entry of the matrix.
type cell struct {
	plain  bool // sealed NTLM over HTTP; else NTLM over TLS
	action string
	fault  int // index in matrixFaults
	moment int // index in moments
}

func (c cell) String() string {
	way := "TLS"
	if c.plain {
		way = "sealed"
	}
	return fmt.Sprintf("%s, %s on %s, %s", way, matrixFaults[c.fault].name, c.action, moments[c.moment].name)
}

func TestFaultMatrix(t *testing.T) { // not parallel: it looks at all goroutines
	var cells []cell
	for _, plain := range []bool{false, true} {
		for i, action := range matrixActions {
			for fault := range matrixFaults {
				for moment := range moments {
					// The race detector makes them slow: then half of them, in turn.
					if raceDetector && !full && (i+fault+moment)%2 == 0 == plain {
						continue
					}
					cells = append(cells, cell{plain, action, fault, moment})
				}
			}
		}
	}
	fired := runMatrix(t, cells, 24, "")
	t.Logf("%d cells: the fault struck in %d of them", len(cells), fired)
	if fired != len(cells) {
		t.Errorf("the fault did not strike in %d cells", len(cells)-fired)
	}
}

func TestFaultMatrixWithPowerShell(t *testing.T) { // not parallel: see above
	shell := os.Getenv("HYPERVVM_PWSH")
	if shell == "" {
		t.Skip("HYPERVVM_PWSH names no PowerShell to run an agent with")
	}
	var cells []cell
	for i, action := range matrixActions {
		for fault := range matrixFaults { // each fault with each action, the moments and ways in turn
			if !full && fault%len(matrixActions) != i {
				continue // each fault with one action: the double goes through all
			}
			cells = append(cells, cell{fault%2 == 0, action, fault, (i + fault) % len(moments)})
		}
	}
	fired := runMatrix(t, cells, 6, shell)
	t.Logf("%d cells: the fault struck in %d of them", len(cells), fired)
	if fired != len(cells) {
		t.Errorf("the fault did not strike in %d cells", len(cells)-fired)
	}
}

// runMatrix runs cells, several at a time, and gives in how many the fault struck. Without a PowerShell, the agent is one in Go.
func runMatrix(t *testing.T, cells []cell, atOnce int, shell string) (fired int) {
	before := runtime.NumGoroutine()
	var (
		mu    sync.Mutex
		group sync.WaitGroup
	)
	places := make(chan struct{}, atOnce)
	for _, c := range cells {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			struck, err := c.run(shell)
			mu.Lock()
			defer mu.Unlock()
			if struck {
				fired++
			}
			if err != nil {
				t.Errorf("%s: %v", c, err)
			}
		})
	}
	group.Wait()
	awaitGoroutines(t, before)
	return fired
}

// awaitGoroutines fails if there are more goroutines than before, and stays so.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	limit := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(limit) {
		runtime.Gosched() // those that have been told to end need to be scheduled
	}
	if n := runtime.NumGoroutine(); n > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines were left:\n%s", n-before, stacks[:runtime.Stack(stacks, true)])
	}
}

// trap strikes once, with the first request of an action after it was armed: of input and output, with the follower's own.
type trap struct {
	action string
	fault  simhost.Fault

	mu     sync.Mutex
	armed  bool
	struck bool
}

func (p *trap) arm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = true
}

func (p *trap) decide(r simhost.Request) simhost.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := r.Action == simhost.ActionSend || r.Action == simhost.ActionReceive
	if !p.armed || p.struck || r.Action != p.action || own && r.User == visitor {
		return simhost.FaultNone
	}
	p.struck = true
	return p.fault
}

func (c cell) run(shell string) (struck bool, err error) {
	p := &trap{action: c.action, fault: matrixFaults[c.fault].fault}
	clock := newLongClock()
	options := simhost.Options{
		PlainHTTP: c.plain, Faults: p.decide, Clock: clock,
		Accounts: map[string]simhost.AccountState{visitor: {Password: visitor}},
	}
	lastPoll := shell == "" && c.action == simhost.ActionReceive && moments[c.moment].at == matrixEvents-1
	ended := make(chan struct{})
	follower := &follower{end: sync.OnceFunc(func() { close(ended) })}
	script := []byte(countingScript)
	if options.PowerShell = shell; shell == "" {
		script = bundle
		agent := &counting{end: ended, asked: func() {}}
		if lastPoll { // the one that the result comes with, when nothing else is awaited
			agent.asked = p.arm
		}
		agent.behind = follower.behind.Load
		options.Programs = map[string]simhost.Program{"powershell": agent.run}
	}
	server, err := simhost.Start(options)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	follower.connect = func() (*hostagent.Agent, func(), error) {
		return visit(server, script, server.Username(), server.Password())
	}
	err = follower.follow(ctx, func(seen int) error {
		if seen != moments[c.moment].at {
			return nil
		}
		if !lastPoll {
			p.arm()
		}
		// Another client comes and goes, so that each action happens at this moment. What it meets is its own affair, as
		// long as the error is one that it can act on.
		return other(ctx, server, script)
	})
	if err != nil {
		return p.struck, err
	}
	return p.struck, leftShells(server, clock, c)
}

// other is a client beside the one that follows the job.
func other(ctx context.Context, server *simhost.Server, script []byte) error {
	agent, closeAll, err := visit(server, script, visitor, visitor)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := agent.Ping(ctx); err != nil && !isTyped(err) {
		return fmt.Errorf("another client got an error of no type: %w", err)
	}
	return ctx.Err()
}

// visit gives an agent with a client of its own, as another program would have.
func visit(server *simhost.Server, script []byte, user, password string) (*hostagent.Agent, func(), error) {
	client, err := wsman.NewClient(winrm.Config{
		Address: server.Address(), Port: server.Port(), TLS: server.CACertPEM() != nil, CACert: server.CACertPEM(),
		Username: user, Password: password,
		OperationTimeout: 2 * time.Second, ResponseMargin: time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	agent := hostagent.New(hostagent.Options{Connect: client.Start, Bundle: script})
	return agent, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = agent.Close(ctx) // a shell that could not be closed is looked for on the host
		client.Close()
	}, nil
}

func isTyped(err error) bool {
	for _, class := range []error{
		transport.ErrConnectionLost, transport.ErrTimeout, transport.ErrBusy, transport.ErrAuth, transport.ErrQuota, transport.ErrProcessLost,
		hostagent.ErrProcessEnded, hostagent.ErrUnresponsive,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// follower takes a job's events to the result, by as many sessions as it takes.
type follower struct {
	end     func()      // lets the job end
	behind  atomic.Bool // all but the result has arrived
	connect func() (*hostagent.Agent, func(), error)
	last    int64
}

func (f *follower) follow(ctx context.Context, at func(seen int) error) error {
	if err := at(0); err != nil {
		return err
	}
	for session := 1; ; session++ {
		done, err := f.session(ctx, session > 1, at)
		switch {
		case done:
			return err
		case err == nil || !isTyped(err):
			return fmt.Errorf("session %d, after event %d: got %w, want a typed error", session, f.last, err)
		case session == 4:
			return fmt.Errorf("the job could not be attached to: %w", err)
		}
	}
}

func (f *follower) session(ctx context.Context, again bool, at func(seen int) error) (done bool, err error) {
	agent, closeAll, err := f.connect()
	if err != nil {
		return true, err
	}
	defer closeAll()
	var run *hostagent.Run
	if again && f.last > 0 {
		run, err = agent.Attach(ctx, matrixJob, f.last)
	} else {
		run, err = agent.Submit(ctx, hostagent.Submission{Job: matrixJob, Definition: matrixDefinition})
	}
	for err == nil {
		var e job.Event
		if e, err = run.Next(ctx); err != nil {
			break
		}
		if e.Seq != f.last+1 {
			return true, fmt.Errorf("event %d came behind event %d", e.Seq, f.last)
		}
		f.last = e.Seq
		if e.Kind == job.KindResult {
			return true, errors.Join(f.whole(ctx, run, e), at(int(f.last)), f.ask(ctx, agent))
		}
		if err := at(int(f.last)); err != nil {
			return true, err
		}
		if err := f.ask(ctx, agent); err != nil {
			return true, err
		}
		if f.last == matrixEvents-1 {
			f.end()
		}
	}
	return ctx.Err() != nil, err
}

// ask has input and output pass at each moment. The answer to the first question ends the
// poll that was under way when the moment came.
func (f *follower) ask(ctx context.Context, agent *hostagent.Agent) error {
	if f.last != matrixEvents/2 && f.last < matrixEvents-1 {
		return nil
	}
	f.behind.Store(f.last == matrixEvents-1)
	for range 2 {
		if err := agent.Ping(ctx); err != nil && !isTyped(err) {
			return err
		}
	}
	return nil
}

func (f *follower) whole(ctx context.Context, run *hostagent.Run, e job.Event) error {
	if f.last != matrixEvents || e.Result == nil || e.Outcome != job.Succeeded {
		return fmt.Errorf("the job ended with event %d, %+v", f.last, e.Result)
	}
	if _, err := run.Next(ctx); !errors.Is(err, io.EOF) {
		return fmt.Errorf("behind the result came %w", err)
	}
	return nil
}

// leftShells looks for shells that are open on the host when all clients have gone. One whose Create was answered to nobody
// lives until its idle limit, and no longer; the same holds for one whose Delete never arrived.
func leftShells(server *simhost.Server, clock *longClock, c cell) error {
	left := server.Counters().OpenShells
	if left == 0 {
		return nil
	}
	if c.action != simhost.ActionCreate && c.action != simhost.ActionDelete && c.action != simhost.ActionSignal {
		return fmt.Errorf("%d shells are open", left)
	}
	clock.long.Advance(16 * time.Minute)
	if n := server.Counters().OpenShells; n != 0 || left > 1 {
		return fmt.Errorf("%d shells were open, and %d beyond their idle limit", left, n)
	}
	return nil
}

// longClock is the system's clock for what takes less than a minute, and stands still for the rest.
type longClock struct {
	long *simhost.ManualClock
}

func newLongClock() *longClock { return &longClock{simhost.NewManualClock(time.Now())} }

func (c *longClock) Now() time.Time { return c.long.Now() }

func (c *longClock) AfterFunc(d time.Duration, f func()) func() {
	if d >= time.Minute {
		return c.long.AfterFunc(d, f)
	}
	timer := time.AfterFunc(d, f)
	return func() { timer.Stop() }
}

var matrixDefinition = job.Definition{
	Schema: job.SchemaRef{ID: "vm-provisioning", Version: 1}, Operation: job.OperationProvision,
	Fields: job.Fields{{ID: "vm_name", Value: "web-01"}},
}

const matrixJob = "7d1c3c6e-0d54-4c6b-9a0e-0f4f2f1f6f01"

func matrixMessage(seq int) string {
	return fmt.Sprintf("line %d %s", seq, strings.Repeat("Ü", seq%50))
}
