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
)

// roles is a schema with roles in the guest.
const roles = `id: custom
version: 1
fields:
  - {id: name, type: string, required: true, stands_for: vm_name, change: in_place}
  - {id: image, type: string, required: true, stands_for: image_name}
  - {id: computer, type: hostname, guest: hostname}
  - {id: address, type: ipv4, guest: ipv4_address}
  - {id: bits, type: integer, guest: ipv4_prefix}
  - {id: router, type: ipv4, guest: ipv4_gateway}
  - {id: resolvers, type: list, items: {type: ipv4}, guest: dns_servers}
  - {id: keys, type: list, items: {type: string}, guest: ssh_keys}
  - {id: admin, type: string, stands_for: guest_la_uid}
  - id: nics
    type: list
    stands_for: network_adapters
    items:
      type: object
      fields:
        - {id: name, type: string, required: true}
        - {id: switch, type: string, required: true, stands_for: switch_name}
        - {id: address, type: ipv4, guest: ipv4_address}
        - {id: bits, type: integer, guest: ipv4_prefix}
`

func TestAFieldWithARoleIsTheFieldWithThisRole(t *testing.T) {
	t.Parallel()
	s := load(t, roles)
	tr := translation(t, s, jobInputs(t))
	fields, err := s.Validate(m{
		"name": "web", "image": "Debian 12", "computer": "web-01", "address": "192.0.2.5", "bits": 24, "router": "192.0.2.1",
		"resolvers": []any{"192.0.2.53"}, "nics": []any{m{"name": "b", "switch": "B", "address": "198.51.100.5", "bits": 24}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Fields(fields)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"guest_host_name": "web-01", "guest_v4_ipaddr": "192.0.2.5", "guest_v4_cidrprefix": int64(24), "guest_v4_defaultgw": "192.0.2.1",
		"guest_dns_servers": []any{"192.0.2.53"},
		"network_adapters": []any{job.Fields{
			{ID: "name", Value: "b"}, {ID: "switch_name", Value: "B"}, {ID: "ipv4_address", Value: "198.51.100.5"}, {ID: "ipv4_prefix", Value: int64(24)},
		}},
	}
	for id, v := range want {
		if have, _ := got.Get(id); !reflect.DeepEqual(have, v) {
			t.Errorf("%s is %v, want %v", id, have, v)
		}
	}
	if got := tr.SourceID("network_adapters[0].ipv4_prefix"); got != "nics[0].bits" {
		t.Errorf("the source of a nested field is %s", got)
	}
	for path, role := range map[string]string{
		"computer": "hostname", "keys": "ssh_keys", "admin": "admin_user", "nics.address": "ipv4_address", "nics": "", "name": "", "nics.name": "", "unknown": "",
	} {
		if got := tr.GuestRole(path); got != role {
			t.Errorf("%s has the role %q, want %q", path, got, role)
		}
	}
	if own := translation(t, jobInputs(t), jobInputs(t)); own.GuestRole("guest_la_pw") != "admin_password" || own.GuestRole("network_adapters.dns_servers") != "dns_servers" {
		t.Error("the schema of agents has no roles")
	}
	_, err = tr.Fields(job.Fields{{ID: "name", Value: "web"}, {ID: "image", Value: "Windows Server 2022"}, {ID: "computer", Value: "a-name-of-17-chars"}})
	if want := `computer must have at most 15 characters, but has 18: use a shorter value`; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRolesInTheGuestAreChecked(t *testing.T) {
	t.Parallel()
	const names = "dns_servers, dns_suffix, domain, domain_ou"
	for _, tt := range []struct{ name, old, with, want string }{
		{"an unknown role", "guest: hostname", "guest: host_name", `6: fields[2].guest: |unknown role "host_name": use admin_password, `},
		{"a role of another type", "guest: hostname", "guest: ipv6_gateway", `6: fields[2].guest: |a field of type hostname cannot have the role ipv6_gateway: use the type ipv6, string or enum`},
		{"a role of two fields", "{id: computer, type: hostname, guest: hostname}", "{id: computer, type: integer, guest: ipv4_prefix}", `8: fields[4].guest: |the field computer has the role ipv4_prefix already: a role belongs to one field`},
		{"a secret that is shown", "type: hostname, guest: hostname", "type: string, guest: admin_password", `6: fields[2].guest: |a field of type string cannot have the role admin_password: use the type secret`},
		{"a role beside stands_for", "guest: hostname", "guest: hostname, stands_for: notes", `6: fields[2].guest: |a field has either guest or stands_for: remove one of them`},
		{"items of another type", "items: {type: ipv4}, guest", "items: {type: integer}, guest", `10: fields[6].guest: |a list of integer cannot have the role dns_servers: use items of the type ip`},
		{"a role of an adapter that it does not have", "{id: bits, type: integer, guest: ipv4_prefix}\n  - {id: router", "{id: bits, type: integer}\n  - {id: router", ""},
		{"a nested role that adapters do not have", "        - {id: address, type: ipv4, guest: ipv4_address}", "        - {id: address, type: string, guest: time_zone}", `21: fields[9].items.fields[2].guest: |a field in a list has no role "time_zone" in the guest: only addresses`},
		{"a role in an object", "  - id: nics\n", "  - {id: net, type: object, fields: [{id: address, type: ipv4, guest: ipv4_address}]}\n  - id: nics\n", `13: fields[9].fields[0].guest: |a field of an object has no role in the guest`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(roles, tt.old) {
				t.Fatalf("the schema has no %q", tt.old)
			}
			_, err := jobschema.Load("custom.yaml", []byte(strings.Replace(roles, tt.old, tt.with, 1)))
			var refused *jobschema.LoadError
			switch {
			case tt.want == "" && err == nil:
				return
			case !errors.As(err, &refused) || len(refused.Faults) != 1:
				t.Fatalf("got %v", err)
			}
			f := refused.Faults[0]
			where, what, _ := strings.Cut(tt.want, "|")
			if fmt.Sprintf("%d: %s: ", f.Line, f.Path) != where || !strings.Contains(f.Reason, what) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	_, err := jobschema.Load("custom.yaml", []byte(strings.Replace(roles, "guest: hostname", "guest: x", 1)))
	if err == nil || !strings.Contains(err.Error(), names) {
		t.Errorf("the roles are not listed: %v", err)
	}
}

func TestARoleThatTheOtherSchemaLacksHasNoCounterpart(t *testing.T) {
	t.Parallel()
	_, err := jobschema.Translate(load(t, strings.Replace(roles, "guest: ssh_keys", "guest: commands", 1)), load(t, strings.ReplaceAll(`id: old
version: 3
fields:
  - {id: vm_name, type: string, change: in_place}
  - {id: image_name, type: string}
  - {id: guest_la_uid, type: string}
  - {id: host, type: string, guest: hostname}
  - {id: a, type: ipv4, guest: ipv4_address}
  - {id: b, type: integer, guest: ipv4_prefix}
  - {id: c, type: ipv4, guest: ipv4_gateway}
  - {id: d, type: list, items: {type: ip}, guest: dns_servers}
  - id: network_adapters
    type: list
    items:
      type: object
      fields: [{id: name, type: string}, {id: switch_name, type: string}, {id: e, type: ipv4, guest: ipv4_address}, {id: f, type: integer, guest: ipv4_prefix}]
`, "\t", "")))
	if want := "custom.yaml:11: keys: the field has the role commands in the guest, which no field of old version 3 has here"; fmt.Sprint(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestGuestSettingsAreCheckedByTheOperatingSystemFamily(t *testing.T) {
	t.Parallel()
	linux, windows := m{"os_family": "linux", "image_name": "Debian 12"}, m{"os_family": "windows"}
	plus := func(base m, more m) m {
		all := m{}
		for _, part := range []m{base, more} {
			for id, v := range part {
				all[id] = v
			}
		}
		return all
	}
	adapter := func(parts m) m {
		return m{"network_adapters": []any{plus(m{"name": "b", "switch_name": "B"}, parts)}}
	}
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFPL ops@lab.example"
	for _, tt := range []struct {
		name   string
		change m
		want   []string // nil: valid
	}{
		{"a computer name of 15 characters", plus(windows, m{"guest_host_name": "web-01-frontend"}), nil},
		{"a computer name of 16 characters", plus(windows, m{"guest_host_name": "web-01-frontend2"}), []string{"guest_host_name max_length"}},
		{"a computer name of digits", plus(windows, m{"guest_host_name": "12345"}), []string{"guest_host_name pattern"}},
		{"a computer name of digits and a hyphen", plus(windows, m{"guest_host_name": "12-45"}), nil},
		{"a computer name with an underscore", plus(windows, m{"guest_host_name": "web_01"}), []string{"guest_host_name pattern"}},
		{"a computer name with a hyphen at the end", plus(windows, m{"guest_host_name": "web-"}), []string{"guest_host_name pattern"}},
		{"a computer name that is not ASCII", plus(windows, m{"guest_host_name": "münchen"}), []string{"guest_host_name pattern"}},
		{"a host name of 63 characters", plus(linux, m{"guest_host_name": strings.Repeat("a", 63)}), nil},
		{"a host name of 64 characters", plus(linux, m{"guest_host_name": strings.Repeat("a", 64)}), []string{"guest_host_name max_length"}},
		{"a host name with a dot", plus(linux, m{"guest_host_name": "web.lab.example"}), []string{"guest_host_name pattern"}},
		{"a host name of digits on Linux", plus(linux, m{"guest_host_name": "12345"}), nil},
		{"a family that is not known decides nothing", m{"os_family": nil, "image_name": "gold", "guest_host_name": "web_01"}, []string{"os_family required"}},
		{"an answer file for Linux", plus(linux, m{"guest_setup": "unattend"}), []string{"guest_setup one_of"}},
		{"cloud-init on Windows", plus(windows, m{"guest_setup": "cloud_init"}), nil},
		{"an account of 20 characters", plus(windows, m{"guest_la_uid": strings.Repeat("a", 20)}), nil},
		{"an account of 21 characters", plus(windows, m{"guest_la_uid": strings.Repeat("a", 21)}), []string{"guest_la_uid max_length"}},
		{"an account with a space on Windows", plus(windows, m{"guest_la_uid": "lab admin"}), nil},
		{"an account with a space on Linux", plus(linux, m{"guest_la_uid": "lab admin"}), []string{"guest_la_uid pattern"}},
		{"an IANA time zone", plus(linux, m{"guest_time_zone": "America/Argentina/Buenos_Aires"}), nil},
		{"a Windows time zone on Linux", plus(linux, m{"guest_time_zone": "W. Europe Standard Time"}), []string{"guest_time_zone pattern"}},
		{"a Windows time zone", plus(windows, m{"guest_time_zone": "Central Standard Time (Mexico)"}), nil},
		{"UTC on Windows", plus(windows, m{"guest_time_zone": "UTC-11"}), nil},
		{"an IANA time zone on Windows", plus(windows, m{"guest_time_zone": "Europe/Berlin"}), []string{"guest_time_zone pattern"}},
		{"a locale", plus(linux, m{"guest_locale": "de_DE.UTF-8"}), nil},
		{"the locale C", plus(linux, m{"guest_locale": "C.UTF-8"}), nil},
		{"a language tag on Linux", plus(linux, m{"guest_locale": "de-DE"}), []string{"guest_locale pattern"}},
		{"a language tag", plus(windows, m{"guest_locale": "sr-Latn-RS"}), nil},
		{"a locale on Windows", plus(windows, m{"guest_locale": "de_DE.UTF-8"}), []string{"guest_locale pattern"}},
		{"SSH keys", plus(linux, m{"guest_ssh_keys": []any{key, "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5"}}), nil},
		{"an SSH key of two lines", plus(linux, m{"guest_ssh_keys": []any{key + "\n" + key}}), []string{"guest_ssh_keys[0] characters"}},
		{"a private key", plus(linux, m{"guest_ssh_keys": []any{"-----BEGIN OPENSSH PRIVATE KEY-----"}}), []string{"guest_ssh_keys[0] pattern"}},
		{"SSH keys on Windows", plus(windows, m{"guest_ssh_keys": []any{key}}), []string{"guest_ssh_keys applicability"}},
		{"SSH keys without an account", plus(linux, m{"guest_ssh_keys": []any{key}, "guest_la_uid": nil, "guest_la_pw": nil}), []string{"guest_la_uid parameter_set"}},
		{"a password without an account", m{"guest_la_uid": nil}, []string{"guest_la_uid parameter_set"}},
		{"neither account nor password", m{"guest_la_uid": nil, "guest_la_pw": nil}, nil},
		{"a cloud-config", plus(linux, m{"guest_user_data": "#cloud-config\r\npackages: [nginx]\n"}), nil},
		{"a script", plus(linux, m{"guest_user_data": "#!/bin/sh\ntrue\n"}), nil},
		{"user data of another kind", plus(linux, m{"guest_user_data": "packages: [nginx]\n"}), []string{"guest_user_data pattern"}},
		{"commands", plus(windows, m{"guest_commands": []any{"cmd /c ver"}}), nil},
		{"commands on Linux", plus(linux, m{"guest_commands": []any{"true"}}), []string{"guest_commands applicability"}},
		{"a product key", plus(windows, m{"guest_product_key": "abcde-12345-ABCDE-12345-ABCDE"}), nil},
		{"a product key without hyphens", plus(windows, m{"guest_product_key": "ABCDE12345ABCDE12345ABCDE"}), []string{"guest_product_key pattern"}},
		{"DNS servers of both kinds", m{"guest_dns_servers": []any{"192.0.2.53", "2001:db8::53"}}, nil},
		{"a name as DNS server", m{"guest_dns_servers": []any{"dns.lab.example"}}, []string{"guest_dns_servers[0] type"}},
		{"DNS servers in both forms", static(m{"guest_v4_dns1": "192.0.2.53", "guest_dns_servers": []any{"192.0.2.53"}}), []string{"guest_v4_dns1 parameter_set"}},
		{"an adapter with addresses", adapter(m{"ipv4_address": "198.51.100.5", "ipv4_prefix": 24, "ipv6_address": "2001:db8::6", "ipv6_prefix": 64, "ipv6_gateway": "fe80::1", "dns_servers": []any{"2001:db8::53"}}), nil},
		{"an adapter with a prefix only", adapter(m{"ipv4_prefix": 24}), []string{"network_adapters[0].ipv4_address parameter_set"}},
		{"an adapter with a gateway outside of its subnet", adapter(m{"ipv4_address": "198.51.100.5", "ipv4_prefix": 24, "ipv4_gateway": "192.0.2.1"}), []string{"network_adapters[0].ipv4_gateway ipv4_subnet"}},
		{"an adapter with an IPv6 gateway outside of its subnet", adapter(m{"ipv6_address": "2001:db8::6", "ipv6_prefix": 64, "ipv6_gateway": "2001:db8:1::1"}), []string{"network_adapters[0].ipv6_gateway ipv6_subnet"}},
		{"IPv6", m{"guest_v6_ipaddr": "2001:db8::5", "guest_v6_cidrprefix": 64}, nil},
		{"IPv6 with a link-local gateway", m{"guest_v6_ipaddr": "2001:db8::5", "guest_v6_cidrprefix": 64, "guest_v6_defaultgw": "fe80::1"}, nil},
		{"IPv6 with a gateway outside of the subnet", m{"guest_v6_ipaddr": "2001:db8::5", "guest_v6_cidrprefix": 64, "guest_v6_defaultgw": "2001:db8:0:1::1"}, []string{"guest_v6_defaultgw ipv6_subnet"}},
		{"IPv6 with itself as gateway", m{"guest_v6_ipaddr": "2001:db8::5", "guest_v6_cidrprefix": 64, "guest_v6_defaultgw": "2001:DB8:0::5"}, []string{"guest_v6_defaultgw ipv6_subnet"}},
		{"an IPv6 address without prefix length", m{"guest_v6_ipaddr": "2001:db8::5"}, []string{"guest_v6_cidrprefix parameter_set"}},
		{"an IPv6 gateway alone", m{"guest_v6_defaultgw": "fe80::1"}, []string{"guest_v6_ipaddr parameter_set", "guest_v6_cidrprefix parameter_set"}},
		{"an IPv6 address with a prefix length", m{"guest_v6_ipaddr": "2001:db8::5/64", "guest_v6_cidrprefix": 64}, []string{"guest_v6_ipaddr type"}},
		{"an IPv6 address with a zone", m{"guest_v6_ipaddr": "fe80::1%eth0", "guest_v6_cidrprefix": 64}, []string{"guest_v6_ipaddr type"}},
		{"an IPv4 address in the form of IPv6", m{"guest_v6_ipaddr": "::ffff:192.0.2.1", "guest_v6_cidrprefix": 64}, []string{"guest_v6_ipaddr type"}},
		{"an IPv4 address for IPv6", m{"guest_v6_ipaddr": "192.0.2.1", "guest_v6_cidrprefix": 64}, []string{"guest_v6_ipaddr type"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := jobInputs(t).Validate(with(tt.change))
			if tt.want != nil {
				wantFaults(t, fields, err, tt.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnIPv6AddressHasOneSpelling(t *testing.T) {
	t.Parallel()
	f, _ := jobInputs(t).Field("guest_v6_ipaddr")
	if v, fault := f.Check("2001:DB8:0:0::00A5"); v != "2001:db8::a5" || fault != nil {
		t.Errorf("got %v, %v", v, fault)
	}
	if !f.Equal("2001:DB8::5", "2001:db8:0::5") || f.Equal("2001:db8::5", "2001:db8::6") {
		t.Error("addresses are not compared by their meaning")
	}
	servers, _ := jobInputs(t).Field("guest_dns_servers")
	if !servers.Equal([]any{"2001:DB8::53"}, []any{"2001:db8::53"}) {
		t.Error("addresses of a list are not compared by their meaning")
	}
}

func TestAMessageAboutACaseNamesItsExample(t *testing.T) {
	t.Parallel()
	_, err := jobInputs(t).Validate(with(m{"os_family": "windows", "guest_time_zone": "Europe/Berlin"}))
	if want := `guest_time_zone cannot be "Europe/Berlin": use the name of a Windows time zone, for example W. Europe Standard Time`; fmt.Sprint(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	f, _ := jobInputs(t).Field("guest_locale")
	for _, want := range []string{
		"If `os_family` is `linux`: must be a locale of the form language_COUNTRY.encoding.", "Example: `en_US.UTF-8`.",
		"If `os_family` is `windows`: must be a language tag of the form language-COUNTRY.", "Example: `en-US`.",
	} {
		if !strings.Contains(f.Docs(), want) {
			t.Errorf("the documentation lacks %q:\n%s", want, f.Docs())
		}
	}
}

func TestParameterSetsOfAnObjectAreChecked(t *testing.T) {
	t.Parallel()
	const text = "id: a\nversion: 1\nfields:\n  - id: disk\n    type: object\n    fields: [{id: key, type: string}, {id: size, type: integer}, {id: kind, type: string, required: true}]\n" +
		"    parameter_sets: [{id: pair, label: Pair, members: [key, %s], mode: all-or-none}]\n%s"
	s := load(t, fmt.Sprintf(text, "size", ""))
	_, err := s.Validate(m{"disk": m{"kind": "x", "size": 1}})
	if want := "disk.key is required with disk.size (Pair): set disk.key; or remove disk.size"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if faults := s.ValidatePartial(m{"disk": m{"kind": "x", "size": 1, "key": jobschema.Unknown}}); len(faults) > 0 {
		t.Errorf("an unknown value: got %v", faults)
	}
	disk, _ := s.Field("disk")
	if want := "Part of: Pair, together with `size`."; !strings.Contains(disk.Fields[0].Docs(), want) {
		t.Errorf("the documentation lacks %q: %s", want, disk.Fields[0].Docs())
	}
	for want, parts := range map[string][2]string{
		`fields[0].parameter_sets[0].members[1]: unknown field "sise": did you mean size?`:            {"sise", ""},
		`fields[0].parameter_sets[0].members[1]: field kind is required and cannot be in a parameter`: {"kind", ""},
		`fields[1].parameter_sets: only a field of type object can have parameter_sets`:               {"size", "  - {id: b, type: string, parameter_sets: [{id: x, members: [c, d], mode: all-or-none}]}\n"},
	} {
		_, err := jobschema.Load("a.yaml", fmt.Appendf(nil, text, parts[0], parts[1]))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	other := load(t, strings.Replace(fmt.Sprintf(text, "size", ""), "members: [key, size], mode: all-or-none", "variants: [{id: v, required: [key], optional: [size]}]", 1))
	if err := other.CheckCompatible(s); err == nil || !strings.Contains(err.Error(), "disk: the rules of the field were changed") {
		t.Errorf("a changed set: got %v", err)
	}
	marshalled(t, s)
}

func TestCasesAreChecked(t *testing.T) {
	t.Parallel()
	const fields = "id: a\nversion: 1\nfields:\n  - {id: os, type: enum, validations: {one_of: [a, b]}}\n  - {id: n, type: %s, cases: [%s]}\n"
	for _, tt := range []struct{ name, of, cases, want string }{
		{"a case without rules", "string", "{when: {os: [a]}}", `fields[1].cases[0]: the key "validations" is missing`},
		{"a case without conditions", "string", "{validations: {max_length: 2}}", `fields[1].cases[0]: the key "when" is missing`},
		{"a condition about an unknown field", "string", "{when: {family: [a]}, validations: {max_length: 2}}", `fields[1].cases[0].when.family: unknown field "family"`},
		{"a condition with an unknown value", "string", "{when: {os: [c]}, validations: {max_length: 2}}", `fields[1].cases[0].when.os[0]: os cannot be "c"`},
		{"rules of another type", "string", "{when: {os: [a]}, validations: {maximum: 2}}", `fields[1].cases[0].validations.maximum: does not apply to a field of type string`},
		{"a type without rules", "ipv4", "{when: {os: [a]}, validations: {}}", `fields[1].cases: does not apply to a field of type ipv4`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := jobschema.Load("a.yaml", fmt.Appendf(nil, fields, tt.of, tt.cases))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	s := load(t, fmt.Sprintf(fields, "integer", "{when: {os: [a]}, validations: {maximum: 3}}, {when: {os: [a, b]}, validations: {maximum: 5}}"))
	for _, tt := range []struct {
		values m
		want   string
	}{
		{m{"os": "a", "n": 3}, ""},
		{m{"os": "b", "n": 5}, ""},
		{m{"n": 9}, ""},
		{m{"os": "a", "n": 4}, "n must be at most 3"},
		{m{"os": "b", "n": 6}, "n must be at most 5"},
	} {
		if _, err := s.Validate(tt.values); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt.values, err, tt.want)
		}
	}
	changed := load(t, fmt.Sprintf(fields, "integer", "{when: {os: [a]}, validations: {maximum: 4}}"))
	if err := changed.CheckCompatible(s); err == nil || !strings.Contains(err.Error(), "the rules of the field were changed") {
		t.Errorf("a changed case: got %v", err)
	}
}
