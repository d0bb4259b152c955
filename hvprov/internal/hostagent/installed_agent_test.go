// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// TestAnAgentOnTheHostRunsOnlyWithTheExpectedContent starts sessions of the real agent on a host with a file in the agent's place.
func TestAnAgentOnTheHostRunsOnlyWithTheExpectedContent(t *testing.T) {
	t.Parallel()
	shell := os.Getenv("HYPERVVM_PWSH")
	if shell == "" {
		t.Skip("needs the real agent: set HYPERVVM_PWSH to a PowerShell")
	}
	text := agent.Bundle()
	for name, c := range map[string]struct {
		content []byte
		sent    bool // the client sends the text
	}{
		"the agent":                   {text, false},
		"a damaged agent":             {text[:len(text)/2], true},
		"an agent with one more line": {append(agent.Bundle(), "New-Item -ItemType File -Path (Join-Path -Path $env:ProgramData -ChildPath 'ran')\n"...), true},
		"an empty file":               {nil, true},
		"another script":              {[]byte("New-Item -ItemType File -Path (Join-Path -Path $env:ProgramData -ChildPath 'ran'); exit"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := simhost.Start(simhost.Options{PowerShell: shell})
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(text)
			folder := filepath.Join(server.ProgramData(), "hypervvm", "agent", agent.Version+"-"+hex.EncodeToString(sum[:8]))
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "agent.ps1"), c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			a, closeAll, err := newPatientClient(server, text, server.Username(), server.Password(), 60) // a loaded computer is slow
			if err != nil {
				t.Fatal(err)
			}
			hello, err := a.Hello(t.Context())
			if err != nil || hello.Agent != agent.Version {
				t.Errorf("got %+v, %v", hello, err)
			}
			if _, err := os.Stat(filepath.Join(server.ProgramData(), "ran")); err == nil {
				t.Error("another script ran")
			}
			if sent := server.Counters().BytesIn > int64(len(text)/4); sent != c.sent {
				t.Errorf("the text was sent: %v, want %v; %d bytes in all", sent, c.sent, server.Counters().BytesIn)
			}
			closeAll()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
