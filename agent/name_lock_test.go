// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"regexp"
	"strings"
	"testing"
)

func TestTheLockOfNamesHasABoundAndNamesItsHolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Get-AgentAccount { 'LAB\svc-one' }
function New-TestJob { param($Id) New-AgentJob -Id $Id -Definition @{ Operation = 'provision'; Fields = @{ vm_name = 'web' } } }
function Show-Failure { param($ErrorRecord) $failure = ConvertTo-AgentFailure -ErrorRecord $ErrorRecord; "$($failure['code']): $($failure['message']); $($failure['remedy'])" }
$one = New-TestJob 'a0000000-0000-4000-8000-000000000001'
$two = New-TestJob 'a0000000-0000-4000-8000-000000000002'
$held = Lock-VMName -Job $one -Context (New-AgentContext -Token '' -Writer ([System.Console]::Out))
try { $null = Lock-VMName -Seconds 0 } catch { Show-Failure $_ }
"pid $PID"

# The job that waits is cancelled.
$context = New-JobContext -Key $two.Id -Agent ''
$null = [System.IO.Directory]::CreateDirectory((Get-JobFolder -Key $two.Id))
$script:Waits = 0
function Start-Sleep { if (++$script:Waits -eq 3) { [System.IO.File]::WriteAllText((Get-JobFile -Key $two.Id -Name 'cancel'), '') } }
try { $null = Lock-VMName -Context $context -Job $two } catch { "$(Show-Failure $_), waits $($script:Waits)" }

# The lock is released while a job waits for it.
$script:Waits = 0
function Start-Sleep { if (++$script:Waits -eq 2) { Unlock-VMName -Lock $held } }
$held = Lock-VMName
"locked, waits $($script:Waits)"
Unlock-VMName -Lock $held
Get-NameLockHolder
`)
	f.wantOutput(output, code, 0, "locked, waits 2", "cancelled: ", ", waits 3", "another process")
	pid := regexp.MustCompile(`pid (\d+)`).FindStringSubmatch(output)
	if pid == nil {
		t.Fatalf("no process in the output:\n%s", output)
	}
	f.wantOutput(output, code, 0, `step_failed: job a0000000-0000-4000-8000-000000000001 (process `+pid[1]+`, account LAB\svc-one) has been creating or renaming a virtual machine for 0 s; retry the job`)
}

// TestTheLockOfNamesEndsWithItsProcess kills a process that has the lock.
func TestTheLockOfNamesEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`. '%agent%'
$null = Lock-VMName
[System.Diagnostics.Process]::GetCurrentProcess().Kill()
`)
	if code == 0 {
		t.Fatalf("the process ended by itself:\n%s", output)
	}
	output, code = f.runScript(`. '%agent%'
$null = Lock-VMName -Seconds 0
'locked'
`)
	f.wantOutput(output, code, 0, "locked")
}

func TestALockOfNamesThatTheAccountMayNotOpen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Lock-File { throw (New-Object -TypeName System.UnauthorizedAccessException -ArgumentList 'Access to the path is denied.') }
try { $null = Lock-VMName } catch { $failure = ConvertTo-AgentFailure -ErrorRecord $_; "$($failure['code']): $($failure['message']); $($failure['remedy'])" }
`)
	f.wantOutput(output, code, 0, "access_denied: the account may not open ", "names.lock, which locks the names of virtual machines", grantCommand)
}

// TestNoNameOfTheSystemIsShared looks for objects of Windows that any account of the host can create first, under a name that it knows.
func TestNoNameOfTheSystemIsShared(t *testing.T) {
	t.Parallel()
	known := regexp.MustCompile(`(?i)'(Global|Local)\\|Threading\.(Mutex|Semaphore|EventWaitHandle)\b`)
	for name, text := range scripts(t) {
		for i, line := range strings.Split(text, "\n") {
			if found := known.FindString(line); found != "" && strings.HasPrefix(name, "lib/") {
				t.Errorf("%s:%d: %s: use a lock file in the data folder", name, i+1, found)
			}
		}
	}
}
