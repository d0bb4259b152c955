// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"strings"
	"testing"
)

// guestWait waits for a heartbeat that never comes. Its clock advances only with pauses, and by 100 ms with each poll of the guest.
const guestWait = `
. '%agent%'
$fake = @{ Now = [long]0; Polls = 0; Longest = 0; Percent = -1; Ascending = $true }
function Enter-JobStep { param($Context, $Job, $Name, $MessageId, $Values) [System.Console]::WriteLine((Get-AgentMessage -Id $MessageId -Values $Values).Message) }
function Assert-JobNotCancelled { param($Context, $Job) if ($fake.Polls -eq %cancel%) { throw 'cancelled' } }
function Clear-HostObject { }
function Find-HostVM { param($Id) $fake.Polls++; $fake.Now += 100; return [pscustomobject]@{ State = 'Running'; Heartbeat = 'LostCommunication' } }
function Write-JobEvent {
    param($Context, $Job, $Kind, $Message, $Properties)
    if ($Properties.percent -lt $fake.Percent -or $Properties.percent -gt 100) { $fake.Ascending = $false }
    $fake.Percent = $Properties.percent
}
$job = @{ VMId = 'x'; Fields = [ordered]@{ wait_for = 'heartbeat'; wait_seconds = 60 } }
try {
    Invoke-ProvisionWait -Context @{} -Job $job -Clock { $fake.Now } -Pause {
        param($milliseconds)
        $fake.Now += $milliseconds
        if ($milliseconds -gt $fake.Longest) { $fake.Longest = $milliseconds }
    }
} catch { [System.Console]::WriteLine($_.Exception.Message) }
[System.Console]::WriteLine("at $($fake.Now) ms, longest pause $($fake.Longest) ms, percent ascending: $($fake.Ascending)")
`

func TestAWaitForTheGuestEndsByItsClock(t *testing.T) {
	t.Parallel()
	timeout := values{"condition": "a heartbeat", "seconds": 60, "status": "heartbeat lost_communication"}
	for name, c := range map[string]struct {
		cancel string
		err    func(*fixture) string
		end    string
	}{
		"at the time limit": {
			"-1",
			func(f *fixture) string { return f.message("wait_timeout", timeout) },
			"at 60100 ms, longest pause 5000 ms, percent ascending: True",
		},
		"when the job is cancelled": {
			"3",
			func(*fixture) string { return "cancelled" },
			"at 1487 ms, longest pause 562 ms, percent ascending: True",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			output, code := f.runScript(guestWait, "%cancel%", c.cancel)
			f.wantOutput(output, code, 0)
			want := f.message("step_wait", values{"seconds": 60, "condition": "a heartbeat"}) + "\n" + c.err(f) + "\n" + c.end
			if got := strings.TrimSpace(strings.ReplaceAll(output, "\r", "")); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
