// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// full are changes of a submission that set every field that does not conflict with others.
var full = m{
	"gb_ram": 16, "cpu_cores": 4, "power_state": "running", "switch_name": "External", "vlan_id": 120, "notes": "Web server\nof the lab",
	"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1", "guest_v4_dns1": "192.0.2.53",
	"guest_v4_dns2": "192.0.2.54", "guest_net_dnssuffix": "lab.example", "guest_domain_jointarget": "corp.lab.example",
	"guest_domain_joinuid": `LAB\svc_join`, "guest_domain_joinpw": " p w ", "guest_domain_joinou": "OU=Servers,DC=lab,DC=example",
	"vm_clustered": true,
}

// fullSubmission returns a submission with these fields.
func fullSubmission() m { return with(full) }

func BenchmarkLoad(b *testing.B) {
	data := schemas.JobInputs()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jobschema.Load(schemas.JobInputsFile, data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	s, values := jobInputs(b), fullSubmission()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Validate(values); err != nil {
			b.Fatal(err)
		}
	}
}

// The number of allocations is limited because it does not depend on the machine. The time is logged only.
func TestAValidationMakesFewAllocations(t *testing.T) {
	start := time.Now()
	s, values := jobInputs(t), fullSubmission()
	fields, err := s.Validate(values)
	if err != nil {
		t.Fatal(err)
	}
	for range 9_999 {
		if _, err := s.Validate(values); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("loading and 10,000 validations of %d fields took %v", len(fields), time.Since(start).Round(time.Millisecond))
	const most = 90 // about 70; the race detector adds some
	if got := testing.AllocsPerRun(100, func() { _, _ = s.Validate(values) }); got > most {
		t.Errorf("a validation makes %v allocations, want at most %d", got, most)
	} else {
		t.Logf("a validation makes %v allocations", got)
	}
}
