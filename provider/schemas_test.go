// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// exampleSchema is the schema file of examples/custom-schema.
const exampleSchema = "../examples/custom-schema/job-inputs.yaml"

// schemaOf loads a schema.
func schemaOf(t *testing.T, text string) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("lab.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// labSchema loads the example schema, which has lists, and other names than the default schema.
func labSchema(t *testing.T) *jobschema.Schema {
	t.Helper()
	text, err := os.ReadFile(exampleSchema)
	if err != nil {
		t.Fatal(err)
	}
	return schemaOf(t, string(text))
}

// lab returns a configuration of the example schema with the required attributes.
func lab(name string) attrs {
	return attrs{"name": name, "template": "ubuntu-24.04", "admin_user": "ops", "admin_password": password}
}

// hostNeeds are the fields that every schema must have.
const hostNeeds = `
  - {id: vm_name, type: string, required: true, change: in_place, observed: name}
  - {id: image_name, type: string, required: true}
  - {id: guest_la_uid, type: string, required: true}
  - {id: guest_la_pw, type: secret, required: true}
`

// labText returns a schema with the required fields and others.
func labText(version, fields, rest string) string {
	return "id: lab\nversion: " + version + "\nfields:" + hostNeeds + fields + rest
}

// minimal returns a configuration of such a schema with the required attributes.
func minimal(name string) attrs {
	return attrs{"vm_name": name, "image_name": "ubuntu-24.04", "guest_la_uid": "admin", "guest_la_pw": password}
}
