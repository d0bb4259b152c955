// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// A session works with the fake agent and with the real agent.
func TestSessionOfTheAgent(t *testing.T) {
	t.Parallel()
	for name, pwsh := range map[string]string{"answered in Go": "", "run by PowerShell": os.Getenv("HYPERVVM_PWSH")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "run by PowerShell" && pwsh == "" {
				t.Skip("needs a PowerShell: set HYPERVVM_PWSH")
			}
			w := dial(t, start(t, basicAuth(Options{PowerShell: pwsh})))
			bundle := agent.Bundle()
			sum := sha256.Sum256(bundle)
			script, err := protocol.Bootstrap(protocol.BootstrapInfo{Token: "token12345678", SHA256: hex.EncodeToString(sum[:])})
			if err != nil {
				t.Fatal(err)
			}
			shell := w.create()
			id := w.command(shell, protocol.CommandLine(script))
			w.must(sendRequest(shell, id, string(protocol.EncodeText(bundle))+"\n", false))
			w.must(sendRequest(shell, id, `{"id":"1","request":"hello"}`+"\n", true))
			all := w.receiveAll(shell, id)
			var hello protocol.HelloResult
			for line := range strings.Lines(all.stdout) {
				_, payload, ok := protocol.FindFrame([]byte(line), "token12345678")
				if !ok {
					continue
				}
				var m protocol.Message
				if err := protocol.Decode(payload, &m); err != nil || !m.OK {
					t.Fatalf("answer %s: %v", payload, err)
				}
				if err := json.Unmarshal(m.Result, &hello); err != nil {
					t.Fatal(err)
				}
			}
			if hello.Host != "SIMHOST" || hello.Agent != agent.Version || all.exit != "0" {
				t.Errorf("got %+v, exit %s\n%s%s", hello, all.exit, all.stdout, all.stderr)
			}
			if n := w.server.Counters(); n.Processes != 1 {
				t.Errorf("%d processes", n.Processes)
			}
		})
	}
}
