// SPDX-License-Identifier: MPL-2.0

package schemas_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// TestObservablePropertiesAreReportedAndDocumented compares the properties in the JSON Schema and the guide with those that the
// loader accepts and a host reports.
func TestObservablePropertiesAreReportedAndDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("job-inputs.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct {
			Properties struct {
				Observed struct {
					Enum []string `json:"enum"`
				} `json:"observed"`
			} `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	vm := job.VM{DataDisks: []job.DataDisk{{}}, NetworkAdapters: []job.NetworkAdapter{{}}, BootOrder: []string{"disk"}}
	for properties, i := reflect.ValueOf(&vm).Elem(), 0; i < properties.NumField(); i++ {
		if property := properties.Field(i); property.Kind() == reflect.Pointer { // an optional one
			property.Set(reflect.New(property.Type().Elem()))
		}
	}
	raw, err := json.Marshal(vm)
	if err != nil {
		t.Fatal(err)
	}
	var reported map[string]any
	if err := json.Unmarshal(raw, &reported); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../templates/guides/job-schema.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, def := range schema.Defs {
		for _, property := range def.Properties.Observed.Enum {
			checked++
			kind, more := "string", ""
			switch reported[property].(type) {
			case float64:
				kind = "number"
			case bool:
				kind = "boolean"
			case []any:
				if _, isText := reported[property].([]any)[0].(string); isText {
					kind, more = "list", ", items: {type: string}"
					break
				}
				kind, more = "list", ", items: {type: object, fields: [{id: name, type: string}, {id: size_gb, type: integer}, {id: type, type: string}]}"
			case nil:
				t.Errorf("no host reports %s", property)
			}
			yaml := fmt.Sprintf("id: vm-provisioning\nversion: 1\nname: n\nfields:\n  - {id: one, label: One, description: One., type: %s, observed: %s%s}\n", kind, property, more)
			if _, err := jobschema.Load("one.yaml", []byte(yaml)); err != nil {
				t.Errorf("%s: %v", property, err)
			}
			if !strings.Contains(string(guide), "`"+property+"`") {
				t.Errorf("the guide does not name %s", property)
			}
		}
	}
	if checked < 17 {
		t.Errorf("%d properties were found", checked)
	}
}
