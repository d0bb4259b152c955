// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

// recorded gives what the manifests on a host say of the fields that its only machine was asked for with.
func recorded(t *testing.T, server *simhost.Server) map[string]any {
	t.Helper()
	var text []byte
	err := filepath.Walk(server.StateFile()+".d", func(name string, _ os.FileInfo, err error) error {
		if err == nil && filepath.Base(name) == "hypervvm.json" {
			text, err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Recorded map[string]any }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatalf("manifest %q: %v", text, err)
	}
	return manifest.Recorded
}

// full is a configuration of the example's schema with a value for every kind of field.
func complete(name string) attrs {
	return lab(name).with(attrs{
		"memory": 4, "network": "External", "description": "first", "cost_center": "4711", "owner": "ada@lab.example",
		"address": "192.0.2.50", "prefix": 24, "gateway": "192.0.2.1",
		"services": []any{attrs{"name": "http", "port": 80}, attrs{"name": "dns", "port": 53, "protocol": "udp"}},
		"tags":     []any{"training"},
	})
}

func TestListsAreCreatedReadUpdatedAndImported(t *testing.T) {
	t.Parallel()
	eachAgentIfFull(t, listsAreCreatedReadUpdatedAndImported)
}

func listsAreCreatedReadUpdatedAndImported(t *testing.T, server *simhost.Server) {
	schema := labSchema(t)
	h := connectedWith(t, server, schema)
	config := complete("web-01")
	made := h.mustApply(h.none(), config)
	http, dns := attrs{"name": "http", "port": 80, "protocol": "tcp"}, attrs{"name": "dns", "port": 53, "protocol": "udp"}
	h.mustHave(made, attrs{
		"services": []any{http, dns}, // with the default of what the first left out
		"tags":     []any{"training"}, "os": "linux", "memory": 4,
	})
	read := h.mustRead(made)
	h.wantEmptyPlan(read, config)

	config = config.with(attrs{"services": []any{attrs{"name": "ssh", "port": 22}}, "tags": []any{}})
	p := h.plan(read, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		t.Fatalf("a change of lists replaces the machine, for %v", p.replace)
	}
	changed, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	ssh := attrs{"name": "ssh", "port": 22, "protocol": "tcp"}
	h.mustHave(changed, attrs{"id": h.get(made, "id"), "services": []any{ssh}, "tags": []any{}})
	if log := h.log.String(); !strings.Contains(log, "change services, tags") {
		t.Error("the host was not told which fields to change")
	}
	want := map[string]any{"name": "ssh", "port": 22.0, "protocol": "tcp"}
	if got := recorded(t, server); !reflect.DeepEqual(got["services"], []any{want}) || !reflect.DeepEqual(got["tags"], []any{}) {
		t.Errorf("the host recorded %v", got)
	}
	h.wantEmptyPlan(changed, config)

	other := connectedWith(t, server, schema)
	imported := other.mustImport(server.Address() + "/web-01")
	for name, was := range h.attributes(changed.value) {
		if got := other.attributes(imported.value)[name]; name != "admin_password" && !got.Equal(was) {
			t.Errorf("%s is imported as %s, was %s", name, got, was)
		}
	}
	adopted := other.mustApply(imported, config)
	other.wantEmptyPlan(adopted, config)
}

func TestAListIsRemovedFromAConfiguration(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, labSchema(t))
	made := h.mustApply(h.none(), complete("web-01"))
	config := complete("web-01").with(attrs{"services": nil, "tags": nil})
	changed := h.mustApply(made, config)
	h.mustHave(changed, attrs{"id": h.get(made, "id"), "services": nil, "tags": nil})
	if got := recorded(t, server); got["services"] != nil || got["tags"] != nil {
		t.Errorf("the host recorded %v", got)
	}
	h.wantEmptyPlan(changed, config)
}

func TestErrorsInListsAreReportedOnTheItem(t *testing.T) {
	t.Parallel()
	service := func(changes attrs) attrs { return attrs{"name": "http", "port": 80}.with(changes) }
	for name, c := range map[string]struct {
		change    attrs
		attribute string
		texts     []string
	}{
		"a port beyond the last": {
			attrs{"services": []any{service(nil), service(attrs{"name": "dns", "port": 70000})}},
			"services.1.port",
			[]string{"Invalid services[1].port", "from 1 to 65535"},
		},
		"a protocol that is none": {
			attrs{"services": []any{service(attrs{"protocol": "icmp"})}}, "services.0.protocol", []string{`"tcp" or "udp"`},
		},
		"a name twice, in other letters": {
			attrs{"services": []any{service(nil), service(attrs{"name": "HTTP"})}}, "services.1.name", []string{"services[0]"},
		},
		"a tag of capitals": {attrs{"tags": []any{"may", "May"}}, "tags.1", []string{"lower-case letters"}},
		"an empty tag":      {attrs{"tags": []any{""}}, "tags.0", []string{"no value"}},
		"too many tags": {
			attrs{"tags": []any{"a", "b", "c", "d", "e", "f", "g", "h", "i"}}, "tags", []string{"at most 8 items", "has 9"},
		},
		"a faulty item beside one that comes later": {
			attrs{"services": []any{unknown{}, service(attrs{"port": 0})}}, "services.1.port", []string{"from 1 to 65535"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarnessWith(t, labSchema(t))
			h.mustFail(h.validate(lab("web-01").with(c.change)), c.attribute, c.texts...)
		})
	}
}

func TestUnknownPartsOfListsAreValid(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]attrs{
		"a list":               {"services": unknown{}, "tags": unknown{}},
		"an item":              {"services": []any{unknown{}, attrs{"name": "http", "port": 80}}, "tags": []any{unknown{}, "may"}},
		"a field of an item":   {"services": []any{attrs{"name": unknown{}, "port": unknown{}}}},
		"an optional field":    {"services": []any{attrs{"name": "http", "port": 80, "protocol": unknown{}}}},
		"a name that may vary": {"services": []any{attrs{"name": unknown{}, "port": 1}, attrs{"name": "http", "port": 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connectedWith(t, startHost(t, nil), labSchema(t))
			config := lab("web-01").with(change)
			h.mustSucceed("validate", h.validate(config))
			h.mustSucceed("plan", h.plan(h.none(), config).diags)
		})
	}
}
