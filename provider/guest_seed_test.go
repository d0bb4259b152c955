// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// literal returns a value as Terraform has a literal of the configuration: lists are tuples.
func literal(v any) tftypes.Value {
	switch x := v.(type) {
	case attrs:
		kinds, parts := map[string]tftypes.Type{}, map[string]tftypes.Value{}
		for name, part := range x {
			parts[name] = literal(part)
			kinds[name] = parts[name].Type()
		}
		return tftypes.NewValue(tftypes.Object{AttributeTypes: kinds}, parts)
	case []any:
		items, kinds := make([]tftypes.Value, len(x)), make([]tftypes.Type, len(x))
		for i, item := range x {
			items[i] = literal(item)
			kinds[i] = items[i].Type()
		}
		return tftypes.NewValue(tftypes.Tuple{ElementTypes: kinds}, items)
	case int:
		return tftypes.NewValue(tftypes.Number, x)
	case nil:
		return tftypes.NewValue(tftypes.String, nil)
	}
	return tftypes.NewValue(tftypes.String, v)
}

// seed calls the function guest_seed.
func (h *harness) seed(vm tftypes.Value) (documents attrs, failure string) {
	h.t.Helper()
	result, failure := h.callWith("guest_seed", tftypes.DynamicPseudoType, vm)
	documents, _ = result.(attrs)
	return documents, failure
}

func TestGuestSeed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	adapter := attrs{"name": "storage", "switch_name": "Storage", "ipv4_address": "198.51.100.50", "ipv4_prefix": 24}
	windows := attrs{"vm_name": "web-01", "image_name": "windows-server-2022", "guest_la_uid": "ops", "guest_la_pw": password}
	for _, tt := range []struct {
		name  string
		vm    tftypes.Value
		names string            // of the documents
		parts map[string]string // of documents
	}{
		{"a Linux guest", literal(linux("web-01")), "meta-data user-data vendor-data", map[string]string{
			"meta-data": `{"instance-id":"00000000-0000-0000-0000-000000000000","local-hostname":"web-01"}` + "\n", "user-data": `"name":"admin","shell":"/bin/bash","sudo":"ALL=(ALL:ALL) ALL","hashed_passwd":"******"`,
		}},
		{"a list of objects", literal(linux("web-01").with(attrs{"network_adapters": []any{adapter}})), "meta-data network-config user-data vendor-data", map[string]string{
			"network-config": `"mac_address":"00:00:00:00:00:02","subnets":[{"type":"static","address":"198.51.100.50/24"}]`,
		}},
		{"a resource", h.value(h.kind, linux("web-01").with(attrs{"host": "hv01", "id": "x", "network_adapters": []any{adapter}})), "meta-data network-config user-data vendor-data", nil},
		{"a map", tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, map[string]tftypes.Value{
			"vm_name": literal("web-01"), "image_name": literal("ubuntu-24.04"), "guest_time_zone": literal("UTC"),
		}), "meta-data user-data vendor-data", map[string]string{"user-data": `"timezone":"UTC"`}},
		{
			"a write-only secret", literal(windows.with(attrs{"guest_la_pw": nil, "guest_la_pw_wo": password, "guest_la_pw_wo_version": "1"})),
			"Autounattend.xml Unattend.xml hypervvm.json hypervvm.ps1 meta-data user-data",
			map[string]string{"Autounattend.xml": "<Value>******</Value>"},
		},
		{"cloudbase-init", literal(windows.with(attrs{"guest_setup": "cloud_init"})), "hypervvm.json hypervvm.ps1 meta-data user-data", map[string]string{"user-data": `"passwd":"******"`}},
		{"no settings of the guest", literal(attrs{"vm_name": "web-01", "image_name": "ubuntu-24.04"}), "", nil},
	} {
		documents, failure := h.seed(tt.vm)
		names := strings.Join(slices.Sorted(maps.Keys(documents)), " ")
		if failure != "" || names != tt.names {
			t.Errorf("%s has the documents %s, error %q", tt.name, names, failure)
		}
		for name, part := range tt.parts {
			if text, _ := documents[name].(string); !strings.Contains(text, part) {
				t.Errorf("%s: %s lacks %s: %s", tt.name, name, part, text)
			}
		}
		for name, text := range documents {
			if strings.Contains(text.(string), password) {
				t.Errorf("%s: %s contains the password", tt.name, name)
			}
		}
	}
}

func TestGuestSeedRefusesWhatTheResourceRefuses(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tt := range []struct {
		vm   attrs
		want string
	}{
		{linux("web-01").with(attrs{"guest_v4_ipaddr": "192.0.2.500"}), "guest_v4_ipaddr"},
		{linux("web-01").with(attrs{"guest_timezone": "UTC"}), "guest_timezone"},
		{linux("web-01").with(attrs{"network_adapters": []any{attrs{"name": "storage", "switch_name": "Storage", "ipv4_adress": "198.51.100.50"}}}), `Unknown field "ipv4_adress" in network_adapters[0]: remove it, or use ipv4_address`},
		{linux("web-01").with(attrs{"image_name": nil}), "image_name is required"},
		{linux("___"), "vm_name: '' is not a valid host name of a Linux guest: set guest_host_name"},
		{
			attrs{"vm_name": "web-01", "image_name": "windows-server-2022", "guest_setup": "cloud_init", "guest_locale": "de-DE"},
			"guest_locale: cloudbase-init cannot apply guest_locale",
		},
	} {
		if documents, failure := h.seed(literal(tt.vm)); documents != nil || !strings.Contains(failure, tt.want) || strings.Contains(failure, password) {
			t.Errorf("got %v, %q, want an error with %q", documents, failure, tt.want)
		}
	}
	if _, failure := h.seed(literal("web-01")); !strings.Contains(failure, "not an object") {
		t.Errorf("a text: %q", failure)
	}
}

// The fields of a custom job schema are those of agents by other names.
func TestGuestSeedKnowsTheFieldsOfACustomSchema(t *testing.T) {
	t.Parallel()
	schema, err := jobschema.Load("custom.yaml", []byte(`
id: custom
version: 1
name: Custom
description: Custom.
fields:
  - {id: name, label: Name, description: Name., type: string, required: true, stands_for: vm_name}
  - {id: image, label: Image, description: Image., type: string, required: true, stands_for: image_name}
  - {id: os_family, label: Family, description: Family., type: enum, required: true, validations: {one_of: [linux, windows]}}
  - {id: zone, label: Zone, description: Zone., type: string, guest: time_zone}
`))
	if err != nil {
		t.Fatal(err)
	}
	h := newHarnessWith(t, schema)
	documents, failure := h.seed(literal(attrs{"name": "Web 1", "image": "ubuntu-24.04", "os_family": "linux", "zone": "Europe/Berlin"}))
	meta, _ := documents["meta-data"].(string)
	user, _ := documents["user-data"].(string)
	if !strings.Contains(meta, `"web-1"`) || !strings.Contains(user, `"timezone":"Europe/Berlin"`) {
		t.Errorf("got %v, %q", documents, failure)
	}
}
