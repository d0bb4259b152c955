// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// The outcomes of submissions in the original service of this schema, as measured there, and in this package. An outcome is one of
//
//   - an m: the submission was accepted. The m is the difference to the result of the submission that every row changes.
//   - a []string: the submission was refused. Each is "field rule" in the terms of this package, in the order of the errors. For
//     unknown fields, it is the rule only. A parameter set is reported once with its id, as in the original service.
//   - crash: the service failed.
//
// kept means that the outcomes are equal: both accept the submission with the same values for the original fields, or both refuse it
// for the same reasons. The test checks that, and that rows marked as changed differ.
//
// The original service had no os_family: its agent determined the system from the name of the image during the job. Here it is
// inferred from that name before the job, so that rows need not set it. Rows about Linux name a Linux image where that matters. Its
// memory was a whole number; the same number counts as the same value.
const (
	kept    = "kept"
	changed = "changed"
	crash   = "the service's own failure (HTTP 500)"
)

// absent removes a field from a submission; nil sets it to null.
const absent = "\x00 absent"

// originFields are the fields of the original schema.
var originFields = []string{
	"vm_name", "image_name", "gb_ram", "cpu_cores", "vlan_id", "guest_la_uid", "guest_la_pw", "guest_v4_ipaddr",
	"guest_v4_cidrprefix", "guest_v4_defaultgw", "guest_v4_dns1", "guest_v4_dns2", "guest_net_dnssuffix",
	"guest_domain_jointarget", "guest_domain_joinuid", "guest_domain_joinpw", "guest_domain_joinou",
	"cnf_ansible_ssh_user", "cnf_ansible_ssh_key", "vm_clustered",
}

var (
	originBase = m{
		"vm_name": "web-01", "image_name": "Windows Server 2022", "gb_ram": 8, "cpu_cores": 4,
		"guest_la_uid": "Administrator", "guest_la_pw": "S3cret!",
	}
	originResult = m{
		"vm_name": "web-01", "image_name": "Windows Server 2022", "gb_ram": 8.0, "cpu_cores": int64(4),
		"guest_la_uid": "Administrator", "guest_la_pw": "S3cret!", "vm_clustered": false,
	}
)

const (
	exact     = "a value is accepted unchanged or refused, so that state, job and virtual machine have the same value"
	strict    = "numbers and booleans must have their type, or be exact text; other forms are probably mistakes"
	hyperV    = "the limits are those of Hyper-V, and the host reports its own"
	noCascade = "one error is reported once, not again as an incomplete parameter set"
)

var lan = m{"guest_v4_ipaddr": "192.0.2.5", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1"}

func lanResult(changes m) m {
	return plus(m{"guest_v4_ipaddr": "192.0.2.5", "guest_v4_cidrprefix": int64(24), "guest_v4_defaultgw": "192.0.2.1"}, changes)
}

var (
	join = m{"guest_domain_jointarget": "corp.example.com", "guest_domain_joinuid": `EXAMPLE\svc_join`, "guest_domain_joinpw": "p w"}
	ssh  = m{"image_name": "ubuntu-24.04", "cnf_ansible_ssh_user": "ansible", "cnf_ansible_ssh_key": "  ssh-ed25519 AAAA \n"}
)

func plus(values, changes m) m {
	all := maps.Clone(values)
	maps.Copy(all, changes)
	return all
}

func faults(list ...string) []string { return list }

type originRow struct {
	name   string
	change m
	origin any
	mark   string
	ours   any    // where it is changed
	reason string // why
}

var originRows = []originRow{
	{"nothing changed", nil, m{}, kept, nil, ""},
	{
		"no values",
		m{"vm_name": absent, "image_name": absent, "gb_ram": absent, "cpu_cores": absent, "guest_la_uid": absent, "guest_la_pw": absent},
		faults("vm_name required", "image_name required", "guest_la_uid required", "guest_la_pw required"), changed,
		faults("vm_name required", "image_name required"), "an image can have an account already",
	},
	{"neither memory nor processors", m{"gb_ram": absent, "cpu_cores": absent}, m{"gb_ram": 4.0, "cpu_cores": int64(2)}, kept, nil, ""},
	{"memory of blanks", m{"gb_ram": "  "}, m{"gb_ram": 4.0}, changed, faults("gb_ram type"), strict},
	{"a name with blanks around it", m{"vm_name": "  web-01  "}, m{}, changed, faults("vm_name whitespace"), exact},
	{"a name of blanks", m{"vm_name": "   "}, faults("vm_name required"), kept, nil, ""},
	{"a name of 64 characters", m{"vm_name": long(64)}, m{"vm_name": long(64)}, kept, nil, ""},
	{"a name of 65 characters", m{"vm_name": long(65)}, faults("vm_name max_length"), changed, m{"vm_name": long(65)}, hyperV},
	{"a name of 101 characters", m{"vm_name": long(101)}, faults("vm_name max_length"), kept, nil, ""},
	{"a name of 64 characters with blanks around it", m{"vm_name": " " + long(64) + " "}, m{"vm_name": long(64)}, changed, faults("vm_name whitespace"), exact},
	{"a path as name", m{"vm_name": `../..\x:*?`}, m{"vm_name": `../..\x:*?`}, changed, faults("vm_name file_name"), "the host would refuse it: files of the virtual machine have its name"},
	{"a number as name", m{"vm_name": 123}, m{"vm_name": "123"}, changed, faults("vm_name type"), strict},
	{"a list as name", m{"vm_name": []any{"a"}}, m{"vm_name": "['a']"}, changed, faults("vm_name type"), strict},
	{"a boolean as name", m{"vm_name": false}, m{"vm_name": "False"}, changed, faults("vm_name type"), strict},
	{"unknown fields, one of them null", m{"zzz": 1, "aaa": nil}, faults("unknown_field", "unknown_field"), kept, nil, ""},
	{
		"the family of the operating system",
		m{"os_family": "windows"},
		faults("unknown_field"), changed,
		m{},
		"the schema has the field, since it cannot always be inferred from the name of the image",
	},
	{"memory with blanks around it", m{"gb_ram": " 8 "}, m{}, changed, faults("gb_ram type"), strict},
	{"memory with a sign", m{"gb_ram": "+8"}, m{}, changed, faults("gb_ram type"), strict},
	{"memory with an underscore", m{"gb_ram": "1_0"}, m{"gb_ram": 10.0}, changed, faults("gb_ram type"), strict},
	{"memory in Arabic digits", m{"gb_ram": "٨"}, m{}, changed, faults("gb_ram type"), strict},
	{"memory with a fraction", m{"gb_ram": 8.9}, m{}, changed, faults("gb_ram multiple_of"), exact},
	{"memory with half a GiB", m{"gb_ram": 8.5}, m{}, changed, m{"gb_ram": 8.5}, exact},
	{"memory with a fraction as text", m{"gb_ram": "8.9"}, faults("gb_ram type"), changed, faults("gb_ram multiple_of"), hyperV},
	{"true as memory", m{"gb_ram": true}, m{"gb_ram": 1.0}, changed, faults("gb_ram type"), strict},
	{"memory in hexadecimal", m{"gb_ram": "0x10"}, faults("gb_ram type"), kept, nil, ""},
	{"a list as memory", m{"gb_ram": []any{8}}, faults("gb_ram type"), kept, nil, ""},
	{"NaN as memory", m{"gb_ram": math.NaN()}, faults("gb_ram type"), kept, nil, ""},
	{"infinite memory", m{"gb_ram": math.Inf(1)}, crash, changed, faults("gb_ram type"), "bad input is a fault of its field, never a crash"},
	{"no memory at all", m{"gb_ram": 0}, faults("gb_ram minimum"), kept, nil, ""},
	{"more memory than 512 GiB", m{"gb_ram": 513}, faults("gb_ram maximum"), changed, m{"gb_ram": 513.0}, hyperV},
	{"too much memory", m{"gb_ram": 245761}, faults("gb_ram maximum"), kept, nil, ""},
	{"more than 64 processors", m{"cpu_cores": 65}, faults("cpu_cores maximum"), changed, m{"cpu_cores": int64(65)}, hyperV},
	{"too many processors", m{"cpu_cores": 2049}, faults("cpu_cores maximum"), kept, nil, ""},
	{"VLAN 0", m{"vlan_id": 0}, faults("vlan_id minimum"), changed, m{}, "0 is the word for no VLAN: an attribute that is left out keeps its value"},
	{"VLAN 4095", m{"vlan_id": 4095}, faults("vlan_id maximum"), kept, nil, ""},
	{"a VLAN as text", m{"vlan_id": "1"}, m{"vlan_id": int64(1)}, kept, nil, ""},
	{"YES as boolean", m{"vm_clustered": "YES"}, m{"vm_clustered": true}, changed, faults("vm_clustered type"), strict},
	{"off with blanks around it as boolean", m{"vm_clustered": " off "}, m{}, changed, faults("vm_clustered type"), strict},
	{"1 as boolean", m{"vm_clustered": 1}, faults("vm_clustered type"), kept, nil, ""},
	{"maybe as boolean", m{"vm_clustered": "maybe"}, faults("vm_clustered type"), kept, nil, ""},
	{
		"an empty text as boolean",
		m{"vm_clustered": ""},
		m{},
		changed, faults("vm_clustered type"),
		"only null means the default: otherwise the stored value would differ from that of the job",
	},
	{"a password with blanks around it", m{"guest_la_pw": "  s3cret  "}, m{"guest_la_pw": "s3cret"}, changed, m{"guest_la_pw": "  s3cret  "}, exact},
	{"a password of blanks", m{"guest_la_pw": "   "}, faults("guest_la_pw required"), changed, faults("guest_la_pw pattern"), "it is not missing, it is no password"},
	{"an address only", m{"guest_v4_ipaddr": "192.0.2.5"}, faults("static_ipv4 parameter_set"), kept, nil, ""},
	{
		"an address with blanks around it, and a prefix as text", plus(lan, m{"guest_v4_ipaddr": " 192.0.2.5 ", "guest_v4_cidrprefix": "24"}),
		lanResult(nil), changed, faults("guest_v4_ipaddr whitespace"), exact,
	},
	{"one name server", plus(lan, m{"guest_v4_dns1": "192.0.2.53"}), lanResult(m{"guest_v4_dns1": "192.0.2.53"}), kept, nil, ""},
	{
		"two name servers", plus(lan, m{"guest_v4_dns1": "192.0.2.53", "guest_v4_dns2": "192.0.2.54"}),
		lanResult(m{"guest_v4_dns1": "192.0.2.53", "guest_v4_dns2": "192.0.2.54"}), kept, nil, "",
	},
	{"a second name server without the first", plus(lan, m{"guest_v4_dns2": "192.0.2.54"}), faults("static_ipv4 parameter_set"), kept, nil, ""},
	{"a name server only", m{"guest_v4_dns1": "192.0.2.53"}, faults("static_ipv4 parameter_set"), kept, nil, ""},
	{"an address out of range", m{"guest_v4_ipaddr": "300.1.1.1"}, faults("guest_v4_ipaddr type"), kept, nil, ""},
	{"an address with a leading zero", m{"guest_v4_ipaddr": "192.0.02.1"}, faults("guest_v4_ipaddr type"), kept, nil, ""},
	{"an address as a number", m{"guest_v4_ipaddr": json.Number("3232235777")}, faults("guest_v4_ipaddr type"), kept, nil, ""},
	{"an address with a prefix", m{"guest_v4_ipaddr": "192.0.2.1/24"}, faults("guest_v4_ipaddr type"), kept, nil, ""},
	{
		"a prefix of 0", plus(lan, m{"guest_v4_cidrprefix": 0}), faults("guest_v4_cidrprefix minimum", "static_ipv4 parameter_set"),
		changed, faults("guest_v4_cidrprefix minimum"), noCascade,
	},
	{
		"a prefix of 33", plus(lan, m{"guest_v4_cidrprefix": 33}), faults("guest_v4_cidrprefix maximum", "static_ipv4 parameter_set"),
		changed, faults("guest_v4_cidrprefix maximum"), noCascade,
	},
	{
		"a prefix of 32, and a gateway elsewhere", plus(lan, m{"guest_v4_cidrprefix": 32, "guest_v4_defaultgw": "10.0.0.1"}),
		lanResult(m{"guest_v4_cidrprefix": int64(32), "guest_v4_defaultgw": "10.0.0.1"}), changed, faults("guest_v4_cidrprefix ipv4_subnet"),
		"a virtual machine that cannot reach its gateway is useless, and the cause is hard to find",
	},
	{"a domain without OU", join, join, kept, nil, ""},
	{"a domain with OU", plus(join, m{"guest_domain_joinou": "OU=Servers"}), plus(join, m{"guest_domain_joinou": "OU=Servers"}), kept, nil, ""},
	{"one field of a domain", m{"guest_domain_joinuid": "x"}, faults("windows_domain_join parameter_set"), kept, nil, ""},
	{"an OU only", m{"guest_domain_joinou": "OU=Servers"}, faults("windows_domain_join parameter_set"), kept, nil, ""},
	{"an account for Ansible, and its key as given", ssh, ssh, kept, nil, ""},
	{"an account for Ansible only", plus(ssh, m{"cnf_ansible_ssh_key": absent}), faults("linux_ansible parameter_set"), kept, nil, ""},
	{"a key for Ansible only", plus(ssh, m{"cnf_ansible_ssh_user": absent}), faults("linux_ansible parameter_set"), kept, nil, ""},
	{
		"a key of blanks", plus(ssh, m{"cnf_ansible_ssh_key": "  "}), faults("linux_ansible parameter_set"), changed,
		faults("cnf_ansible_ssh_key pattern"), "it is not missing, it is no key",
	},
	{
		"an account for Ansible in Windows", plus(ssh, m{"image_name": "Windows Server 2022"}), plus(ssh, m{"image_name": "Windows Server 2022"}),
		changed, faults("cnf_ansible_ssh_user applicability", "cnf_ansible_ssh_key applicability"),
		"fields that do not apply to the system are refused before the job, not ignored during it",
	},
	{
		"many things at once",
		m{"vm_name": "", "gb_ram": 0, "cpu_cores": "x", "guest_v4_ipaddr": "bad", "zzz": 1},
		faults("unknown_field", "vm_name required", "gb_ram minimum", "cpu_cores type", "guest_v4_ipaddr type"), kept, nil, "",
	},
}

func long(n int) string { return strings.Repeat("a", n) }

func TestOutcomesOfTheOriginalServiceAreKeptOrChangedForAReason(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	count := map[string]int{}
	for _, row := range originRows {
		count[row.mark]++
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, origin := originOutcome(t, s, row.change), whole(row.origin)
			switch row.mark {
			case kept:
				if row.ours != nil || row.reason != "" || !reflect.DeepEqual(got, origin) {
					t.Errorf("the outcome is not kept:\ngot    %v\norigin %v", got, origin)
				}
			case changed:
				if want := whole(row.ours); !reflect.DeepEqual(got, want) {
					t.Errorf("got  %v\nwant %v", got, want)
				}
				if row.reason == "" || reflect.DeepEqual(got, origin) {
					t.Errorf("the outcome is not changed, or has no reason: %v", got)
				}
			default:
				t.Errorf("unknown mark %q", row.mark)
			}
		})
	}
	t.Logf("%d outcomes: %d kept, %d changed", len(originRows), count[kept], count[changed])
}

// originOutcome returns the outcome of a submission: the values of the original fields, or the errors.
func originOutcome(t *testing.T, s *jobschema.Schema, change m) any {
	values := plus(originBase, change)
	maps.DeleteFunc(values, func(_ string, v any) bool { return v == absent })
	fields, err := s.Validate(values)
	if err == nil {
		accepted := fields.Map()
		maps.DeleteFunc(accepted, func(id string, _ any) bool { return !slices.Contains(originFields, id) })
		return accepted
	}
	var reported []string
	for _, f := range faultsOf(t, err) {
		subject := f.Path.String()
		if f.Rule == "parameter_set" {
			subject = setOf(s, subject)
		}
		one := strings.TrimSpace(subject + " " + f.Rule)
		if f.Rule != "parameter_set" || !slices.Contains(reported, one) {
			reported = append(reported, one)
		}
	}
	return reported
}

// whole returns an outcome of the table in the form of originOutcome.
func whole(outcome any) any {
	if change, ok := outcome.(m); ok {
		return plus(originResult, change)
	}
	return outcome
}

// setOf returns the id of the parameter set of a field.
func setOf(s *jobschema.Schema, id string) string {
	for _, p := range s.ParameterSets {
		for _, v := range p.AllVariants() {
			if slices.Contains(v.Required, id) || slices.Contains(v.Optional, id) {
				return p.ID
			}
		}
	}
	return "no set has " + id
}
