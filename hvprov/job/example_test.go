// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"fmt"
	"log"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func ExampleDefinition() {
	definition := job.Definition{
		Schema:    job.SchemaRef{ID: "vm-provisioning", Version: 1},
		Operation: job.OperationProvision,
		Fields:    job.Fields{{ID: "vm_name", Value: "web-01"}, {ID: "gb_ram", Value: 4}},
	}
	text, err := definition.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	fmt.Println(definition) // shows no values: they may be secret
	// Output:
	// {"schema":{"id":"vm-provisioning","version":1},"operation":"provision","fields":{"vm_name":"web-01","gb_ram":4}}
	// {vm-provisioning version 1 provision fields vm_name, gb_ram}
}

func ExampleParseDefinition() {
	definition, err := job.ParseDefinition([]byte(
		`{"schema":{"id":"vm-provisioning","version":1},"operation":"update","fields":{"disks":[{"size_gb":40}]}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(definition.Operation, definition.Fields.Map())
	_, err = job.ParseDefinition([]byte(`{"operation":"update"}`))
	fmt.Println(err)
	// Output:
	// update map[disks:[map[size_gb:40]]]
	// invalid job definition: the definition lacks the key "schema"
}

func ExampleEvent() {
	for _, event := range []job.Event{
		{Seq: 1, Kind: job.KindStep, Step: "disk", Number: 1, Of: 9, Message: "copy ubuntu-24.04.vhdx"},
		{Seq: 2, Kind: job.KindProgress, Step: "disk", Percent: 40, Message: "210 MB/s"},
		{Seq: 3, Kind: job.KindResult, Message: "created web-01", Result: &job.Result{Outcome: job.Succeeded}},
	} {
		fmt.Println(event)
	}
	// Output:
	// [1/9] disk: copy ubuntu-24.04.vhdx
	// disk: 40% 210 MB/s
	// succeeded: created web-01
}
