// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// web is a schema for the default schema.
const web = `id: web
version: 3
fields:
  - {id: host_name, type: hostname, required: true, stands_for: vm_name, change: in_place}
  - {id: template, type: enum, required: true, stands_for: image_name, validations: {one_of: [ubuntu-24.04, windows-2022, gold]}}
  - {id: memory, type: integer, default: 8, stands_for: gb_ram, change: power_cycle}
  - {id: admin, type: string, default: ops, stands_for: guest_la_uid}
  - {id: admin_password, type: secret, required: true, stands_for: guest_la_pw}
  - {id: ip, type: ipv4, stands_for: guest_v4_ipaddr}
  - {id: prefix, type: integer, stands_for: guest_v4_cidrprefix}
  - {id: router, type: ipv4, stands_for: guest_v4_defaultgw}
  - {id: ssh_user, type: string, stands_for: cnf_ansible_ssh_user}
  - {id: notes, type: string, change: in_place}
  - {id: owner, type: string, required: true}
  - {id: costs, type: object, fields: [{id: centre, type: integer}]}
`

// shop is a schema for the schema everything.
const shop = `id: shop
version: 1
fields:
  - {id: title, type: string, required: true, stands_for: name, change: in_place}
  - {id: os, type: enum, required: true, validations: {one_of: [linux, windows]}}
  - {id: words, type: list, stands_for: tags, items: {type: enum, validations: {one_of: [web, Big, db, x]}}}
  - id: volumes
    type: list
    stands_for: disks
    items:
      type: object
      fields:
        - {id: gib, type: integer, required: true, stands_for: size_gb}
        - {id: tag, type: string, stands_for: label}
        - {id: format, type: string, stands_for: kind}
        - {id: block, type: integer}
        - {id: passphrase, type: secret, stands_for: key}
        - {id: paths, type: list, items: {type: string}, stands_for: mounts}
  - id: account
    type: object
    stands_for: login
    fields:
      - {id: uid, type: string, default: root, stands_for: user}
      - {id: password, type: secret}
`

func load(t *testing.T, text string) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("custom.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func translation(t *testing.T, from, to *jobschema.Schema) *jobschema.Translation {
	t.Helper()
	tr, err := jobschema.Translate(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func webValues(change m) m {
	return plus(m{"host_name": "web-01", "template": "ubuntu-24.04", "admin_password": "S3cret!", "owner": "ops"}, change)
}

func TestFieldsAreTranslatedInTheOrderOfTheTargetSchema(t *testing.T) {
	t.Parallel()
	s := load(t, web)
	fields, err := s.Validate(webValues(m{
		"ip": "192.0.2.5", "prefix": 24, "router": "192.0.2.1", "notes": "n", "costs": m{"centre": 4},
	}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := translation(t, s, jobInputs(t)).Fields(fields)
	if err != nil {
		t.Fatal(err)
	}
	want := job.Fields{
		{ID: "vm_name", Value: "web-01"},
		{ID: "image_name", Value: "ubuntu-24.04"},
		{ID: "os_family", Value: "linux"}, // inferred from the template
		{ID: "generation", Value: int64(2)},
		{ID: "gb_ram", Value: 8.0}, // web's default
		{ID: "cpu_cores", Value: int64(2)},
		{ID: "disk_type", Value: "copy"},
		{ID: "power_state", Value: "running"},
		{ID: "notes", Value: "n"},
		{ID: "guest_la_uid", Value: "ops"},
		{ID: "guest_la_pw", Value: "S3cret!"},
		{ID: "guest_v4_ipaddr", Value: "192.0.2.5"},
		{ID: "guest_v4_cidrprefix", Value: int64(24)},
		{ID: "guest_v4_defaultgw", Value: "192.0.2.1"},
		{ID: "vm_clustered", Value: false},
		{ID: "owner", Value: "ops"}, // recorded with the machine
		{ID: "costs", Value: job.Fields{{ID: "centre", Value: int64(4)}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got.Map(), want.Map())
	}
	if _, err := got.MarshalJSON(); err != nil {
		t.Error(err)
	}
}

func TestFaultsInTheTargetSchemaNameFieldsOfTheSourceSchema(t *testing.T) {
	t.Parallel()
	s := load(t, web)
	tr := translation(t, s, jobInputs(t))
	for _, tt := range []struct {
		change m
		path   string
		want   string
	}{
		{m{"memory": 1000000}, "memory", `memory must be between 0.03125 and 245760, but is 1000000: use a value between 0.03125 and 245760, for example 6.5`},
		{m{"host_name": strings.Repeat("a", 60) + "." + strings.Repeat("b", 60)}, "host_name", `host_name must have at most 100 characters, but has 121: use a shorter value`},
		{m{"admin": "a@b"}, "admin", `admin cannot be "a@b": use an account name without any of " / \ [ ] : ; | = , + * ? < > @, for example Administrator`},
		{m{"template": "gold"}, "os_family", `os_family is required: it cannot be inferred from template "gold": set it to "linux" or "windows"`},
		{m{"ip": "192.0.2.5", "prefix": 24}, "router", `router is required with ip and prefix (Static IPv4 configuration): set router, for example 192.0.2.1; or remove ip and prefix`},
		{
			m{"ip": "192.0.2.5", "prefix": 24, "router": "198.51.100.1"},
			"router",
			`router is 198.51.100.1, which is outside the subnet 192.0.2.0/24: use an address between 192.0.2.1 and 192.0.2.254, or correct ip or prefix`,
		},
		{m{"ip": "192.0.2.5", "prefix": 24, "router": "192.0.2.5"}, "router", `router is 192.0.2.5, the same as ip: use the address of the subnet's router`},
		{m{"template": "windows-2022", "ssh_user": "u"}, "ssh_user", `ssh_user does not apply when os_family is "windows": remove it, or set os_family to "linux"`},
		{
			m{"ssh_user": "u"},
			"cnf_ansible_ssh_key",
			`cnf_ansible_ssh_key is required with ssh_user (Linux Ansible automation): set cnf_ansible_ssh_key, for example ssh-ed25519 AAAA…; or remove ssh_user`,
		},
	} {
		fields, err := s.Validate(webValues(tt.change))
		if err != nil {
			t.Fatal(err)
		}
		got, err := tr.Fields(fields)
		faults := faultsOf(t, err)
		if text := fmt.Sprint(err); got != nil || text != tt.want || faults[0].Path.String() != tt.path || faults[0].Path[0].Field != tt.path {
			t.Errorf("got  %s: %s\nwant %s: %s", faults[0].Path, text, tt.path, tt.want)
		}
	}
}

func TestListsAndObjectsAreTranslated(t *testing.T) {
	t.Parallel()
	s := load(t, shop)
	tr := translation(t, s, storage(t))
	values := m{
		"title": "box-1", "os": "linux", "words": []any{"db", "web"}, "account": m{"password": "pw"},
		"volumes": []any{m{"gib": 40, "tag": "a", "passphrase": "k3y!", "paths": []any{"/srv"}}, m{"gib": 8, "format": "fixed", "block": 512}},
	}
	fields, err := s.Validate(values)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Fields(fields)
	if err != nil {
		t.Fatal(err)
	}
	want := m{
		"name": "box-1", "os": "linux", "memory": int64(4), "share": 0.5, "fast": false, "tags": []any{"db", "web"},
		"login": m{"user": "root", "password": "pw"},
		"disks": []any{
			m{"size_gb": int64(40), "label": "a", "kind": "dynamic", "key": "k3y!", "mounts": []any{"/srv"}},
			m{"size_gb": int64(8), "kind": "fixed", "block": int64(512)},
		},
	}
	if !reflect.DeepEqual(got.Map(), want) {
		t.Errorf("got  %v\nwant %v", got.Map(), want)
	}
	for _, tt := range []struct {
		change m
		path   string
		want   string
	}{
		{m{"volumes": []any{m{"gib": 1}, m{"gib": 101}}}, "volumes[1].gib", `volumes[1].gib must be between 1 and 100, but is 101: use a value between 1 and 100, for example 40`},
		{m{"volumes": []any{m{"gib": 1, "tag": "a"}, m{"gib": 1, "tag": "A"}}}, "volumes[1].tag", `volumes[1].tag is "A", like that of volumes[0]: use different values`},
		{m{"volumes": []any{m{"gib": 1, "paths": []any{"a", "b", "c"}}}}, "volumes[0].paths", `volumes[0].paths must have at most 2 items, but has 3: remove items`},
		{m{"volumes": []any{m{"gib": 1, "format": "thin"}}}, "volumes[0].format", `volumes[0].format cannot be "thin": use "dynamic" or "fixed"`},
		{m{"volumes": []any{m{"gib": 1, "block": 512}}}, "volumes[0].block", `volumes[0].block does not apply when volumes[0].format is "dynamic": remove it, or set volumes[0].format to "fixed"`},
		{m{"volumes": []any{m{"gib": 1, "passphrase": "k"}}}, "volumes[0].passphrase", `volumes[0].passphrase must have at least 4 characters, but has 1: use a longer value`},
		{m{"words": []any{"web", "Big"}}, "words[1]", `words[1] cannot be "Big": match the pattern [a-z]+`},
		{m{"title": "b"}, "title", `title must have at least 2 characters, but has 1: use a longer value, for example lin-01`},
	} {
		fields, err := s.Validate(plus(values, tt.change))
		if err != nil {
			t.Fatal(err)
		}
		_, err = tr.Fields(fields)
		faults := faultsOf(t, err)
		if text := fmt.Sprint(err); len(faults) != 1 || !strings.HasPrefix(text, tt.want) || faults[0].Path.String() != tt.path {
			t.Errorf("got  %s\nwant %s: %s", text, tt.path, tt.want)
		}
	}
}

func TestPartialTranslatesTheValidValues(t *testing.T) {
	t.Parallel()
	s := load(t, web)
	tr := translation(t, s, jobInputs(t))
	for _, tt := range []struct {
		name   string
		fields job.Fields
		want   job.Fields
	}{
		{"nothing", nil, job.Fields{}},
		{"some fields, in the order of the target", job.Fields{{ID: "memory", Value: int64(2)}, {ID: "host_name", Value: "w"}, {ID: "owner", Value: "o"}}, job.Fields{{ID: "vm_name", Value: "w"}, {ID: "gb_ram", Value: int64(2)}, {ID: "owner", Value: "o"}}},
		{"with values that the target infers", job.Fields{{ID: "template", Value: "windows-2022"}}, job.Fields{{ID: "image_name", Value: "windows-2022"}, {ID: "os_family", Value: "windows"}}},
		{"without values that the target infers", job.Fields{{ID: "template", Value: "gold"}}, job.Fields{{ID: "image_name", Value: "gold"}}},
		{"an unknown field", job.Fields{{ID: "other", Value: "x"}}, job.Fields{}},
		{"a value that is invalid in the target", job.Fields{{ID: "memory", Value: int64(9999)}}, job.Fields{{ID: "gb_ram", Value: int64(9999)}}},
	} {
		if got := tr.Partial(tt.fields.Map()); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got.Map(), tt.want.Map())
		}
	}
}

func TestIDsAndValuesAreConvertedToTheSourceSchema(t *testing.T) {
	t.Parallel()
	tr := translation(t, load(t, web), jobInputs(t))
	for from, to := range map[string]string{"host_name": "vm_name", "memory": "gb_ram", "notes": "notes", "owner": "owner"} {
		if tr.TargetID(from) != to || tr.SourceID(to) != from {
			t.Errorf("%s and %s: target id %s, source id %s", from, to, tr.TargetID(from), tr.SourceID(to))
		}
	}
	if tr.TargetID("other") != "other" || tr.SourceID("cpu_cores") != "cpu_cores" {
		t.Error("an id without a counterpart was changed")
	}
	disks := translation(t, load(t, shop), storage(t))
	for to, from := range map[string]string{
		"disks[2].size_gb": "volumes[2].gib", "disks[0].mounts[1]": "volumes[0].paths[1]", "login.user": "account.uid", "disks[1].block": "volumes[1].block",
		"other[1].size_gb": "other[1].size_gb", "no path": "no path",
	} {
		if got := disks.SourceID(to); got != from {
			t.Errorf("the source id of %s is %s, want %s", to, got, from)
		}
	}
	got := tr.FromTarget(m{"vm_name": "w", "gb_ram": int64(2), "cpu_cores": int64(1), "owner": "o", "costs": m{"centre": int64(4)}, "id": "x"})
	if want := (m{"host_name": "w", "memory": int64(2), "owner": "o", "costs": m{"centre": int64(4)}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	nested := translation(t, load(t, shop), storage(t))
	for path, want := range map[string]string{
		"disks[1].size_gb": "volumes[1].gib", "disks[0]": "volumes[0]", "disks[2].mounts[0]": "volumes[2].paths[0]", "login.user": "account.uid",
		"disks[0].other": "volumes[0].other", "other[0].size_gb": "other[0].size_gb", "": "",
	} {
		if got := nested.SourceID(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	values := m{
		"name": "n", "memory": int64(4), "tags": []any{"web"}, "login": m{"user": "u", "shell": "sh"},
		"disks": []any{m{"size_gb": int64(1), "label": "a", "kind": nil, "mounts": []any{"/srv"}}, nil},
	}
	want := m{
		"title": "n", "words": []any{"web"}, "account": m{"uid": "u"},
		"volumes": []any{m{"gib": int64(1), "tag": "a", "paths": []any{"/srv"}}, nil},
	}
	if got := nested.FromTarget(values); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	odd := m{"name": []any{m{"a": []any{"b"}}}, "disks": "text", "login": []any{"x"}, "tags": m{"a": "b"}}
	if got, want := nested.FromTarget(odd), (m{"title": odd["name"], "volumes": "text", "account": odd["login"], "words": odd["tags"]}); !reflect.DeepEqual(got, want) {
		t.Errorf("values of other structures: got %v", got)
	}
}

func TestASchemaWithTheSameIDIsNotTranslated(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	tr := translation(t, s, jobInputs(t))
	fields, err := s.Validate(with(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tr.Fields(fields); err != nil || !reflect.DeepEqual(got, fields) || !reflect.DeepEqual(tr.Partial(fields.Map()), fields) {
		t.Errorf("got %v, %v", got, err)
	}
	if tr.TargetID("vm_name") != "vm_name" || tr.SourceID("vm_name") != "vm_name" {
		t.Error("an id was changed")
	}
	if got := tr.FromTarget(m{"vm_name": "w", "gb_ram": int64(2)}); !reflect.DeepEqual(got, m{"vm_name": "w", "gb_ram": int64(2)}) {
		t.Errorf("from the target: %v", got)
	}
	_, err = jobschema.Translate(s, load(t, "id: vm-provisioning\nversion: 3\nfields: [{id: a, type: string}]\n"))
	var mismatch *jobschema.VersionMismatchError
	if !errors.As(err, &mismatch) {
		t.Errorf("another version: got %v", err)
	}
}

func TestTranslateRefusesASchemaThatHostsCannotServe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, old, with string
		nested          bool
		want            string // "line: path: |part of the reason"
	}{
		{"a field that stands for an unknown field", "stands_for: gb_ram", "stands_for: ram", false, `6: memory: |the field stands for ram, which vm-provisioning version 2 does not have`},
		{"two fields that stand for one", "{id: notes, type: string", "{id: text, type: string, stands_for: gb_ram", false, `13: text: |the field stands for gb_ram, like memory`},
		{"a field that stands for the id of another", "{id: owner, type: string, required: true}", "{id: owner, type: string, stands_for: notes}", false, `14: owner: |the field stands for notes, like notes`},
		{"a text for a number", "{id: prefix, type: integer", "{id: prefix, type: string", false, `10: prefix: |the field is of type string, but stands for guest_v4_cidrprefix of type integer`},
		{"a fraction for a whole number", "{id: prefix, type: integer", "{id: prefix, type: number", false, `10: prefix: |of type number`},
		{"many lines for one", "{id: ssh_user, type: string", "{id: ssh_user, type: multiline", false, `12: ssh_user: |of type multiline`},
		{"a text for a secret", "{id: admin_password, type: secret", "{id: admin_password, type: string", false, `8: admin_password: |the field is of type string, but stands for guest_la_pw of type secret`},
		{"a secret for a text", "{id: notes, type: string", "{id: notes, type: secret", false, `13: notes: |of type secret`},
		{"a list for a text", "{id: notes, type: string", "{id: notes, type: list, items: {type: string}", false, `13: notes: |of type list of string`},
		{"a change in place of a field that needs a power cycle", "stands_for: gb_ram, change: power_cycle", "stands_for: gb_ram, change: in_place", false, `6: memory: |the field has the change in_place, but stands for gb_ram with the change power_cycle`},
		{"a change of a field that needs a replacement", "required: true, stands_for: image_name", "required: true, stands_for: image_name, change: power_cycle", false, `5: template: |the field has the change power_cycle, but stands for image_name with the change replace`},
		{"an optional field for a required one", "type: hostname, required: true", "type: hostname", false, `4: host_name: |the field stands for vm_name, which is required on hosts: make it required, or add a default`},
		{"a field with applicability for a required one", "type: hostname, required: true", "type: hostname, required: true, applicability: {template: [gold]}", false, `4: host_name: |the field stands for vm_name, which is required on hosts: remove its applicability`},
		{"a nested field without a counterpart", ", stands_for: label", "", true, `14: volumes.tag: |the nested field has no stands_for and no counterpart in store version 4`},
		{"a nested field that stands for an unknown field", "stands_for: label", "stands_for: lbl", true, `14: volumes.tag: |the field stands for lbl, which store version 4 does not have`},
		{"a nested field of another type", "{id: tag, type: string", "{id: tag, type: boolean", true, `14: volumes.tag: |the field is of type boolean, but stands for label of type string`},
		{"a nested list of another type", "{id: paths, type: list, items: {type: string}", "{id: paths, type: list, items: {type: integer}", true, `18: volumes.paths: |the field is of type list of integer, but stands for mounts of type list of string`},
		{"an optional nested field for a required one", "{id: gib, type: integer, required: true", "{id: gib, type: integer", true, `7: volumes: |no field of it that always has a value stands for disks.size_gb, which is required on hosts`},
		{"a required nested field without a counterpart", "      - {id: uid, type: string, default: root, stands_for: user}\n", "", true, `19: account: |no field of it that always has a value stands for login.user, which is required on hosts`},
		{"a text for an object", "  - {id: words, type: list, stands_for: tags, items: {type: enum, validations: {one_of: [web, Big, db, x]}}}", "  - {id: words, type: string, stands_for: proxy}\n  - {id: user, type: string, stands_for: domain}\n  - {id: port, type: object, fields: [{id: a, type: string}]}", true, `8: port: |the field is of type object, but stands for port of type integer`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, to := web, jobInputs(t)
			if tt.nested {
				text, to = shop, storage(t)
			}
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the schema has no %q", tt.old)
			}
			tr, err := jobschema.Translate(load(t, strings.Replace(text, tt.old, tt.with, 1)), to)
			var refused *jobschema.LoadError
			if !errors.As(err, &refused) || tr != nil || len(refused.Faults) != 1 || refused.File != "custom.yaml" {
				t.Fatalf("got %v, %v", tr, err)
			}
			f := refused.Faults[0]
			where, what, _ := strings.Cut(tt.want, "|")
			if fmt.Sprintf("%d: %s: ", f.Line, f.Path) != where || !strings.Contains(f.Reason, what) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	_, err := jobschema.Translate(load(t, strings.Replace(web, ", stands_for: image_name", "", 1)), jobInputs(t))
	if want := "custom.yaml: no field stands for image_name, which is required on hosts: add stands_for: image_name to one"; fmt.Sprint(err) != want {
		t.Errorf("a required field without a counterpart:\ngot  %v\nwant %s", err, want)
	}
}

func TestASchemaWithTheIDOfAnotherMayDifferInTextsOnly(t *testing.T) {
	t.Parallel()
	own := string(schemas.JobInputs())
	known := jobInputs(t)
	same, err := jobschema.Load("own.yaml", []byte(strings.Replace(own, "label: VM name", "label: Name", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jobschema.Translate(same, known); err != nil {
		t.Errorf("another text: %v", err)
	}
	other, err := jobschema.Load("own.yaml", []byte(strings.Replace(own, "default: 4", "default: 8", 1)))
	if err != nil {
		t.Fatal(err)
	}
	translation, err := jobschema.Translate(other, known)
	if translation != nil || err == nil || !strings.Contains(err.Error(), "own.yaml: id: the schema has the id of the schema that agents know, vm-provisioning, but differs from it (gb_ram): use another id for a custom schema") {
		t.Errorf("got %v, %v", translation, err)
	}
}
