// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

const labSchema = `
id: lab
version: 1
fields:
  - id: name
    type: string
    required: true
    hint: web-01
  - id: gb_ram
    type: integer
    default: 4
    validations: {minimum: 1, maximum: 64}
`

func ExampleSchema_Validate() {
	schema, err := jobschema.Load("lab.yaml", []byte(labSchema))
	if err != nil {
		log.Fatal(err)
	}
	fields, err := schema.Validate(map[string]any{"name": "web-01"})
	if err != nil {
		log.Fatal(err)
	}
	definition := job.Definition{Schema: schema.Ref(), Operation: job.OperationProvision, Fields: fields}
	text, err := definition.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output: {"schema":{"id":"lab","version":1},"operation":"provision","fields":{"name":"web-01","gb_ram":4}}
}

func ExampleValidationError() {
	schema, err := jobschema.Load("lab.yaml", []byte(labSchema))
	if err != nil {
		log.Fatal(err)
	}
	_, err = schema.Validate(map[string]any{"gb_ram": 65})
	var invalid *jobschema.ValidationError
	if errors.As(err, &invalid) {
		for _, fault := range invalid.Faults {
			fmt.Printf("%s (%s): %s\n", fault.Path, fault.Rule, fault)
		}
	}
	// Output:
	// name (required): name is required: set name, for example web-01
	// gb_ram (maximum): gb_ram must be between 1 and 64, but is 65: use a value between 1 and 64
}

func ExampleLoad() {
	_, err := jobschema.Load("lab.yaml", []byte("id: lab\nversion: 1\nfields:\n  - id: CPUs\n    type: text\n"))
	fmt.Println(err)
	// Output:
	// lab.yaml:4: fields[0].id: "CPUs" is not a valid id: use lower-case letters, digits and underscores, starting with a letter
	// lab.yaml:5: fields[0].type: unknown type "text": use boolean, enum, hostname, integer, ip, ipv4, ipv6, list, mac, multiline, number, object, secret or string
}
