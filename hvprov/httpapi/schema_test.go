// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"maps"
	"net/http"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

func TestTheServedSchemaIsThatOfTheSchemaFile(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	got := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/schema/job-inputs", nil)
	served, err := jobschema.Load("served", got.body)
	if err != nil {
		t.Fatal(err)
	}
	own, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := served.CheckCompatible(own); err != nil || len(served.Fields) != len(own.Fields) || len(served.ParameterSets) != len(own.ParameterSets) {
		t.Errorf("the served schema differs: %v", err)
	}
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/schema/job-inputs?format=xml", nil)
}

func TestTheJSONSchemaAcceptsWhatTheServiceAccepts(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	got := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/schema/job-inputs?format=json-schema", nil)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("values.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("values.json")
	if err != nil {
		t.Fatal(err)
	}
	own := a.service.Schema()
	for name, tt := range map[string]struct {
		change map[string]any
		valid  bool
	}{
		"required values":                   {nil, true},
		"a number that is too small":        {map[string]any{"gb_ram": 0.0}, false},
		"a number of another kind":          {map[string]any{"cpu_cores": 1.5}, false},
		"no minimum":                        {map[string]any{"gb_ram_min": 0.0, "gb_ram_max": 0.0}, true},
		"an unknown field":                  {map[string]any{"nonsense": 1.0}, false},
		"a field of another family":         {map[string]any{"guest_domain_jointarget": "lab.example", "guest_domain_joinuid": "u", "guest_domain_joinpw": secret}, false},
		"a part of a set":                   {map[string]any{"guest_v4_ipaddr": "192.0.2.50"}, false},
		"a whole set":                       {map[string]any{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24.0, "guest_v4_defaultgw": "192.0.2.1"}, true},
		"a list of objects":                 {map[string]any{"data_disks": []any{map[string]any{"name": "data", "size_gb": 10.0}}}, true},
		"a data disk that exists":           {map[string]any{"data_disks": []any{map[string]any{"name": "data", "path": `D:\Disks\data.vhdx`}}}, true},
		"a data disk of both kinds":         {map[string]any{"data_disks": []any{map[string]any{"name": "data", "path": `D:\Disks\data.vhdx`, "size_gb": 10.0}}}, false},
		"a data disk of neither kind":       {map[string]any{"data_disks": []any{map[string]any{"name": "data"}}}, false},
		"a list with an unknown property":   {map[string]any{"data_disks": []any{map[string]any{"name": "data", "size_gb": 10.0, "x": 1.0}}}, false},
		"a value that one_of does not list": {map[string]any{"os_family": "other"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := values("web-01")
			maps.Copy(v, tt.change)
			if err := schema.Validate(v); (err == nil) != tt.valid {
				t.Errorf("by the JSON Schema: %v", err)
			}
			if _, err := own.Validate(v); (err == nil) != tt.valid {
				t.Errorf("by the service: %v", err)
			}
		})
	}
}
