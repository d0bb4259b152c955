// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Three versions of a schema with migrations.
var (
	firstText = labText("1", `
  - {id: mem, type: string, change: in_place}
  - {id: fast, type: boolean, change: in_place}
  - {id: cidr, type: string, change: in_place}
  - {id: key, type: secret, change: replace}
  - {id: serial, type: integer, change: in_place}
  - {id: cluster, type: string, change: in_place}
  - {id: group, type: string, change: in_place}
  - id: disks
    type: list
    items: {type: object, fields: [{id: size, type: integer, required: true}, {id: key, type: secret}]}
    change: replace
`, "")
	secondText = labText("2", `
  - {id: memory, type: string, change: in_place}
  - {id: fast, type: boolean, change: in_place}
  - {id: cidr, type: string, change: in_place}
  - {id: api_key, type: secret, change: replace}
  - {id: serial, type: integer, change: in_place}
  - {id: group, type: string, change: in_place}
  - id: disks
    type: list
    items: {type: object, fields: [{id: size_gb, type: integer, required: true}, {id: pass, type: secret}]}
    change: replace
`, firstStep)
	firstStep = `
migrations:
  - from: 1
    dropped: [cluster]
    renamed: {mem: memory, key: api_key, disks.size: size_gb, disks.key: pass}
`
	thirdText = labText("3", `
  - {id: memory_mb, type: integer, change: in_place}
  - {id: tier, type: enum, validations: {one_of: [gold, bronze]}, change: in_place}
  - {id: address, type: ipv4, change: in_place}
  - {id: prefix, type: integer, change: in_place}
  - {id: api_token, type: secret, change: replace}
  - {id: serial, type: string, change: in_place}
  - {id: groups, type: list, items: {type: string}, change: in_place}
  - {id: rate, type: number, default: 0.1, change: replace}
  - {id: shape, type: string, change: replace, infer: {from: image_name, rules: [{pattern: ubuntu, value: round}]}}
  - id: volumes
    type: list
    items:
      type: object
      fields:
        - {id: size_gb, type: integer, required: true}
        - {id: kind, type: enum, default: data, validations: {one_of: [data, log]}}
        - {id: pass, type: secret}
    change: replace
`, firstStep+`
  - from: 2
    renamed: {memory: memory_mb, fast: tier, api_key: api_token, group: groups, disks: volumes}
    split:
      cidr: {pattern: '(?P<address>[^/]+)/(?P<prefix>\d+)'}
    retyped:
      memory_mb: {from: string}
      tier: {from: boolean, values: {'true': gold, 'false': bronze}}
      prefix: {from: string}
      serial: {from: integer}
      groups: {from: string}
`)
)

// firstState is a state of the first version. Its serial number has no exact float64.
const firstState = `{
  "id": "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", "host": "hv01", "job_id": "4e4f", "state": "running",
  "ip_addresses": ["192.0.2.11"], "allow_power_cycle": false, "timeouts": null,
  "vm_name": "web-01", "image_name": "ubuntu-24.04", "guest_la_uid": "admin",
  "guest_la_pw": null, "guest_la_pw_wo": null, "guest_la_pw_wo_version": 7,
  "mem": "4096", "fast": true, "cidr": "192.0.2.50/24", "key": "a key", "key_wo": null, "key_wo_version": null,
  "serial": 9007199254740993, "cluster": "old", "group": "web",
  "disks": [{"size": 40, "key": null, "key_wo": null, "key_wo_version": 3}]
}`

func TestStatesOfEarlierVersionsAreUpgraded(t *testing.T) {
	t.Parallel()
	want := attrs{
		"id": "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", "host": "hv01", "ip_addresses": []any{"192.0.2.11"}, "timeouts": nil,
		"vm_name": "web-01", "guest_la_pw": nil, "guest_la_pw_wo_version": 7,
		"memory_mb": 4096, "tier": "gold", "address": "192.0.2.50", "prefix": 24,
		"api_token": "a key", "api_token_wo": nil, "api_token_wo_version": nil, "serial": "9007199254740993",
		"groups": []any{"web"}, "rate": "0.1", "shape": "round",
		"volumes": []any{attrs{"size_gb": 40, "kind": "data", "pass": nil, "pass_wo": nil, "pass_wo_version": 3}},
	}
	second := newHarnessWith(t, schemaOf(t, secondText))
	middle := second.mustUpgrade(1, firstState)
	second.mustHave(middle, attrs{"memory": "4096", "api_key": "a key", "serial": 9007199254740993, "guest_la_pw_wo_version": 7})

	h := newHarnessWith(t, schemaOf(t, thirdText))
	for name, from := range map[string]struct {
		version int64
		state   string
	}{"from the first": {1, firstState}, "from the second": {2, second.stateFile(middle)}} {
		upgraded, diags := h.upgrade(from.version, from.state)
		h.mustSucceed(name, diags)
		h.mustHave(upgraded, want)
		again := h.mustUpgrade(3, h.stateFile(upgraded))
		if !again.value.Equal(upgraded.value) {
			t.Errorf("%s: reading the state again changes it to %s", name, again.value)
		}
	}
}

func TestUpgradeReportsValuesThatCannotBeConverted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key   string
		value any
		texts []string
	}{
		"not a number":                    {"mem", "4 GB", []string{"field memory_mb", "whole number"}},
		"a fraction":                      {"mem", "4096.5", []string{"field memory_mb", "whole number"}},
		"an address that cannot be split": {"cidr", "dhcp", []string{"field cidr", "does not match the pattern"}},
		"not a boolean":                   {"fast", "perhaps", []string{"field tier"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var state map[string]any
			decoder := json.NewDecoder(strings.NewReader(firstState))
			decoder.UseNumber()
			if err := decoder.Decode(&state); err != nil {
				t.Fatal(err)
			}
			state[c.key] = c.value
			text, _ := json.Marshal(state)
			h := newHarnessWith(t, schemaOf(t, thirdText))
			_, diags := h.upgrade(1, string(text))
			message := h.mustFail(diags, "", append(c.texts, "Unable to upgrade the state of virtual machine web-01", "HYPERVVM_SCHEMA_FILE")...)
			if strings.Contains(message, "a key") || strings.Contains(message, fmt.Sprint(c.value)) {
				t.Error("the message contains a value of the state")
			}
		})
	}
}

func TestAnUpgradedStateShowsNoDifference(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connectedWith(t, server, schemaOf(t, firstText))
	created := first.mustApply(first.none(), minimal("web-01").with(attrs{
		"guest_la_pw": nil, "guest_la_pw_wo": password, // without a version: only the private state records it
		"mem": "4096", "fast": false, "cidr": "192.0.2.50/24", "key_wo": writeOnlySecret, "serial": 7, "cluster": "old", "group": "web",
		"disks": []any{attrs{"size": 40, "key_wo": writeOnlySecret}, attrs{"size": 20}},
	}))
	config := minimal("web-01").with(attrs{
		"guest_la_pw": nil, "guest_la_pw_wo": password,
		"memory_mb": 4096, "tier": "bronze", "address": "192.0.2.50", "prefix": 24, "api_token_wo": writeOnlySecret, "serial": "7", "groups": []any{"web"},
		"volumes": []any{attrs{"size_gb": 40, "pass_wo": writeOnlySecret}, attrs{"size_gb": 20}},
	})
	for name, by := range map[string][]*jobschema.Schema{
		"at once":      {schemaOf(t, thirdText)},
		"step by step": {schemaOf(t, secondText), schemaOf(t, thirdText)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, from := first.stateFile(created), int64(1)
			private := created.private
			var h *harness
			var read resource
			for _, s := range by {
				h = connectedWith(t, server, s)
				upgraded := h.mustUpgrade(from, state)
				upgraded.private = private
				read = h.mustRead(upgraded)
				state, from, private = h.stateFile(read), int64(s.Version), read.private
			}
			h.wantEmptyPlan(read, config)
			// The private state has the old names of write-only secrets.
			open := config.with(attrs{
				"api_token_wo": nil, "api_token": writeOnlySecret,
				"volumes": []any{attrs{"size_gb": 40, "pass": writeOnlySecret}, attrs{"size_gb": 20}},
			})
			p := h.plan(read, open)
			h.mustSucceed("plan", p.diags)
			if len(p.replace) > 0 {
				t.Errorf("changing the form replaces because of %v", slices.Sorted(slices.Values(p.replace)))
			}
		})
	}
}

func TestANewFieldInTheSameVersionReplacesNothing(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	text := func(fields, itemFields string) *jobschema.Schema {
		return schemaOf(t, labText("1", `
  - id: disks
    type: list
    items: {type: object, fields: [{id: size, type: integer, required: true}`+itemFields+`]}
    change: replace
`+fields, ""))
	}
	first := connectedWith(t, server, text("", ""))
	config := minimal("web-01").with(attrs{"disks": []any{attrs{"size": 40}}})
	created := first.mustApply(first.none(), config)

	later := text(`
  - {id: share, type: number, default: 0.1, change: replace}
  - {id: slots, type: integer, default: 2, change: power_cycle}
  - {id: shape, type: string, change: replace, infer: {from: image_name, rules: [{pattern: ubuntu, value: round}]}}
`, `, {id: kind, type: enum, default: data, validations: {one_of: [data, log]}}`)
	h := connectedWith(t, server, later)
	state := h.mustUpgrade(1, first.stateFile(created))
	state.private = created.private
	p := h.plan(state, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		t.Fatalf("replaced because of %v", p.replace)
	}
	changed, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.mustHave(changed, attrs{"id": h.get(created, "id"), "slots": 2, "shape": "round"})
	if strings.Contains(h.log.String(), "[1/") {
		t.Error("a job ran")
	}
	h.wantEmptyPlan(changed, config)
	other := connectedWith(t, server, later).plan(state, config.with(attrs{"share": 2}))
	if got := strings.Join(other.replace, " "); got != "share" {
		t.Errorf("replaced because of %q, want share", got)
	}
}
