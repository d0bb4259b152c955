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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// atOnce bounds what is to return at once, with room for a machine that is busy.
const atOnce = 2 * time.Second

func TestACancelInTheMidstOfASilentJob(t *testing.T) { // not parallel: it looks at all goroutines
	before := runtime.NumGoroutine()
	p := newSpeaker()
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
	run := submit(t, a)
	awaitPoll(server)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := run.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	begin := time.Now()
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := run.Next(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := a.Cancel(t.Context(), run.ID); err != nil { // a poll waits on the host all the while
		t.Error(err)
	}
	e, err := run.Next(t.Context())
	if err != nil || e.Result == nil || e.Outcome != job.Cancelled {
		t.Errorf("the job ended with %+v, %v", e, err)
	}
	took := time.Since(begin)
	if t.Logf("the caller was back, and the job had ended on the host, after %v", took); took > atOnce {
		t.Error("that is too long")
	}
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	client.Close()
	if c := server.Counters(); c.OpenShells != 0 || c.RunningProcesses != 0 {
		t.Errorf("the host is left with %+v", c)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	awaitGoroutines(t, before)
}

// TestLargePayloadsReachTheAgentWhole sends the real agent more than an envelope holds, in a form that does not compress.
func TestLargePayloadsReachTheAgentWhole(t *testing.T) {
	t.Parallel()
	shell := os.Getenv("HYPERVVM_PWSH")
	if shell == "" {
		t.Skip("HYPERVVM_PWSH names no PowerShell to run the agent with")
	}
	server, err := simhost.Start(simhost.Options{PowerShell: shell})
	if err != nil {
		t.Fatal(err)
	}
	a, closeAll, err := visit(server, agent.Bundle(), server.Username(), server.Password())
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 400<<10)
	_, _ = rand.Read(random)
	definition := matrixDefinition
	definition.Fields = append(definition.Fields, job.Field{ID: "notes", Value: hex.EncodeToString(random)})
	sends := server.Counters().ByAction[simhost.ActionSend]
	findings, err := a.Check(t.Context(), hostagent.Submission{Definition: definition}, nil)
	if err != nil || len(findings) > 0 {
		t.Errorf("got %v, %v", findings, err)
	}
	if n := server.Counters().ByAction[simhost.ActionSend] - sends; n < 4 {
		t.Errorf("it went in %d pieces", n)
	}
	closeAll()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}
