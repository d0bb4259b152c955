// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"strings"
	"testing"
)

// TestAWaitingJobOpensOnlyTheOldestTicket counts the files that one look at the queue opens.
func TestAWaitingJobOpensOnlyTheOldestTicket(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$null = [System.IO.Directory]::CreateDirectory('queue')
$queue = [System.IO.Path]::GetFullPath('queue')
$held = foreach ($number in 10..59) { [System.IO.File]::Open("$queue/$number", 'CreateNew', 'ReadWrite', 'None') }
[System.IO.File]::WriteAllText("$queue/05", '') # of a process that died
${function:Open-Real} = ${function:Lock-File}
$script:Opened = 0
function Lock-File { param($Path, $Mode, $Options) $script:Opened++; Open-Real @PSBoundParameters }
'' + (Get-JobQueuePosition -Queue $queue -Ticket "$queue/60") + ' ' + $script:Opened + ' ' + [System.IO.File]::Exists("$queue/05")
$script:Opened = 0
'' + (Get-JobQueuePosition -Queue $queue -Ticket "$queue/10") + ' ' + $script:Opened
`)
	if got := strings.Join(strings.Fields(output), " "); code != 0 || got != "50 2 False 0 0" {
		t.Errorf("exit code %d: %s", code, output)
	}
}
