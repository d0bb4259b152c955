// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// domainJoin are the settings of a guest that joins a domain.
const domainJoin = `"guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": "LAB\\join", "guest_domain_joinpw": "` + secret + `"`

func TestPowerShellDirectJoinsAGuestToItsDomain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runJob(guestJob("windows", domainJoin+`, "guest_powershell_direct": "join"`))
	f.wantOutput(output, code, 0, f.message("guest_direct_joined", values{"domain": "corp.lab.example"}), f.message("guest_direct_verified", nil), "succeeded: ")
	f.wantNoSecret(output)
	f.wantNoTrace()
	if f.Failed() {
		return
	}
	if g := f.vms()[0].Guest; g == nil || !g.Member || g.Domain != "corp.lab.example" {
		t.Errorf("the guest is %+v", g)
	}
}

func TestAGuestThatPowerShellDirectDoesNotVerifyIsAWarning(t *testing.T) {
	t.Parallel()
	for direct, want := range map[hyperv.Direct]string{
		hyperv.DirectNotRunning:  "is not in running state",
		hyperv.DirectRefused:     "The credential is invalid.",
		hyperv.DirectUnsupported: "A remote session might have ended.",
		hyperv.DirectLeftover:    "the guest still has answer files",
	} {
		t.Run(string(direct), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Guest.Direct = direct; return nil }))
			output, code := f.runJob(guestJob("windows", `"guest_powershell_direct": "verify"`))
			f.wantOutput(output, code, 0, "guest_direct: warning: ", want, "succeeded: ")
			f.wantNoSecret(output)
		})
	}
}

func TestADomainThatPowerShellDirectCannotJoinFailsTheJob(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Guest.Direct = hyperv.DirectNoDomain; return nil }))
	output, code := f.runJob(guestJob("windows", domainJoin+`, "guest_powershell_direct": "join"`))
	f.wantOutput(output, code, 1, "the guest was not joined to domain corp.lab.example: Computer 'by-hand' failed to join", "KB5066360")
	f.wantNoSecret(output)
	if vms := f.vms(); len(vms) != 0 {
		t.Errorf("left: %+v", vms)
	}
}

// answeredDirect runs the part of the guest in guests that are, and are not, members of a domain, and the step with their answers, and with
// one of a guest that did nothing.
const answeredDirect = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$env:SystemRoot = '%dir%'
function Enter-JobStep { }
function Write-JobEvent { param($Context, $Job, $Kind, $Message, $MessageId, $Values) [System.Console]::WriteLine("${Kind}: $Message$MessageId") }
function Get-CimInstance { param($ClassName, $Property) [pscustomobject]@{ Name = 'WEB'; PartOfDomain = $is -ne 'WORKGROUP'; Domain = $is } }
function Add-Computer { [CmdletBinding()] param($DomainName, $Credential, $OUPath, [switch] $Force) [System.Console]::WriteLine("joins $DomainName $OUPath") }
function shutdown.exe { [System.Console]::WriteLine('restarts') }
function Invoke-DirectProcess {
    if ($case -eq 'nothing') { return @{ Problem = ''; Name = 'WEB'; Domain = 'WORKGROUP'; Joined = $false; Files = [string[]]@() } }
    $arguments = @()
    if ($purpose -eq 'join') { $arguments = 'corp.lab.example', $null, 'OU=lab' }
    $answer = Invoke-DirectGuest @arguments
    return @{ Problem = ''; Name = $answer.Name; Domain = $answer.Domain; Joined = $answer.Joined; Files = [string[]]@($answer.Files) }
}
foreach ($case in 'verify CORP.lab.example', 'verify WORKGROUP', 'verify other.lab.example', 'join CORP.lab.example', 'join WORKGROUP', 'nothing') {
    [System.Console]::WriteLine("case $case")
    $purpose, $is = "$case -".Split(' ')[0, 1]
    if ($case -eq 'nothing') { $purpose = 'join' }
    $job = @{ VMId = ''; Secrets = @(); Fields = [ordered]@{ vm_name = 'web'; os_family = 'windows'; guest_domain_jointarget = 'corp.lab.example'; guest_powershell_direct = $purpose } }
    try { Invoke-ProvisionGuestDirect -Context @{ Key = '' } -Job $job } catch { [System.Console]::WriteLine("error: $($_.Exception.Message)") }
}
`

func TestOnlyAGuestThatPowerShellDirectJoinedOrThatIsAMemberSucceeds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(answeredDirect, "%dir%", f.dir)
	f.wantOutput(output, code, 0)
	want := strings.Join([]string{
		"case verify CORP.lab.example", "log: guest_direct_verified",
		"case verify WORKGROUP", "warning: " + f.message("guest_direct_workgroup", values{"wanted": "corp.lab.example"}),
		"case verify other.lab.example", "warning: " + f.message("guest_direct_domain", values{"domain": "other.lab.example", "wanted": "corp.lab.example"}),
		"case join CORP.lab.example", "log: guest_direct_verified",
		"case join WORKGROUP", "joins corp.lab.example OU=lab", "restarts", "log: guest_direct_joined", "log: guest_direct_verified",
		"case nothing", "error: " + f.message("guest_direct_join_failed", values{
			"domain": "corp.lab.example", "reason": f.message("guest_direct_domain", values{"domain": "WORKGROUP", "wanted": "corp.lab.example"}),
		}),
	}, "\n")
	if got := strings.TrimSpace(strings.ReplaceAll(output, "\r", "")); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestTheProcessOfPowerShellDirectFitsIntoACommandLine: Windows limits one to 32,767 characters.
func TestTheProcessOfPowerShellDirectFitsIntoACommandLine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`. '%agent%'; [System.Console]::WriteLine((Get-ScriptArgument -Text (Get-DirectScript)).Length)`)
	f.wantOutput(output, code, 0)
	if length, err := strconv.Atoi(strings.TrimSpace(output)); err != nil || length > 30000 {
		t.Errorf("the arguments have %q characters: %v", strings.TrimSpace(output), err)
	}
}

// hangingDirect runs the step against a guest whose connection does not end. It prints the events, and whether the process was ended.
const hangingDirect = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$seen = @{ Process = $null; Looks = 0 }
function Enter-JobStep { }
function Write-JobEvent { param($Context, $Job, $Kind, $Message, $MessageId, $Values) [System.Console]::WriteLine("${Kind}: $Message") }
function Assert-JobNotCancelled { param($Context, $Job) $seen.Looks++; if ($seen.Looks -eq %cancel%) { throw 'cancelled' } }
$start = Get-Command -Name 'Start-DirectProcess' -CommandType Function
$real = $start.ScriptBlock
function Start-DirectProcess { $seen.Process = & $real; $seen.Id = $seen.Process.Id; return $seen.Process }
$job = @{ VMId = '%vm%'; Secrets = @(); Fields = [ordered]@{ vm_name = 'web'; os_family = 'windows'; guest_la_uid = 'ops'; guest_la_pw = '%secret%'; guest_powershell_direct = 'verify' } }
try { Invoke-ProvisionGuestDirect -Context @{ Key = '' } -Job $job -Limit 1000 } catch { [System.Console]::WriteLine($_.Exception.Message) }
$left = $null
try { $left = [System.Diagnostics.Process]::GetProcessById($seen.Id) } catch { $null = $_ }
[System.Console]::WriteLine("ended: $($null -eq $left -or $left.WaitForExit(60000))")
`

func TestAPowerShellDirectThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	const id = "b0000000-0000-4000-8000-000000000001"
	for name, c := range map[string]struct{ cancel, want string }{
		"at its limit":              {"-1", "warning: the set-up of the guest was not verified: PowerShell Direct did not end within 1 s: "},
		"when the job is cancelled": {"1", "cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.must(f.store.Update(func(s *hyperv.State) error {
				s.Behaviour.Guest.Direct = hyperv.DirectHangs
				s.VMs = append(s.VMs, hyperv.VM{ID: id, Name: "web", State: "Running", Generation: 2})
				return nil
			}))
			output, code := f.runScript(hangingDirect, "%cancel%", c.cancel, "%vm%", id, "%secret%", secret)
			f.wantOutput(output, code, 0)
			lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(output, "\r", "")), "\n")
			if !strings.HasPrefix(lines[0], c.want) || !slices.Contains(lines, "ended: True") {
				t.Errorf("got %q", lines)
			}
		})
	}
}
