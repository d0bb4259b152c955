// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// call calls a function of the provider with a string.
func (h *harness) call(name, argument string) (result any, failure string) {
	h.t.Helper()
	return h.callWith(name, tftypes.String, tftypes.NewValue(tftypes.String, argument))
}

// callWith calls a function of the provider with a value of the type of its parameter.
func (h *harness) callWith(name string, parameter tftypes.Type, argument tftypes.Value) (result any, failure string) {
	h.t.Helper()
	text, err := tfprotov6.NewDynamicValue(parameter, argument)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := h.server.CallFunction(h.ctx, &tfprotov6.CallFunctionRequest{Name: name, Arguments: []*tfprotov6.DynamicValue{&text}})
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.Error != nil {
		if resp.Error.FunctionArgument == nil || *resp.Error.FunctionArgument != 0 {
			h.t.Errorf("the error is not about the argument: %+v", resp.Error)
		}
		return nil, resp.Error.Text
	}
	value, err := resp.Result.Unmarshal(h.schema.Functions[name].Return.Type)
	if err != nil {
		h.t.Fatal(err)
	}
	return plain(value), ""
}

// Functions need no configured provider.
func TestFunctions(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const guid = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
	for _, tt := range []struct {
		function, argument string
		want               any
		failure            string
	}{
		{"parse_id", "hv01/web-01", attrs{"host": "hv01", "vm": "web-01", "is_guid": false}, ""},
		{"parse_id", "hv01/" + guid, attrs{"host": "hv01", "vm": guid, "is_guid": true}, ""},
		{"parse_id", "hv01/SQL Server/01", attrs{"host": "hv01", "vm": "SQL Server/01", "is_guid": false}, ""},
		{"parse_id", "web-01", nil, `"web-01" is not an import ID: it must be the name of the host, a slash,`},
		{"parse_id", "/web-01", nil, "is not an import ID"},
		{"parse_id", "hv01/", nil, "is not an import ID"},
		{"os_family", "ubuntu-24.04", "linux", ""},
		{"os_family", "Windows-Server-2022", "windows", ""},
		{"os_family", "appliance-7", nil, ""},
		{"mac_address", "00:15:5d:00:10:20", "00-15-5D-00-10-20", ""},
		{"mac_address", "0015.5d00.1020", "00-15-5D-00-10-20", ""},
		{"mac_address", "00155D001020", "00-15-5D-00-10-20", ""},
		{"mac_address", "00-15-5D-00-10-20", "00-15-5D-00-10-20", ""},
		{"mac_address", "00-15-5D-00-10", nil, "must be a MAC address"},
		{"mac_address", "01-15-5D-00-10-20", nil, "multicast address"},
		{"stable_mac_address", "web-01/lan", "02-3B-AF-21-27-EB", ""},
		{"stable_mac_address", " ", nil, "the text is empty"},
	} {
		got, failure := h.call(tt.function, tt.argument)
		if !equal(got, tt.want) || !strings.Contains(strings.ToLower(failure), strings.ToLower(tt.failure)) || (failure == "") != (tt.failure == "") {
			t.Errorf("%s(%q) is %v, %q, want %v, %q", tt.function, tt.argument, got, failure, tt.want, tt.failure)
		}
	}
	upper, _ := h.call("stable_mac_address", "WEB-01")
	lower, _ := h.call("stable_mac_address", "web-01")
	if upper != lower {
		t.Errorf("the address depends on the letter case: %v, %v", upper, lower)
	}
}

func TestOSFamilyFollowsTheJobSchema(t *testing.T) {
	t.Parallel()
	h := newHarnessWith(t, labSchema(t))
	if _, failure := h.call("os_family", "ubuntu-24.04"); !strings.Contains(failure, "job schema does not infer os_family") {
		t.Errorf("got %q", failure)
	}
}
