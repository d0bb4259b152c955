// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/provider"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// schemaFile writes a schema file and sets HYPERVVM_SCHEMA_FILE.
func schemaFile(t *testing.T, text string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "lab.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HYPERVVM_SCHEMA_FILE", name)
	return name
}

func TestTheDefaultSchemaIsUsedWithoutTheEnvironmentVariable(t *testing.T) {
	t.Setenv("HYPERVVM_SCHEMA_FILE", "")
	s, err := provider.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	if s.Ref() != loadSchema(t).Ref() {
		t.Errorf("got %s", s.Ref())
	}
}

func TestTheEnvironmentVariableReplacesTheSchema(t *testing.T) {
	t.Setenv("HYPERVVM_SCHEMA_FILE", exampleSchema)
	s, err := provider.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	h := newHarnessWith(t, s)
	h.mustSucceed("validate", h.validate(lab("web-01")))
}

func TestTheDefaultSchemaMayHaveOtherTexts(t *testing.T) {
	schemaFile(t, strings.ReplaceAll(string(schemas.JobInputs()), "Local administrator", "Lokaler Administrator"))
	s, err := provider.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := s.Field("guest_la_uid"); f.Label != "Lokaler Administrator" {
		t.Errorf("the label is %q", f.Label)
	}
}

func TestAnInvalidSchemaFileIsADiagnostic(t *testing.T) {
	for name, c := range map[string]struct {
		text  string   // empty for a missing file
		texts []string // with the name of the file prepended if they start with a colon
	}{
		"missing file": {"", nil},
		"invalid YAML": {"id: lab\n\tversion: 1\n", []string{":2: "}},
		"several errors": {
			"id: lab\nversion: 0\nfields:\n  - {id: vm_name, type: strng}\n  - {id: host, type: string}\n",
			[]string{":2: ", ":4: ", `unknown type "strng"`, ":5: ", `the id "host" is reserved`},
		},
		"required fields are missing": {
			"id: lab\nversion: 1\nfields:\n  - {id: vm_name, type: integer, required: true}\n  - {id: image_name, type: string}\n",
			[]string{
				":4: vm_name: the field is of type integer", ":5: image_name: the field stands for image_name, which is required on hosts",
			},
		},
		"another version of the default schema": {
			strings.Replace(labText("7", "", ""), "id: lab", "id: vm-provisioning", 1),
			[]string{": ", "vm-provisioning version 7", "vm-provisioning version 2", "another id"},
		},
		"the default schema with other fields": {
			strings.Replace(labText("2", "", ""), "id: lab", "id: vm-provisioning", 1),
			[]string{": id: the schema has the id", "os_family, ", " more)", "another id"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := schemaFile(t, c.text)
			if c.text == "" {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			s, err := provider.LoadSchema()
			if err == nil || s != nil {
				t.Fatal("the schema was accepted")
			}
			message := schemaDiagnostic(t, err)
			t.Logf("message:\n%s", message)
			if !strings.Contains(message, "Invalid job schema") || !strings.Contains(message, file) {
				t.Errorf("the message does not contain the file name: %s", message)
			}
			if c.text == "" && !strings.Contains(message, "HYPERVVM_SCHEMA_FILE") {
				t.Errorf("the message does not contain HYPERVVM_SCHEMA_FILE: %s", message)
			}
			for _, text := range c.texts {
				if strings.HasPrefix(text, ":") {
					text = file + text
				}
				if !strings.Contains(message, text) {
					t.Errorf("%q is missing", text)
				}
			}
		})
	}
}

// schemaDiagnostic returns the diagnostics of a provider without a schema.
func schemaDiagnostic(t *testing.T, schemaErr error) string {
	t.Helper()
	p := provider.New("test", nil, schemaErr)
	server := providerserver.NewProtocol6(p)()
	resp, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !hasError(resp.Diagnostics) {
		t.Error("no error")
	}
	meta, err := server.GetMetadata(t.Context(), &tfprotov6.GetMetadataRequest{})
	if err != nil || hasError(meta.Diagnostics) {
		t.Errorf("metadata: %v %s", err, render(meta.Diagnostics))
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return render(resp.Diagnostics)
}

func TestAStateOfAnotherSchemaIsRejected(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connectedWith(t, server, schemaOf(t, labText("1", "", "")))
	created := first.mustApply(first.none(), minimal("web-01"))
	imported := first.mustImport(server.Address() + "/web-01")
	other := schemaOf(t, strings.Replace(labText("1", "", ""), "id: lab", "id: office", 1))
	for name, state := range map[string]resource{"created": created, "imported": imported} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connectedWith(t, server, other)
			_, diags := h.read(state)
			h.mustFail(diags, "", "Unable to read virtual machine web-01", "job schema lab", "provider uses office", "HYPERVVM_SCHEMA_FILE")
			// With -refresh=false Terraform plans without reading.
			h.mustFail(h.plan(state, minimal("web-01").with(attrs{"vm_name": "web-02"})).diags, "", "job schema lab", "office")
			same := connectedWith(t, server, schemaOf(t, labText("2", "", "")))
			read, diags := same.read(state)
			same.mustSucceed("another version", diags)
			same.mustSucceed("plan", same.plan(read, minimal("web-01")).diags)
		})
	}
}
