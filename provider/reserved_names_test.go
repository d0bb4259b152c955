// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestNamesOfTerraformAndOfTheProviderAreReserved(t *testing.T) {
	t.Parallel()
	documents := map[string]string{"../schemas/job-inputs.schema.json": `"%s"`, "../templates/guides/job-schema.md": "`%s`"}
	for file, form := range documents {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name := range reservedNames() {
			if !strings.Contains(string(text), fmt.Sprintf(form, name)) {
				t.Errorf("%s does not list %s as reserved", file, name)
			}
		}
	}
	for name := range builtinAttributes(t.Context()) {
		text := "id: lab\nversion: 1\nfields:\n  - {id: " + name + ", type: string}\n"
		if _, err := jobschema.Load("lab.yaml", []byte(text), loadOptions); err == nil || !strings.Contains(err.Error(), "is reserved") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	text := "id: lab\nversion: 1\nfields:\n  - {id: count, type: string}\n  - {id: key, type: secret}\n  - {id: key_wo, type: string}\n"
	_, err := jobschema.Load("lab.yaml", []byte(text), loadOptions)
	for _, want := range []string{`lab.yaml:4: fields[0].id: the id "count" is reserved: it is a meta-argument of Terraform`, `lab.yaml:6: fields[2].id: the id "key_wo" is reserved`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant it to contain\n%s", err, want)
		}
	}
}
