// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import "testing"

// full is what changes a submission so that it has every field that can go with the others.
var full = m{
	"gb_ram": 16, "cpu_cores": 4, "power_state": "running", "switch_name": "External", "vlan_id": 120, "notes": "Web server\nof the lab",
	"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1", "guest_v4_dns1": "192.0.2.53",
	"guest_v4_dns2": "192.0.2.54", "guest_net_dnssuffix": "lab.example", "guest_domain_jointarget": "corp.lab.example",
	"guest_domain_joinuid": `LAB\svc_join`, "guest_domain_joinpw": " p w ", "guest_domain_joinou": "OU=Servers,DC=lab,DC=example",
	"vm_clustered": true,
}

func BenchmarkValidate(b *testing.B) {
	s := jobInputs(b)
	values := with(static(domain(m{"guest_v4_dns1": "192.0.2.53", "notes": "text", "vlan_id": 7, "switch_name": "External"})))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Validate(values); err != nil {
			b.Fatal(err)
		}
	}
}
