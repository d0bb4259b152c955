// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// grantCommand is the part of a remedy that names the command, up to the account.
const grantCommand = `.\Grant-HypervvmAccess.ps1 -Account '`

// deny sets the rights that the account of the fixture lacks.
func (f *fixture) deny(rights hyperv.Rights) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error { s.Behaviour.Rights = &rights; return nil }))
}

// TestAnImageThatTheAccountMayNotReadIsNotCalledDamaged covers Get-VHD of a network logon without Remote Enable on root\cimv2:
// https://github.com/ansible-collections/ansible.windows/issues/770.
func TestAnImageThatTheAccountMayNotReadIsNotCalledDamaged(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	f := newFixture(t)
	f.deny(hyperv.Rights{CIMV2Denied: true})
	output, code := f.runJob(strings.Replace(definition, `"gb_ram": 2`, `"gb_ram": 2, "disk_size_gb": 20`, 1))
	f.wantOutput(output, code, 1, `root\cimv2`, "Remote Enable", grantCommand)
	if unreadable := f.message("image_unreadable", values{"image": "ubuntu-24.04"}); strings.Contains(output, unreadable) {
		t.Errorf("the output contains %q", unreadable)
	}
}

// TestAnAccountThatMayNotManageHyperV covers the refusal of Hyper-V: https://github.com/kubernetes/minikube/issues/4146.
func TestAnAccountThatMayNotManageHyperV(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	f := newFixture(t)
	f.deny(hyperv.Rights{HyperVDenied: true})
	output, code := f.runJob(definition)
	f.wantOutput(output, code, 1, "may not manage Hyper-V", grantCommand)
}

// TestAShareBehindTheSecondHopIsNamed covers folders on a share, which a logon over WinRM cannot reach without delegation:
// https://learn.microsoft.com/powershell/scripting/security/remoting/ps-remoting-second-hop.
func TestAShareBehindTheSecondHopIsNamed(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"-ImagePath", "-VMPath"} {
		t.Run(parameter, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			output, code := f.runJob(definition, parameter, `'\\files.lab.example\hyperv\folder'`)
			f.wantOutput(output, code, 1, `cannot reach share \\files.lab.example\hyperv`, "second hop", "cluster shared volume", "-PrincipalsAllowedToDelegateToAccount")
		})
	}
}

// TestHelloReportsWhatTheAccountLacks runs the functions of hello.
func TestHelloReportsWhatTheAccountLacks(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	const script = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$context = New-AgentContext -Token '' -Writer ([System.IO.TextWriter]::Null)
$context.Cluster = ''
%override%
foreach ($lack in @(Get-AgentLack -Context $context -Machine @{ Name = 'HV01' })) { "lack $($lack.code): $($lack.message); $($lack.remedy)" }
try { $null = Get-AgentHost } catch { "host $((ConvertTo-AgentFailure -ErrorRecord $_)['message'])" }
`
	for name, c := range map[string]struct {
		rights   hyperv.Rights
		override string
		want     string
		none     string
	}{
		"nothing":                {none: "lack "},
		"no right on root/cimv2": {rights: hyperv.Rights{CIMV2Denied: true}, want: `lack access_denied: the account may not use WMI namespace root\cimv2 over the network`},
		"no right to methods": {
			override: `function Invoke-CimMethod { [pscustomobject]@{ rights = 33 } }`,
			want:     "the right Method Execute is missing; run on the host as an administrator: " + grantCommand,
		},
		"another error of WMI": {override: `function Invoke-CimMethod { throw 'The RPC server is unavailable.' }`, none: "lack "},
		"a data folder of others": {
			override: `$null = [System.IO.Directory]::CreateDirectory((Get-DataFolder -Name 'jobs'))
function New-Object { throw (Microsoft.PowerShell.Utility\New-Object -TypeName System.UnauthorizedAccessException -ArgumentList 'Access to the path is denied.') }`,
			want: "lack access_denied: the account cannot write to folder ",
		},
		"a data folder of another account": {
			override: `$null = [System.IO.Directory]::CreateDirectory((Get-DataFolder -Name 'jobs'))
function Initialize-DataFolder { throw (New-AgentError -MessageId 'data_folder_owner' -Values @{ folder = 'C:\ProgramData\hypervvm'; root = 'C:\ProgramData\hypervvm'; owner = 'LAB\other' }) }`,
			want: `is owned by LAB\other, which is neither an administrator nor a recorded account of hypervvm; if it is an account of hypervvm, run`,
		},
		"no access to the cluster": {
			override: `$context.Cluster = $null
function Get-ClusterState { @{ Name = ''; Problem = 'cluster_access_denied'; Reason = 'Access is denied.' } }`,
			want: "lack cluster: the account has no access to the failover cluster of host HV01: Access is denied.",
		},
		"not a cluster node":          {override: `$context.Cluster = $null`, none: "lack "},
		"not a Hyper-V administrator": {rights: hyperv.Rights{HyperVDenied: true}, want: "host the account may not manage Hyper-V on the host: You do not have"},
		"a local administrator whose rights are filtered": {
			rights: hyperv.Rights{HyperVDenied: true}, override: `function Get-DeniedGroup { 'S-1-5-114', 'S-1-5-32-544' }`,
			want: "host the account may not manage Hyper-V on the host: it is a local administrator, whose rights Windows filters",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.deny(c.rights)
			output, code := f.runScript(script, "%override%", c.override)
			f.wantOutput(output, code, 0, c.want)
			if c.none != "" && strings.Contains(output, c.none) {
				t.Errorf("nothing is missing, but the output is:\n%s", output)
			}
		})
	}
}
