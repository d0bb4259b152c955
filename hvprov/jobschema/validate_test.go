// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// with returns the smallest submission for Windows with changes. A nil removes a field.
func with(changes map[string]any) map[string]any {
	values := map[string]any{
		"vm_name": "web-01", "image_name": "windows-server-2022", "os_family": "windows",
		"guest_la_uid": "Administrator", "guest_la_pw": "S3cret!",
	}
	for id, v := range changes {
		if v == nil {
			delete(values, id)
		} else {
			values[id] = v
		}
	}
	return values
}

type m = map[string]any

func static(changes m) m {
	values := m{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1"}
	maps.Copy(values, changes)
	return values
}

func domain(changes m) m {
	values := m{"guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": `LAB\svc_join`, "guest_domain_joinpw": " p w "}
	maps.Copy(values, changes)
	return values
}

func ansible(changes m) m {
	values := m{"os_family": "linux", "cnf_ansible_ssh_user": "ansible", "cnf_ansible_ssh_key": "  ssh-ed25519 AAAA \n"}
	maps.Copy(values, changes)
	return values
}

func faultsOf(t *testing.T, err error) []jobschema.Fault {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *jobschema.ValidationError
	if !errors.As(err, &invalid) || len(invalid.Faults) == 0 {
		t.Fatalf("got %v, want a *ValidationError with faults", err)
	}
	return invalid.Faults
}

// rules returns faults in the form "field rule", in order.
func rules(faults []jobschema.Fault) []string {
	var list []string
	for _, f := range faults {
		list = append(list, strings.TrimSpace(f.Path.String()+" "+f.Rule))
	}
	return list
}

// wantFaults checks that a validation returned these faults, each with a message and a remedy, and no fields.
func wantFaults(t *testing.T, fields job.Fields, err error, want []string) {
	t.Helper()
	faults := faultsOf(t, err)
	if got := rules(faults); !reflect.DeepEqual(got, want) || fields != nil {
		t.Errorf("got  %q\nwant %q\n%v", got, want, err)
	}
	for _, f := range faults {
		if f.Message == "" || f.Remedy == "" {
			t.Errorf("incomplete fault: %+v", f)
		}
	}
}

func TestValidateReturnsTypedFieldsInTheOrderOfTheSchema(t *testing.T) {
	t.Parallel()
	fields, err := jobInputs(t).Validate(with(m{"gb_ram": "8", "vlan_id": json.Number("120"), "notes": "", "vm_clustered": "true"}))
	if err != nil {
		t.Fatal(err)
	}
	want := job.Fields{
		{ID: "vm_name", Value: "web-01"},
		{ID: "image_name", Value: "windows-server-2022"},
		{ID: "os_family", Value: "windows"},
		{ID: "generation", Value: int64(2)},
		{ID: "gb_ram", Value: 8.0},
		{ID: "cpu_cores", Value: int64(2)},
		{ID: "disk_type", Value: "copy"},
		{ID: "power_state", Value: "running"},
		{ID: "vlan_id", Value: int64(120)},
		{ID: "guest_la_uid", Value: "Administrator"},
		{ID: "guest_la_pw", Value: "S3cret!"},
		{ID: "vm_clustered", Value: true},
	}
	if !reflect.DeepEqual(fields, want) {
		t.Errorf("got  %v\nwant %v", fields.Map(), want.Map())
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	for _, tt := range []struct {
		name   string
		change m
		id     string
		want   any // nil: the field is absent
	}{
		{"nothing beyond what is required", nil, "vm_clustered", false},
		{"no memory: the default", nil, "gb_ram", 4.0},
		{"half a GiB", m{"gb_ram": 0.5}, "gb_ram", 0.5},
		{"memory in MiB", m{"gb_ram": json.Number("4.501953125")}, "gb_ram", 4.501953125},
		{"no processors: the default", nil, "cpu_cores", int64(2)},
		{"a name of 100 characters", m{"vm_name": strings.Repeat("é", 100)}, "vm_name", strings.Repeat("é", 100)},
		{"a name with blanks and brackets", m{"vm_name": "SQL Server 01 [prod]"}, "vm_name", "SQL Server 01 [prod]"},
		{"a name of one character", m{"vm_name": "w"}, "vm_name", "w"},
		{"an image with blanks and brackets", m{"image_name": "Windows Server 2022 (Core)"}, "image_name", "Windows Server 2022 (Core)"},
		{"an integer as an int", m{"cpu_cores": 8}, "cpu_cores", int64(8)},
		{"an integer as a float64", m{"cpu_cores": 8.0}, "cpu_cores", int64(8)},
		{"an integer as a float32", m{"cpu_cores": float32(8)}, "cpu_cores", int64(8)},
		{"an integer as an int32", m{"cpu_cores": int32(8)}, "cpu_cores", int64(8)},
		{"an integer as text", m{"cpu_cores": "8"}, "cpu_cores", int64(8)},
		{"an integer as json.Number", m{"cpu_cores": json.Number("8.0")}, "cpu_cores", int64(8)},
		{"VLAN 0: no value", m{"vlan_id": 0}, "vlan_id", nil},
		{"no dynamic memory", m{"gb_ram_min": json.Number("0.0"), "gb_ram_max": "0"}, "gb_ram_min", nil},
		{"an address with hyphens", m{"mac_address": "00-15-5D-00-10-2A"}, "mac_address", "00-15-5D-00-10-2A"},
		{"an address with colons", m{"mac_address": "00:15:5d:00:10:2a"}, "mac_address", "00-15-5D-00-10-2A"},
		{"an address with dots", m{"mac_address": "0015.5d00.102A"}, "mac_address", "00-15-5D-00-10-2A"},
		{"an address of digits alone", m{"mac_address": "00155D00102a"}, "mac_address", "00-15-5D-00-10-2A"},
		{"a VLAN as text", m{"vlan_id": "1"}, "vlan_id", int64(1)},
		{"a boolean as text", m{"vm_clustered": "false"}, "vm_clustered", false},
		{"a secret with its blanks", m{"guest_la_pw": "  s3cret  "}, "guest_la_pw", "  s3cret  "},
		{"an optional text that is empty: no value", m{"switch_name": ""}, "switch_name", nil},
		{"an optional address that is empty: no value", m{"guest_v4_dns1": ""}, "guest_v4_dns1", nil},
		{"a null: no value", m{"vlan_id": nil}, "vlan_id", nil},
		{"notes of many lines, as given", m{"notes": " a\r\n\tb \n"}, "notes", " a\r\n\tb \n"},
		{"a static address without name servers", static(nil), "guest_v4_ipaddr", "192.0.2.50"},
		{"with one name server", static(m{"guest_v4_dns1": "192.0.2.53"}), "guest_v4_dns1", "192.0.2.53"},
		{"with two", static(m{"guest_v4_dns1": "192.0.2.53", "guest_v4_dns2": "198.51.100.53"}), "guest_v4_dns2", "198.51.100.53"},
		{"a prefix as text", static(m{"guest_v4_cidrprefix": "24"}), "guest_v4_cidrprefix", int64(24)},
		{"both addresses of a point-to-point subnet", static(m{"guest_v4_ipaddr": "192.0.2.0", "guest_v4_cidrprefix": 31}), "guest_v4_cidrprefix", int64(31)},
		{"the last address of a subnet", static(m{"guest_v4_ipaddr": "192.0.2.254"}), "guest_v4_ipaddr", "192.0.2.254"},
		{"the largest subnet", static(m{"guest_v4_cidrprefix": 1}), "guest_v4_cidrprefix", int64(1)},
		{"a DNS suffix by itself", m{"guest_net_dnssuffix": "lab.example"}, "guest_net_dnssuffix", "lab.example"},
		{"a domain without OU", domain(nil), "guest_domain_joinpw", " p w "},
		{"a domain with OU", domain(m{"guest_domain_joinou": "OU=Servers,DC=lab,DC=example"}), "guest_domain_joinou", "OU=Servers,DC=lab,DC=example"},
		{"an account for Ansible, its key as given", ansible(nil), "cnf_ansible_ssh_key", "  ssh-ed25519 AAAA \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := s.Validate(with(tt.change))
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := fields.Get(tt.id); ok != (tt.want != nil) || got != tt.want {
				t.Errorf("%s is %#v, want %#v", tt.id, got, tt.want)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	for _, tt := range []struct {
		name   string
		change m
		want   []string
	}{
		{"a name that is missing", m{"vm_name": nil}, []string{"vm_name required"}},
		{"a name of blanks", m{"vm_name": "   "}, []string{"vm_name required"}},
		{"a password of blanks", m{"guest_la_pw": "   "}, []string{"guest_la_pw pattern"}},
		{"a name with blanks around it", m{"vm_name": "  web-01  "}, []string{"vm_name whitespace"}},
		{"a name of 101 characters", m{"vm_name": strings.Repeat("a", 101)}, []string{"vm_name max_length"}},
		{"a name with a trailing line break", m{"vm_name": "web-01\n"}, []string{"vm_name characters"}},
		{"a path as image", m{"image_name": `..\secret`}, []string{"image_name pattern"}},
		{"a path as name", m{"vm_name": "a/b"}, []string{"vm_name file_name"}},
		{"a device as name", m{"vm_name": "nul"}, []string{"vm_name file_name"}},
		{"a device as image", m{"image_name": "CON"}, []string{"image_name file_name"}},
		{"a device with an extension as medium", m{"media_name": "Com1.x"}, []string{"media_name file_name"}},
		{"a number as name", m{"vm_name": 123}, []string{"vm_name type"}},
		{"a list as name", m{"vm_name": []any{"a"}}, []string{"vm_name type"}},
		{"a boolean as name", m{"vm_name": false}, []string{"vm_name type"}},
		{"an object as name", m{"vm_name": m{"a": 1}}, []string{"vm_name type"}},
		{"unknown fields", m{"zzz": 1, "aaa": "x"}, []string{"unknown_field", "unknown_field"}},
		{"an operating system of another family", m{"os_family": "bsd"}, []string{"os_family one_of"}},
		{"an enum in capitals", m{"os_family": "Windows"}, []string{"os_family one_of"}},
		{"a boolean as enum", m{"power_state": true}, []string{"power_state one_of"}},
		{"an empty text for a field with a default", m{"power_state": ""}, []string{"power_state one_of"}},
		{"processors of blanks", m{"cpu_cores": "  "}, []string{"cpu_cores type"}},
		{"processors with blanks around it", m{"cpu_cores": " 8 "}, []string{"cpu_cores type"}},
		{"processors with a sign", m{"cpu_cores": "+8"}, []string{"cpu_cores type"}},
		{"processors with an underscore", m{"cpu_cores": "1_0"}, []string{"cpu_cores type"}},
		{"processors in Arabic digits", m{"cpu_cores": "٨"}, []string{"cpu_cores type"}},
		{"processors with a leading zero", m{"cpu_cores": "08"}, []string{"cpu_cores type"}},
		{"processors with a fraction", m{"cpu_cores": 8.9}, []string{"cpu_cores type"}},
		{"processors with a fraction as text", m{"cpu_cores": "8.9"}, []string{"cpu_cores type"}},
		{"processors with a fraction as json.Number", m{"cpu_cores": json.Number("8.9")}, []string{"cpu_cores type"}},
		{"true as processors", m{"cpu_cores": true}, []string{"cpu_cores type"}},
		{"processors in hexadecimal", m{"cpu_cores": "0x10"}, []string{"cpu_cores type"}},
		{"a list as memory", m{"gb_ram": []any{8}}, []string{"gb_ram type"}},
		{"NaN as processors", m{"cpu_cores": math.NaN()}, []string{"cpu_cores type"}},
		{"infinite processors", m{"cpu_cores": math.Inf(1)}, []string{"cpu_cores type"}},
		{"a number beyond int64", m{"gb_ram": json.Number("9223372036854775808")}, []string{"gb_ram type"}},
		{"a number of absurd size", m{"gb_ram": json.Number("1e999999999")}, []string{"gb_ram type"}},
		{"memory of no multiple of 2 MiB", m{"gb_ram": 8.3}, []string{"gb_ram multiple_of"}},
		{"no memory at all", m{"gb_ram": 0}, []string{"gb_ram minimum"}},
		{"too much memory", m{"gb_ram": 245761}, []string{"gb_ram maximum"}},
		{"too many processors", m{"cpu_cores": 2049}, []string{"cpu_cores maximum"}},
		{"VLAN -1", m{"vlan_id": -1}, []string{"vlan_id minimum"}},
		{"a minimum of no multiple of 2 MiB", m{"gb_ram_min": 0.3, "gb_ram_max": 8}, []string{"gb_ram_min multiple_of"}},
		{"a maximum without a minimum", m{"gb_ram_min": 0, "gb_ram_max": 8}, []string{"gb_ram_min parameter_set"}},
		{"a multicast address", m{"mac_address": "01-00-5e-00-00-01"}, []string{"mac_address type"}},
		{"an address of eight pairs", m{"mac_address": "02-00-5e-10-00-00-00-01"}, []string{"mac_address type"}},
		{"an address of eleven digits", m{"mac_address": "00155D00102"}, []string{"mac_address type"}},
		{"an address with two separators", m{"mac_address": "00-15:5D-00-10-20"}, []string{"mac_address type"}},
		{"VLAN 4095", m{"vlan_id": 4095}, []string{"vlan_id maximum"}},
		{"YES as boolean", m{"vm_clustered": "YES"}, []string{"vm_clustered type"}},
		{"off as boolean", m{"vm_clustered": " off "}, []string{"vm_clustered type"}},
		{"1 as boolean", m{"vm_clustered": 1}, []string{"vm_clustered type"}},
		{"maybe as boolean", m{"vm_clustered": "maybe"}, []string{"vm_clustered type"}},
		{"text that is not UTF-8", m{"notes": "\xff"}, []string{"notes characters"}},
		{"a zero byte in notes", m{"notes": "a\x00b"}, []string{"notes characters"}},
		{"an account with an at sign", m{"guest_la_uid": "a@b"}, []string{"guest_la_uid pattern"}},
		{
			"an address only",
			m{"guest_v4_ipaddr": "192.0.2.5"},
			[]string{"guest_v4_cidrprefix parameter_set", "guest_v4_defaultgw parameter_set"},
		},
		{"a second name server without the first", static(m{"guest_v4_dns2": "192.0.2.54"}), []string{"guest_v4_dns1 parameter_set"}},
		{
			"a name server only",
			m{"guest_v4_dns1": "192.0.2.53"},
			[]string{"guest_v4_ipaddr parameter_set", "guest_v4_cidrprefix parameter_set", "guest_v4_defaultgw parameter_set"},
		},
		{"a minimum without a maximum", m{"gb_ram_min": 1}, []string{"gb_ram_max parameter_set"}},
		{"a minimum above the memory", m{"gb_ram": 4, "gb_ram_min": 4.5, "gb_ram_max": 8}, []string{"gb_ram_min ascending"}},
		{"a maximum below the memory", m{"gb_ram": 4, "gb_ram_min": 4, "gb_ram_max": "3.5"}, []string{"gb_ram_max ascending"}},
		{"a minimum and a maximum the wrong way round", m{"gb_ram": 4, "gb_ram_min": 8, "gb_ram_max": 2}, []string{"gb_ram_min ascending", "gb_ram_max ascending"}},
		{"a maximum below the default memory", m{"gb_ram": nil, "gb_ram_min": 1, "gb_ram_max": 2}, []string{"gb_ram_max ascending"}},
		{"invalid memory and its bounds", m{"gb_ram": 0, "gb_ram_min": 8, "gb_ram_max": 2}, []string{"gb_ram minimum"}},
		{"an address with blanks around it", static(m{"guest_v4_ipaddr": " 192.0.2.5 "}), []string{"guest_v4_ipaddr whitespace"}},
		{"an address out of range", m{"guest_v4_ipaddr": "300.1.1.1"}, []string{"guest_v4_ipaddr type"}},
		{"an address with a leading zero", m{"guest_v4_ipaddr": "192.0.02.1"}, []string{"guest_v4_ipaddr type"}},
		{"an address as a number", m{"guest_v4_ipaddr": "3232235777"}, []string{"guest_v4_ipaddr type"}},
		{"an address with a prefix", m{"guest_v4_ipaddr": "192.0.2.1/24"}, []string{"guest_v4_ipaddr type"}},
		{"an IPv6 address", m{"guest_v4_ipaddr": "2001:db8::1"}, []string{"guest_v4_ipaddr type"}},
		{"a prefix of 0, once", static(m{"guest_v4_cidrprefix": 0}), []string{"guest_v4_cidrprefix minimum"}},
		{"a prefix of 33, once", static(m{"guest_v4_cidrprefix": 33}), []string{"guest_v4_cidrprefix maximum"}},
		{"a subnet of one address", static(m{"guest_v4_cidrprefix": 32, "guest_v4_defaultgw": "10.0.0.1"}), []string{"guest_v4_cidrprefix ipv4_subnet"}},
		{"a gateway outside of the subnet", static(m{"guest_v4_defaultgw": "198.51.100.1"}), []string{"guest_v4_defaultgw ipv4_subnet"}},
		{"a gateway with the address of the guest", static(m{"guest_v4_defaultgw": "192.0.2.50"}), []string{"guest_v4_defaultgw ipv4_subnet"}},
		{"a network address", static(m{"guest_v4_ipaddr": "192.0.2.0"}), []string{"guest_v4_ipaddr ipv4_subnet"}},
		{"a broadcast address", static(m{"guest_v4_ipaddr": "192.0.2.255"}), []string{"guest_v4_ipaddr ipv4_subnet"}},
		{"a gateway that is the broadcast address", static(m{"guest_v4_defaultgw": "192.0.2.255"}), []string{"guest_v4_defaultgw ipv4_subnet"}},
		{"a suffix that is no DNS name", m{"guest_net_dnssuffix": "lab..example"}, []string{"guest_net_dnssuffix type"}},
		{"a domain without account", domain(m{"guest_domain_joinuid": nil}), []string{"guest_domain_joinuid parameter_set"}},
		{
			"an OU only",
			m{"guest_domain_joinou": "OU=Servers"},
			[]string{"guest_domain_jointarget parameter_set", "guest_domain_joinuid parameter_set", "guest_domain_joinpw parameter_set"},
		},
		{
			"a domain for Linux", domain(m{"os_family": "linux"}),
			[]string{"guest_domain_jointarget applicability", "guest_domain_joinuid applicability", "guest_domain_joinpw applicability"},
		},
		{"half a domain for Linux, once", m{"os_family": "linux", "guest_domain_joinuid": "x"}, []string{"guest_domain_joinuid applicability"}},
		{
			"an account for Ansible in Windows", ansible(m{"os_family": "windows"}),
			[]string{"cnf_ansible_ssh_user applicability", "cnf_ansible_ssh_key applicability"},
		},
		{"an account without key", ansible(m{"cnf_ansible_ssh_key": nil}), []string{"cnf_ansible_ssh_key parameter_set"}},
		{"a key without account", ansible(m{"cnf_ansible_ssh_user": nil}), []string{"cnf_ansible_ssh_user parameter_set"}},
		{"a key of blanks", ansible(m{"cnf_ansible_ssh_key": "  "}), []string{"cnf_ansible_ssh_key pattern"}},
		{"a private key", ansible(m{"cnf_ansible_ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----\n"}), []string{"cnf_ansible_ssh_key pattern"}},
		{"a field whose applicability depends on a missing one", domain(m{"os_family": nil, "image_name": "gold"}), []string{"os_family required"}},
		{"a field for Windows, and an image that infers Linux", domain(m{"os_family": nil, "image_name": "Debian 12"}), []string{
			"guest_domain_jointarget applicability", "guest_domain_joinuid applicability", "guest_domain_joinpw applicability",
		}},
		{
			"many things at once, in order",
			m{"cpu_cores": "x", "vm_name": "", "gb_ram": 0, "guest_v4_ipaddr": "bad", "zzz": 1},
			[]string{"unknown_field", "vm_name required", "gb_ram minimum", "cpu_cores type", "guest_v4_ipaddr type"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := s.Validate(with(tt.change))
			wantFaults(t, fields, err, tt.want)
		})
	}
}

func TestRequiredFieldsAreReportedForNoValues(t *testing.T) {
	t.Parallel()
	_, err := jobInputs(t).Validate(nil)
	want := []string{"vm_name required", "image_name required"}
	if got := rules(faultsOf(t, err)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaultsHaveMessagesAndRemedies(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	for _, tt := range []struct {
		change m
		want   string
	}{
		{m{"vm_name": nil}, `vm_name is required: set vm_name, for example web-01`},
		{m{"os_family": nil, "image_name": "gold"}, `os_family is required: it cannot be inferred from image_name "gold": set it to "linux" or "windows"`},
		{m{"image_name": "web*"}, `image_name cannot be "web*": use letters, digits, spaces, dots, hyphens, underscores and round brackets, with no dot or hyphen at either end, for example ubuntu-24.04`},
		{m{"vm_name": "web-01 "}, `vm_name has leading or trailing white space: "web-01 ": use "web-01"`},
		{m{"vm_name": 12}, `vm_name must be a line of text, but is 12: use a line of text, for example web-01`},
		{m{"vm_nam": "x"}, `unknown field "vm_nam": remove it, or use vm_name`},
		{m{"cpu_cores": 6000}, `cpu_cores must be between 1 and 2048, but is 6000: use a value between 1 and 2048`},
		{m{"cpu_cores": 8.5}, `cpu_cores must be a whole number, but is 8.5: use a whole number`},
		{m{"power_state": "runing"}, `power_state cannot be "runing": use "running", "off", "paused" or "saved"; did you mean "running"?`},
		{m{"guest_v4_ipaddr": "192.0.2.1/24"}, `guest_v4_ipaddr must be an IPv4 address, but is "192.0.2.1/24": remove the prefix length: "192.0.2.1"`},
		{static(m{"guest_v4_defaultgw": "198.51.100.1"}), `guest_v4_defaultgw is 198.51.100.1, which is outside the subnet 192.0.2.0/24: use an address between 192.0.2.1 and 192.0.2.254, or correct guest_v4_ipaddr or guest_v4_cidrprefix`},
		{ansible(m{"cnf_ansible_ssh_key": nil}), `cnf_ansible_ssh_key is required with cnf_ansible_ssh_user (Linux Ansible automation): set cnf_ansible_ssh_key, for example ssh-ed25519 AAAA…; or remove cnf_ansible_ssh_user`},
		{m{"os_family": "linux", "guest_domain_joinou": "OU=x"}, `guest_domain_joinou does not apply when os_family is "linux": remove it, or set os_family to "windows"`},
	} {
		_, err := s.Validate(with(tt.change))
		if got := fmt.Sprint(err); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestFaultsNeverShowASecret(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	const secret = "hunter2"
	for name, change := range map[string]m{
		"too long":         {"guest_la_pw": secret + strings.Repeat("x", 300)},
		"a zero byte":      {"guest_la_pw": secret + "\x00"},
		"a list":           {"guest_la_pw": []string{secret}},
		"a number":         {"guest_la_pw": json.Number("4711")},
		"not applicable":   {"os_family": "linux", "guest_domain_joinpw": secret},
		"set incomplete":   {"guest_domain_joinpw": secret},
		"a misspelt field": {"guest_la_pwd": secret},
	} {
		_, err := s.Validate(with(change))
		faults := faultsOf(t, err)
		if text := fmt.Sprintf("%v %+v", err, faults); strings.Contains(text, "hunter2") || strings.Contains(text, "4711") {
			t.Errorf("%s: the secret is in %s", name, text)
		}
	}
}

func TestLongValuesAreShortenedInFaults(t *testing.T) {
	t.Parallel()
	_, err := jobInputs(t).Validate(with(m{"image_name": strings.Repeat("é", 100)}))
	f := faultsOf(t, err)[0]
	if n := len([]rune(f.Given)); n != 80 || !strings.HasSuffix(f.Given, "…") {
		t.Errorf("given has %d characters: %s", n, f.Given)
	}
}
