// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// waiting waits for a guest that never comes, by a clock that goes on with the pauses alone and with each look at the guest.
const waiting = `
. '%agent%'
$fake = @{ Now = [long]0; Slept = [long]0; Looks = 0; Longest = 0; Percent = -1; Ascends = $true }
function Enter-JobStep { param($Context, $Job, $Name, $Message) [System.Console]::WriteLine($Message) }
function Assert-JobGoesOn { param($Context, $Job) if ($fake.Looks -eq %cancel%) { throw 'cancelled' } }
function Find-HostVM { param($Id) $fake.Looks++; $fake.Now += 100; return [pscustomobject]@{ State = 'Running'; Heartbeat = 'LostCommunication' } }
function Write-JobEvent {
    param($Context, $Job, $Kind, $Message, $More)
    if ($More.percent -lt $fake.Percent -or $More.percent -gt 100) { $fake.Ascends = $false }
    $fake.Percent = $More.percent
}
$job = @{ VMId = 'x'; Fields = [ordered]@{ wait_for = 'heartbeat'; wait_seconds = 60 } }
try {
    Invoke-ProvisionWait -Context @{} -Job $job -Clock { $fake.Now } -Pause {
        param($milliseconds)
        $fake.Now += $milliseconds
        $fake.Slept += $milliseconds
        if ($milliseconds -gt $fake.Longest) { $fake.Longest = $milliseconds }
    }
} catch { [System.Console]::WriteLine($_.Exception.Message) }
[System.Console]::WriteLine("at $($fake.Now) ms, longest pause $($fake.Longest) ms, percent ascends: $($fake.Ascends)")
`

func TestAWaitEndsByItsClock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ cancel, want string }{
		"when its time is over": {"-1", "no heartbeat came within 60 s; last seen: heartbeat lost_communication\nat 60100 ms, longest pause 5000 ms, percent ascends: True"},
		"when it is cancelled":  {"3", "cancelled\nat 1487 ms, longest pause 562 ms, percent ascends: True"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := byHand(t)
			bundle, script := filepath.Join(h.dir, "bundle.ps1"), filepath.Join(h.dir, "wait.ps1")
			h.must(os.WriteFile(bundle, agent.Bundle(), 0o600))
			h.must(os.WriteFile(script, []byte(strings.NewReplacer("%agent%", bundle, "%cancel%", c.cancel).Replace(waiting)), 0o600))
			output, err := exec.Command(h.pwsh, "-NoProfile", "-NonInteractive", "-File", script).CombinedOutput()
			h.must(err)
			want := "wait up to 60 s for a heartbeat\n" + c.want
			if got := strings.TrimSpace(strings.ReplaceAll(string(output), "\r", "")); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
