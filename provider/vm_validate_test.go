// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/provider"
)

func TestValidationReportsErrorsOnTheirAttributeWithoutAHost(t *testing.T) {
	t.Parallel()
	static := attrs{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1"}
	for name, c := range map[string]struct {
		change    attrs
		attribute string // empty if the value is valid
		text      string
	}{
		"required attributes":              {attrs{}, "", ""},
		"a static address":                 {static, "", ""},
		"unknown address":                  {static.with(attrs{"guest_v4_ipaddr": unknown{}}), "", ""},
		"a set that may be complete":       {attrs{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": unknown{}, "guest_v4_defaultgw": unknown{}}, "", ""},
		"unknown family":                   {attrs{"os_family": unknown{}, "cnf_ansible_ssh_user": "a", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA"}, "", ""},
		"too little memory":                {attrs{"gb_ram": 0}, "gb_ram", "0.03125"},
		"half a GiB of memory":             {attrs{"gb_ram": 0.5}, "", ""},
		"memory of no multiple of 2 MiB":   {attrs{"gb_ram": 0.5 + 0.001}, "gb_ram", "0.5 or 0.501953125"},
		"too many processors":              {attrs{"cpu_cores": 2049}, "cpu_cores", "2048"},
		"a VLAN ID out of range":           {attrs{"vlan_id": 4095}, "vlan_id", "4094"},
		"a name with blanks and accents":   {attrs{"vm_name": "Büro SQL Server 01 [prod]"}, "", ""},
		"a name of 101 characters":         {attrs{"vm_name": strings.Repeat("x", 101)}, "vm_name", "100"},
		"unknown value of an enum":         {attrs{"os_family": "beos"}, "os_family", "linux"},
		"an invalid address":               {static.with(attrs{"guest_v4_ipaddr": "300.1.1.1"}), "guest_v4_ipaddr", "IPv4"},
		"an address without prefix length": {static.with(attrs{"guest_v4_cidrprefix": nil}), "guest_v4_cidrprefix", ""},
		"an incomplete domain join":        {attrs{"os_family": "windows", "guest_domain_jointarget": "lab.example"}, "guest_domain_joinuid", ""},
		"an incomplete set":                {attrs{"cnf_ansible_ssh_user": "ansible"}, "cnf_ansible_ssh_key", ""},
		"a domain join with Linux":         {attrs{"guest_domain_jointarget": "lab.example", "guest_domain_joinuid": "u", "guest_domain_joinpw": "p4ssw0rd"}, "guest_domain_jointarget", "windows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			diags := h.validate(linux("web-01").with(c.change))
			if c.attribute == "" {
				h.mustSucceed("validate", diags)
				return
			}
			h.mustFail(diags, c.attribute, c.text)
		})
	}
}

func TestASchemaErrorIsADiagnostic(t *testing.T) {
	t.Parallel()
	p := provider.New("test", nil, errors.New("job-inputs.yaml:12: unknown type \"strng\""))
	server := providerserver.NewProtocol6(p)()
	resp, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if text := render(resp.Diagnostics); !strings.Contains(text, "Invalid job schema") || !strings.Contains(text, "job-inputs.yaml:12") {
		t.Errorf("got %s", text)
	}
}
