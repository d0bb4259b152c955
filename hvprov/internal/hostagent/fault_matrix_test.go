// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// The fault matrix: one fault strikes one action at one moment of a job, and the events of the job still arrive, each once and in
// order. When a session is lost, another one attaches to the job.

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

// full makes the tests run whole matrices.
var full = sample.Full()

// moments of the job, by the number of events that have arrived.
var moments = []struct {
	name string
	at   int
}{
	{"before the job", 0},
	{"in the middle", matrixEvents / 2},
	{"before the result", matrixEvents - 1},
	{"after the result", matrixEvents},
}

const matrixEvents = 1000

// secondUser is the account, and the password, of the second client.
const secondUser = "Second"

// cell is one combination of the matrix.
type cell struct {
	plain  bool // sealed NTLM over HTTP instead of NTLM over TLS
	action string
	fault  int // index in matrixFaults
	moment int // index in moments
}

func (c cell) String() string {
	over := "TLS"
	if c.plain {
		over = "sealed"
	}
	return fmt.Sprintf("%s, %s on %s, %s", over, matrixFaults[c.fault].name, c.action, moments[c.moment].name)
}

func TestFaultMatrix(t *testing.T) { // not parallel: it counts goroutines
	oneOf := 4 // a quarter of the matrix, under the race detector an eighth
	if raceDetector {
		oneOf = 8
	}
	if !full {
		t.Logf("one of %d cells runs: HYPERVVM_TEST_FULL=1 runs all", oneOf)
	}
	var cells []cell
	for _, plain := range []bool{false, true} {
		for i, action := range matrixActions {
			for fault := range matrixFaults {
				for moment := range moments {
					if !sample.Takes(i+fault+moment+index(plain), oneOf) {
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
		t.Skip("needs a PowerShell: set HYPERVVM_PWSH")
	}
	if !full {
		t.Log("a sixth of the faults strike, each with one action: HYPERVVM_TEST_FULL=1 runs each with each action")
	}
	var cells []cell
	for i, action := range matrixActions {
		for fault := range matrixFaults { // each fault with each action; moments and transports alternate
			if !full && (fault%len(matrixActions) != i || !sample.Takes(fault, 6)) {
				continue // TestFaultMatrix covers the others
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

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// runMatrix runs cells, several at a time, and returns in how many of them the fault struck. Without a PowerShell the agent is a
// countingAgent.
func runMatrix(t *testing.T, cells []cell, parallel int, shell string) (fired int) {
	before := runtime.NumGoroutine()
	var (
		mu    sync.Mutex
		group sync.WaitGroup
	)
	slots := make(chan struct{}, parallel)
	for _, c := range cells {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
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

// awaitGoroutines waits until there are no more goroutines than before.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	limit := time.Now().Add(2 * time.Minute)
	for runtime.NumGoroutine() > before && time.Now().Before(limit) {
		runtime.Gosched() // ending goroutines need to be scheduled
	}
	if n := runtime.NumGoroutine(); n > before {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines leaked:\n%s", n-before, stacks[:runtime.Stack(stacks, true)])
	}
}

// trap injects a fault once, into the first request of an action after it was armed. For Send and Receive that is a request of the
// first client.
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
	firstOnly := r.Action == simhost.ActionSend || r.Action == simhost.ActionReceive
	if !p.armed || p.struck || r.Action != p.action || firstOnly && r.User == secondUser {
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
		Accounts: map[string]simhost.AccountState{secondUser: {Password: secondUser}},
	}
	lastPoll := shell == "" && c.action == simhost.ActionReceive && moments[c.moment].at == matrixEvents-1
	ended := make(chan struct{})
	follower := &follower{end: sync.OnceFunc(func() { close(ended) })}
	script := []byte(countingScript)
	if options.PowerShell = shell; shell == "" {
		script = bundle
		agent := &countingAgent{end: ended, afterPings: func() {}}
		if lastPoll { // the poll that returns the result, when nothing else is pending
			agent.afterPings = p.arm
		}
		agent.allButResult = follower.allButResult.Load
		options.Programs = map[string]simhost.Program{"powershell": agent.run}
	}
	server, err := simhost.Start(options)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()

	follower.connect = func() (*hostagent.Agent, func(), error) {
		return newClient(server, script, server.Username(), server.Password())
	}
	err = follower.follow(ctx, func(seen int) error {
		if seen != moments[c.moment].at {
			return nil
		}
		if !lastPoll {
			p.arm()
		}
		// A second client connects and leaves, so that each action happens at this moment. Its requests may fail, but only with
		// a typed error.
		return connectSecondClient(ctx, server, script)
	})
	if err != nil {
		return p.struck, err
	}
	return p.struck, leftShells(server, clock, c)
}

// connectSecondClient makes one request with a second client.
func connectSecondClient(ctx context.Context, server *simhost.Server, script []byte) error {
	agent, closeAll, err := newClient(server, script, secondUser, secondUser)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := agent.Ping(ctx); err != nil && !isTyped(err) {
		return fmt.Errorf("second client: error without a type: %w", err)
	}
	return ctx.Err()
}

// newClient returns an agent with a separate client, like another program.
func newClient(server *simhost.Server, script []byte, user, password string) (*hostagent.Agent, func(), error) {
	return newPatientClient(server, script, user, password, 0)
}

// newPatientClient returns a client that waits for a number of polls without output; 0 is the default of the agent.
func newPatientClient(server *simhost.Server, script []byte, user, password string, silentPolls int) (*hostagent.Agent, func(), error) {
	client, err := wsman.NewClient(winrm.Config{
		Address: server.Address(), Port: server.Port(), TLS: server.CACertPEM() != nil, CACert: server.CACertPEM(),
		Username: user, Password: password,
		OperationTimeout: 2 * time.Second, ResponseMargin: time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	agent := hostagent.New(hostagent.Options{Connect: client.Start, Bundle: script, SilentPolls: silentPolls})
	return agent, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = agent.Close(ctx) // leftShells finds a shell that could not be closed
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
