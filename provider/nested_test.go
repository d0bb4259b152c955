// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// recorded returns the recorded fields of the only virtual machine on a host, from its manifest.
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

// complete returns a configuration of the example schema with a value of every type.
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
	eachAgent(t, listsAreCreatedReadUpdatedAndImported)
}

func listsAreCreatedReadUpdatedAndImported(t *testing.T, server *simhost.Server) {
	schema := labSchema(t)
	h := connectedWith(t, server, schema)
	config := complete("web-01")
	created := h.mustApply(h.none(), config)
	http, dns := attrs{"name": "http", "port": 80, "protocol": "tcp"}, attrs{"name": "dns", "port": 53, "protocol": "udp"}
	h.mustHave(created, attrs{
		"services": []any{http, dns}, // with the default of the first protocol
		"tags":     []any{"training"}, "os": "linux", "memory": 4,
	})
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)

	config = config.with(attrs{"services": []any{attrs{"name": "ssh", "port": 22}}, "tags": []any{}})
	p := h.plan(read, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		t.Fatalf("replaced because of %v", p.replace)
	}
	changed, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	ssh := attrs{"name": "ssh", "port": 22, "protocol": "tcp"}
	h.mustHave(changed, attrs{"id": h.get(created, "id"), "services": []any{ssh}, "tags": []any{}})
	if log := h.log.String(); !strings.Contains(log, "change services, tags") {
		t.Error("the job did not receive the changed fields")
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
	created := h.mustApply(h.none(), complete("web-01"))
	config := complete("web-01").with(attrs{"services": nil, "tags": nil})
	changed := h.mustApply(created, config)
	h.mustHave(changed, attrs{"id": h.get(created, "id"), "services": nil, "tags": nil})
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
		"a port out of range": {
			attrs{"services": []any{service(nil), service(attrs{"name": "dns", "port": 70000})}},
			"services.1",
			[]string{"Invalid services[1].port", "between 1 and 65535"},
		},
		"an unknown protocol": {
			attrs{"services": []any{service(attrs{"protocol": "icmp"})}}, "services.0", []string{`"tcp" or "udp"`},
		},
		"a duplicate name in another case": {
			attrs{"services": []any{service(nil), service(attrs{"name": "HTTP"})}}, "services.1", []string{"services[0]"},
		},
		"a tag in upper case": {attrs{"tags": []any{"may", "May"}}, "tags.1", []string{"lower-case letters"}},
		"an empty tag":        {attrs{"tags": []any{""}}, "tags.0", []string{"is empty"}},
		"too many tags": {
			attrs{"tags": []any{"a", "b", "c", "d", "e", "f", "g", "h", "i"}}, "tags", []string{"at most 8 items", "has 9"},
		},
		"an invalid item after an unknown one": {
			attrs{"services": []any{unknown{}, service(attrs{"port": 0})}}, "services.1", []string{"between 1 and 65535"},
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
		"a list":                         {"services": unknown{}, "tags": unknown{}},
		"an item":                        {"services": []any{unknown{}, attrs{"name": "http", "port": 80}}, "tags": []any{unknown{}, "may"}},
		"a field of an item":             {"services": []any{attrs{"name": unknown{}, "port": unknown{}}}},
		"an optional field":              {"services": []any{attrs{"name": "http", "port": 80, "protocol": unknown{}}}},
		"a name that may be a duplicate": {"services": []any{attrs{"name": unknown{}, "port": 1}, attrs{"name": "http", "port": 1}}},
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
