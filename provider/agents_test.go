// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// startHost starts a simulated host.
func startHost(t *testing.T, change func(*simhost.Options)) *simhost.Server {
	t.Helper()
	opts := simhost.Options{Username: "svc-terraform", Password: password}
	if change != nil {
		change(&opts)
	}
	server, err := simhost.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return server
}

// bothAgents runs a test with the fake agent, and with the real agent if HYPERVVM_PWSH is set.
func bothAgents(t *testing.T, test func(t *testing.T, server *simhost.Server)) {
	t.Helper()
	withAgents(t, 1, test)
}

// eachAgent is bothAgents for behaviour that other tests compare between the agents, too. The real agent takes seconds: it runs one of
// twelve such tests, or all with HYPERVVM_TEST_FULL.
func eachAgent(t *testing.T, test func(t *testing.T, server *simhost.Server)) {
	t.Helper()
	withAgents(t, 12, test)
}

// withAgents runs a test with the fake agent, and one of so many tests with the real agent.
func withAgents(t *testing.T, oneOf int, test func(t *testing.T, server *simhost.Server)) {
	t.Helper()
	t.Run("fake agent", func(t *testing.T) {
		t.Parallel()
		test(t, startHost(t, nil))
	})
	t.Run("real agent", func(t *testing.T) {
		t.Parallel()
		sample.OneOf(t, oneOf)
		test(t, realAgent(t))
	})
}

// realAgent starts a simulated host with the real agent, or skips the test. A server changes nothing for an agent, so that the real one
// runs behind it with HYPERVVM_TEST_FULL only.
func realAgent(t *testing.T) *simhost.Server {
	t.Helper()
	if isServed(t) && !sample.Full() {
		t.Skip("the real agent runs without a server: HYPERVVM_TEST_FULL=1 runs it behind one, too")
	}
	shell := os.Getenv("HYPERVVM_PWSH")
	if shell == "" {
		t.Skip("HYPERVVM_PWSH is not set: no PowerShell for the real agent")
	}
	return startHost(t, func(o *simhost.Options) { o.PowerShell = shell })
}

// realAgentInTurn is realAgent for a feature that the fake agent does not simulate. Such tests run by turns: those of one group of six,
// which cost about as much as those of another, or all with HYPERVVM_TEST_FULL.
func realAgentInTurn(t *testing.T, group int) *simhost.Server {
	t.Helper()
	sample.Turn(t, group, 6)
	return realAgent(t)
}
