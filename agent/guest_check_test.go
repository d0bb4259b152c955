// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
)

// TestSettingsOfAGuestAreChecked checks definitions in one process. Each has the findings that follow it, as fields with message ids.
func TestSettingsOfAGuestAreChecked(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	var disks []string
	for i := range 63 {
		disks = append(disks, fmt.Sprintf(`{"name":"d%d","size_gb":1}`, i))
	}
	cases := []struct{ name, fields, want string }{
		{"no settings", `"vm_name":"1"`, ""},
		{"a Linux guest", `"os_family":"linux","vm_name":"web 01","guest_la_uid":"ops","guest_la_pw":"x"`, ""},
		{"an unknown operating system", `"guest_la_uid":"ops"`, "os_family"},
		{"an unknown operating system, recorded only", `"guest_la_uid":"ops","guest_setup":"none"`, ""},
		{"a password without an account", `"os_family":"linux","guest_la_pw":"x"`, "guest_la_pw"},
		{"an answer file for Linux", `"os_family":"linux","guest_la_uid":"x","guest_setup":"unattend"`, "guest_setup"},
		{"a domain with cloudbase-init", `"os_family":"windows","guest_setup":"cloud_init","guest_la_uid":"x","guest_domain_jointarget":"corp.lab.example"`, "guest_domain_jointarget"},
		{"a long password with cloudbase-init", `"os_family":"windows","guest_setup":"cloud_init","guest_la_uid":"x","guest_la_pw":"123456789012345678901"`, "guest_la_pw"},
		{"a long computer name", `"os_family":"windows","guest_la_uid":"x","guest_host_name":"abcdefghijklmnop"`, "guest_host_name"},
		{"a computer name of digits", `"os_family":"windows","guest_la_uid":"x","guest_host_name":"123"`, "guest_host_name"},
		{"a host name with a blank", `"os_family":"linux","guest_la_uid":"x","guest_host_name":"a b"`, "guest_host_name"},
		{"a name without letters", `"os_family":"linux","guest_la_uid":"x","vm_name":"[--]"`, "vm_name"},
		{"a name that is cut", `"os_family":"windows","guest_la_uid":"x","vm_name":"abcdefghijklmnopqrs"`, "vm_name"},
		{"an address without its prefix", `"os_family":"linux","guest_v4_ipaddr":"192.0.2.9"`, "guest_v4_ipaddr"},
		{"a gateway without an address", `"os_family":"linux","guest_v6_defaultgw":"2001:db8::1"`, "guest_v6_defaultgw"},
		{"a complete address", `"os_family":"linux","guest_v6_ipaddr":"2001:db8::2","guest_v6_cidrprefix":64,"guest_v6_defaultgw":"2001:db8::1"`, ""},
		{"an adapter without its prefix", `"os_family":"linux","network_adapters":[{"name":"b","switch_name":"s","ipv4_address":"192.0.2.9"}]`, "network_adapters[0].ipv4_address"},
		{"DNS servers in two ways", `"os_family":"linux","guest_v4_dns1":"192.0.2.53","guest_dns_servers":["192.0.2.54"]`, "guest_dns_servers"},
		{"PowerShell Direct", `"os_family":"windows","vm_name":"a","guest_la_uid":"x","guest_la_pw":"x","guest_powershell_direct":"verify"`, ""},
		{"PowerShell Direct without an account", `"os_family":"windows","vm_name":"a","guest_powershell_direct":"verify"`, "guest_powershell_direct"},
		{"PowerShell Direct without a wait", `"os_family":"windows","vm_name":"a","guest_la_uid":"x","guest_la_pw":"x","wait_for":"address","guest_powershell_direct":"verify"`, "guest_powershell_direct"},
		{"PowerShell Direct without a domain", `"os_family":"windows","vm_name":"a","guest_la_uid":"x","guest_la_pw":"x","guest_powershell_direct":"join"`, "guest_powershell_direct"},
		{"PowerShell Direct in Linux", `"os_family":"linux","vm_name":"a","guest_la_uid":"x","guest_la_pw":"x","guest_powershell_direct":"verify"`, "guest_powershell_direct"},
		{"another use of PowerShell Direct", `"guest_powershell_direct":"repair"`, "error guest_powershell_direct"},
		{"user data of another kind", `"os_family":"linux","guest_user_data":"hello"`, "guest_user_data"},
		{"too many disks", `"os_family":"linux","guest_la_uid":"x","data_disks":[` + strings.Join(disks, ",") + `]`, "data_disks"},
		{"as many disks on generation 1", `"os_family":"linux","guest_la_uid":"x","generation":1,"data_disks":[` + strings.Join(disks, ",") + `]`, ""},
		{"an invalid address", `"guest_v4_ipaddr":"192.0.2"`, "error guest_v4_ipaddr"},
		{"an address of the other family", `"guest_v6_ipaddr":"192.0.2.1"`, "error guest_v6_ipaddr"},
		{"an invalid prefix", `"guest_v6_cidrprefix":129`, "error guest_v6_cidrprefix"},
		{"a list that is none", `"guest_commands":"dir"`, "error guest_commands"},
		{"a list of numbers", `"guest_ssh_keys":[1]`, "error guest_ssh_keys"},
		{"an invalid address of an adapter", `"network_adapters":[{"name":"b","switch_name":"s","dns_servers":["x"]}]`, "error network_adapters[0].dns_servers"},
		{"a password that is a list", `"guest_la_pw":["x"]`, "error guest_la_pw"},
	}
	var script strings.Builder
	script.WriteString(`
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Test-Definition {
    param($Fields)
    try {
        $value = ConvertFrom-AgentJson -Text ('{"schema":{"id":"vm-provisioning","version":2},"operation":"provision","fields":{' + $Fields + '}}')
        $definition = ConvertTo-JobDefinition -Value $value -Partial
        $found = @(Get-GuestFinding -Fields $definition.Fields -Unknown @() -Warn)
        [System.Console]::WriteLine([string]::Join(' ', [string[]]@($found | ForEach-Object -Process { $_['field'] })))
    } catch { [System.Console]::WriteLine('error ' + $_.Exception.Data['field']) }
}
`)
	for _, c := range cases {
		fmt.Fprintf(&script, "Test-Definition -Fields '%s'\n", c.fields)
	}
	output, code := f.runScript(script.String())
	got := strings.Split(strings.TrimSuffix(strings.ReplaceAll(output, "\r", ""), "\n"), "\n")
	if code != 0 || len(got) != len(cases) {
		t.Fatalf("exit code %d: %s", code, output)
	}
	for i, c := range cases {
		if got[i] != c.want {
			t.Errorf("%s: %q, want %q", c.name, got[i], c.want)
		}
	}
}
