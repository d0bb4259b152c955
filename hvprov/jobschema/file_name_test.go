// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// TestNamesThatNoFileOnWindowsCanHave has the names of the test of the agent, which refuses them as well.
func TestNamesThatNoFileOnWindowsCanHave(t *testing.T) {
	t.Parallel()
	f := jobschema.Field{ID: "name", Type: jobschema.TypeString, Validations: jobschema.Validations{FileName: true}}
	for _, name := range []string{
		"con", "CON.x", "Prn", "aux", "nul", "COM0", "com1", "LPT9", "COM\u00b9", "lpt\u00b3.x", "con .x", "CONIN$", "conout$.x", "a:b", "a?b", "a*b", "a<b", "a|b", `a"b`,
		`a\b`, "a/b", ".a", "a.", "..", "a\u202eb", "a\u200fb",
	} {
		if _, fault := f.Check(name); fault == nil || fault.Rule != "file_name" {
			t.Errorf("%q: %v", name, fault)
		}
	}
	for _, name := range []string{"web-01", "com", "COM10", "lpt", "console", "web.con", "conin", "a b", "Übung", "a..b", "SQL Server 01 [prod]"} {
		if _, fault := f.Check(name); fault != nil {
			t.Errorf("%q: %v", name, fault)
		}
	}
}

func TestAnExistingVirtualMachineMayHaveAnyName(t *testing.T) {
	t.Parallel()
	s := jobInputs(t).ForExisting()
	for _, name := range []string{"a/b: *?", "nul"} {
		if faults := s.ValidatePartial(with(m{"vm_name": name})); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
