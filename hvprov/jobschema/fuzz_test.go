// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// FuzzLoad holds that no file brings Load down, and that a schema it takes can be used.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(small))
	f.Add(schemas.JobInputs())
	f.Add([]byte("a: &a [*a]\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := jobschema.Load("fuzz.yaml", data)
		if err != nil {
			var load *jobschema.LoadError
			if !errors.As(err, &load) || len(load.Faults) == 0 {
				t.Fatalf("got an error that tells no fault: %v", err)
			}
			return
		}
		values := map[string]any{}
		for i := range s.Fields {
			field := &s.Fields[i]
			if field.Default != nil {
				if _, fault := field.Check(field.Default); fault != nil {
					t.Fatalf("the default of %s breaks its rules: %s", field.ID, fault)
				}
			}
			if field.Docs() == "" {
				t.Fatalf("%s has no documentation", field.ID)
			}
			values[field.ID] = field.Hint
		}
		_, _ = s.Validate(values)
	})
}

// FuzzValidate holds that nothing brings Validate down, and that what it takes it takes again, unchanged.
func FuzzValidate(f *testing.F) {
	s := jobInputs(f)
	f.Add("web-01", "8", "192.0.2.50", 24.0, "192.0.2.1", "lab.example", true)
	f.Add("web*", "8.9", "192.0.2.255", 31.0, "192.0.2.0", "-", false)
	f.Fuzz(func(t *testing.T, name, ram, address string, prefix float64, gateway, suffix string, linux bool) {
		values := with(m{
			"vm_name": name, "gb_ram": ram, "guest_v4_ipaddr": address, "guest_v4_cidrprefix": prefix,
			"guest_v4_defaultgw": gateway, "guest_net_dnssuffix": suffix, "notes": name, "guest_la_pw": suffix,
		})
		if linux {
			values["os_family"] = "linux"
		}
		fields, err := s.Validate(values)
		if err != nil {
			return
		}
		again, err := s.Validate(fields.Map())
		if err != nil || !reflect.DeepEqual(again, fields) {
			t.Fatalf("taken once, then not the same: %v\n%v\n%v", err, fields.Map(), again.Map())
		}
		if name, _ := fields.Get("vm_name"); strings.ContainsAny(name.(string), `/\*?[]'" `) {
			t.Fatalf("a name with a path, a wildcard or a quote: %q", name)
		}
		if _, err := fields.Encode(); err != nil {
			t.Fatal(err)
		}
	})
}
