// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import "testing"

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
