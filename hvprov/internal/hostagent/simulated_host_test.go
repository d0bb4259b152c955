// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// beforeThePoll is a bound for operations that must not wait for the poll on the host, which takes 20 s.
const beforeThePoll = 15 * time.Second

func TestCancelOfASilentJobDoesNotWaitForThePoll(t *testing.T) { // not parallel: it counts goroutines
	before := runtime.NumGoroutine()
	p := newTestAgent()
	server, err := simhost.Start(simhost.Options{Programs: map[string]simhost.Program{"powershell": p.run}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := wsman.NewClient(winrm.Config{ // its operation timeout is 20 s
		Address: server.Address(), Port: server.Port(), TLS: true, CACert: server.CACertPEM(),
		Username: server.Username(), Password: server.Password(),
	})
	if err != nil {
		t.Fatal(err)
	}
	a := hostagent.New(hostagent.Options{Connect: client.Start, Bundle: bundle})
	stream := submit(t, a)
	awaitPoll(server)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := stream.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	begin := time.Now()
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := stream.Next(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := a.Cancel(t.Context(), stream.ID); err != nil { // a poll waits on the host meanwhile
		t.Error(err)
	}
	e, err := stream.Next(t.Context())
	if err != nil || e.Result == nil || e.Outcome != job.Cancelled {
		t.Errorf("the job ended with %+v, %v", e, err)
	}
	took := time.Since(begin)
	if t.Logf("the caller returned and the job ended after %v", took); took > beforeThePoll {
		t.Error("the cancellation waited for the poll")
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	client.Close()
	if c := server.Counters(); c.OpenShells != 0 || c.RunningProcesses != 0 {
		t.Errorf("the host still has %+v", c)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	awaitGoroutines(t, before)
}

// TestLargePayloadsReachTheAgentWhole sends more incompressible data than an envelope holds to the real agent.
func TestLargePayloadsReachTheAgentWhole(t *testing.T) {
	t.Parallel()
	shell := os.Getenv("HYPERVVM_PWSH")
	if shell == "" {
		t.Skip("needs the real agent: set HYPERVVM_PWSH to a PowerShell")
	}
	server, err := simhost.Start(simhost.Options{PowerShell: shell})
	if err != nil {
		t.Fatal(err)
	}
	// An engine that starts on a machine with much load is silent for long.
	a, closeAll, err := newPatientClient(server, agent.Bundle(), server.Username(), server.Password(), 60)
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 400<<10)
	_, _ = rand.Read(random)
	definition := matrixDefinition
	definition.Fields = append(definition.Fields, job.Field{ID: "notes", Value: hex.EncodeToString(random)})
	sends := server.Counters().ByAction[simhost.ActionSend]
	findings, err := a.Check(t.Context(), hostagent.JobRequest{Definition: definition}, nil)
	if err != nil || len(findings) > 0 {
		t.Errorf("got %v, %v", findings, err)
	}
	if n := server.Counters().ByAction[simhost.ActionSend] - sends; n < 4 {
		t.Errorf("it was sent in %d pieces, want at least 4", n)
	}
	closeAll()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}
