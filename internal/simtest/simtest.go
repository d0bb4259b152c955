// SPDX-License-Identifier: MPL-2.0

// Package simtest has helpers of tests that use a simulated host.
package simtest

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// Gate holds the calls of a cmdlet on a simulated host.
type Gate struct {
	t    testing.TB
	path string
}

// Hold makes the calls of a cmdlet wait until Release is called, or the end of the test.
func Hold(t testing.TB, server *simhost.Server, cmdlet string) *Gate {
	t.Helper()
	return HoldCall(t, server, cmdlet, hyperv.Call{})
}

// HoldCall is Hold for calls that also do what call says.
func HoldCall(t testing.TB, server *simhost.Server, cmdlet string, call hyperv.Call) *Gate {
	t.Helper()
	g := &Gate{t: t, path: filepath.Join(t.TempDir(), "gate")}
	if err := os.WriteFile(g.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call.Hold = g.path
	err := server.Store().Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{cmdlet: call}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(g.path) })
	return g
}

// AwaitCall waits for a call that is held.
func (g *Gate) AwaitCall() {
	g.t.Helper()
	WaitFor(g.t.Context(), g.t, "a call is held", func() bool {
		_, err := os.Stat(g.path + ".reached")
		return err == nil
	})
}

// Release lets the calls go on.
func (g *Gate) Release() {
	g.t.Helper()
	if err := os.Remove(g.path); err != nil {
		g.t.Fatal(err)
	}
}

// AwaitAnswer waits until the host has answered a request that was sent to its agent after the first requests of its log, such as the
// request to cancel a job. No job writes events meanwhile.
func AwaitAnswer(t testing.TB, server *simhost.Server, first int) {
	t.Helper()
	WaitFor(t.Context(), t, "an answer of the agent", func() bool {
		sent := false
		for _, e := range server.Log()[first:] {
			sent = sent || e.Action == simhost.ActionSend
			if sent && e.Action == simhost.ActionReceive && e.Status == http.StatusOK {
				return true
			}
		}
		return false
	})
}

// WaitFor polls until a condition holds that no event reports.
func WaitFor(ctx context.Context, t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("timeout while waiting: %s", what)
		}
	}
}
