// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"fmt"
	"log"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func mustLoad(text string) *jobschema.Schema {
	schema, err := jobschema.Load("lab.yaml", []byte(text))
	if err != nil {
		log.Fatal(err)
	}
	return schema
}

const labSchema2 = `
id: lab
version: 2
fields:
  - {id: name, type: string, required: true}
  - {id: memory, type: integer, default: 4}
migrations:
  - from: 1
    renamed: {gb_ram: memory}
`

func ExampleSchema_Migrate() {
	values, err := mustLoad(labSchema2).Migrate(1, map[string]any{"name": "web-01", "gb_ram": 8.0})
	fmt.Println(values, err)
	// Output: map[memory:8 name:web-01] <nil>
}

func ExampleSchema_CheckCompatible() {
	older := mustLoad(labSchema)
	fmt.Println(mustLoad(labSchema2).CheckCompatible(older))
	forgotten := mustLoad("id: lab\nversion: 2\nfields:\n  - {id: name, type: string, required: true}\n")
	fmt.Println(forgotten.CheckCompatible(older))
	// Output:
	// <nil>
	// lab.yaml: gb_ram: the field was removed, but not in migrations: name it in dropped, renamed or split
}

func ExampleTranslate() {
	agents := mustLoad(labSchema)
	mine := mustLoad(`
id: mine
version: 1
fields:
  - {id: machine, type: string, required: true, stands_for: name}
  - {id: owner, type: string}
`)
	translation, err := jobschema.Translate(mine, agents)
	if err != nil {
		log.Fatal(err)
	}
	fields, err := mine.Validate(map[string]any{"machine": "web-01", "owner": "ops"})
	if err != nil {
		log.Fatal(err)
	}
	asked, err := translation.Fields(fields)
	if err != nil {
		log.Fatal(err)
	}
	text, err := asked.MarshalJSON()
	fmt.Println(string(text), err)
	// Output: {"name":"web-01","gb_ram":4,"owner":"ops"} <nil>
}

func ExampleSchema_ValidatePartial() {
	// The name is that of a resource that does not exist yet.
	for _, fault := range mustLoad(labSchema).ValidatePartial(map[string]any{"name": jobschema.Unknown, "gb_ram": 65}) {
		fmt.Println(fault)
	}
	// Output: gb_ram must be between 1 and 64, but is 65: use a value between 1 and 64
}
