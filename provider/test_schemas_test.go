// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// exampleSchema is the file of the schema that the example of a schema of one's own has.
const exampleSchema = "../examples/custom-schema/job-inputs.yaml"

// schemaOf gives the schema of a text.
func schemaOf(t *testing.T, text string) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("lab.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// labSchema gives the schema of the example, with lists, and names of its own for what a host is asked for.
func labSchema(t *testing.T) *jobschema.Schema {
	t.Helper()
	text, err := os.ReadFile(exampleSchema)
	if err != nil {
		t.Fatal(err)
	}
	return schemaOf(t, string(text))
}

// lab is the configuration of a machine by the example's schema, with the least that it needs.
func lab(name string) attrs {
	return attrs{"name": name, "template": "ubuntu-24.04", "admin_user": "ops", "admin_password": password}
}

// hostNeeds are the fields that a schema of another id needs for what hosts ask for.
const hostNeeds = `
  - {id: vm_name, type: string, required: true, change: in_place, observed: name}
  - {id: image_name, type: string, required: true}
  - {id: guest_la_uid, type: string, required: true}
  - {id: guest_la_pw, type: secret, required: true}
`

// labText gives the text of a small schema with fields of its own beside those that hosts need.
func labText(version, fields, rest string) string {
	return "id: lab\nversion: " + version + "\nfields:" + hostNeeds + fields + rest
}

// small is the configuration of a machine by such a schema, with the least that it needs.
func minimal(name string) attrs {
	return attrs{"vm_name": name, "image_name": "ubuntu-24.04", "guest_la_uid": "admin", "guest_la_pw": password}
}
