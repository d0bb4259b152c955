// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestValidatePartialReportsOnlyWhatNoValueCouldFix(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	for _, tt := range []struct {
		name    string
		change  m
		unknown []string
		want    []string
	}{
		{"all values are known and valid", nil, nil, nil},
		{"a required field is not known", m{"vm_name": nil}, []string{"vm_name"}, nil},
		{"another one is missing", m{"vm_name": nil, "image_name": nil}, []string{"vm_name"}, []string{"image_name required"}},
		{"an unknown value replaces a value", m{"gb_ram": 9999}, []string{"gb_ram"}, nil},
		{"a set's missing fields are not known", m{"guest_v4_ipaddr": "192.0.2.5"}, []string{"guest_v4_cidrprefix", "guest_v4_defaultgw"}, nil},
		{
			"one of a set's missing fields is not known",
			m{"guest_v4_ipaddr": "192.0.2.5"},
			[]string{"guest_v4_cidrprefix"},
			[]string{"guest_v4_defaultgw parameter_set"},
		},
		{"nothing of a set is known: it may all be null", nil, []string{"guest_v4_ipaddr", "guest_v4_dns2"}, nil},
		{"a name server that is not known could allow the second", static(m{"guest_v4_dns2": "192.0.2.54"}), []string{"guest_v4_dns1"}, nil},
		{
			"an address that is not known is in any subnet", static(m{"guest_v4_ipaddr": nil, "guest_v4_defaultgw": "198.51.100.1"}),
			[]string{"guest_v4_ipaddr"},
			nil,
		},
		{
			"a known gateway is outside of a known subnet", static(m{"guest_v4_defaultgw": "198.51.100.1"}),
			[]string{"guest_v4_dns1"},
			[]string{"guest_v4_defaultgw ipv4_subnet"},
		},
		{"the operating system is not known: anything applies", domain(m{"os_family": nil}), []string{"os_family"}, nil},
		{"a field that does not apply may turn out null", m{"os_family": "linux"}, []string{"guest_domain_joinpw"}, nil},
		{"a value that is invalid in any case", m{"gb_ram": 0}, []string{"vm_name"}, []string{"gb_ram minimum"}},
		{"an unknown that the schema does not have", nil, []string{"other"}, []string{"unknown_field"}},
		{"an unknown image from which the system may be inferred", m{"os_family": nil}, []string{"image_name"}, nil},
		{"an image that infers nothing, and an unknown system", m{"image_name": "gold"}, []string{"os_family"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values := with(tt.change)
			for _, id := range tt.unknown {
				values[id] = jobschema.Unknown
			}
			if got := rules(s.ValidatePartial(values)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAFieldThatMayNotApplyIsNotRequired: a field that is required, or that a parameter set needs, is not missed where it may
// turn out to have no meaning.
func TestAFieldThatMayNotApplyIsNotRequired(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("lab.yaml", []byte(`
id: lab
version: 1
fields:
  - {id: fast, type: boolean}
  - {id: tier, type: string, required: true, applicability: {fast: ['true']}}
  - {id: ratio, type: number, default: 0.5, applicability: {fast: ['true']}}
  - {id: user, type: string}
  - {id: key, type: string, applicability: {fast: ['true']}}
parameter_sets:
  - {id: login, members: [user, key], mode: all-or-none}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		values m
		want   []string
	}{
		{"it applies", m{"fast": true, "user": "u"}, []string{"tier required", "key parameter_set"}},
		{"it does not apply", m{"fast": false, "user": "u"}, nil},
		{"it may not apply", m{"fast": jobschema.Unknown, "user": "u"}, nil},
		{"a value that decides about applicability is invalid", m{"fast": "maybe", "user": "u"}, []string{"fast type"}},
		{"an invalid value is invalid in any case", m{"fast": jobschema.Unknown, "tier": 7}, []string{"tier type"}},
	} {
		if got := rules(s.ValidatePartial(tt.values)); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestApplicabilityOfDefaultsAndRequiredFields(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("lab.yaml", []byte(`
id: lab
version: 3
fields:
  - {id: fast, type: boolean, default: false}
  - {id: tier, type: string, required: true, applicability: {fast: ['true']}}
  - {id: ratio, type: number, default: 0.5, validations: {minimum: 0.1}, applicability: {fast: ['true']}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		values m
		want   any // fields by id, or faults
	}{
		{"neither if they do not apply", m{}, m{"fast": false}},
		{"both if they apply", m{"fast": true, "tier": "a"}, m{"fast": true, "tier": "a", "ratio": 0.5}},
		{"the required one if it applies", m{"fast": "true"}, []string{"tier required"}},
		{"refused if they do not apply", m{"tier": "a", "ratio": 1}, []string{"tier applicability", "ratio applicability"}},
		{"a fraction as text", m{"fast": true, "tier": "a", "ratio": "0.25"}, m{"fast": true, "tier": "a", "ratio": 0.25}},
		{"a fraction below the minimum", m{"fast": true, "tier": "a", "ratio": 0.05}, []string{"ratio minimum"}},
		{"infinity as text", m{"fast": true, "tier": "a", "ratio": "inf"}, []string{"ratio type"}},
		{"a number in hexadecimal", m{"fast": true, "tier": "a", "ratio": "0x1p3"}, []string{"ratio type"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := s.Validate(tt.values)
			var got any = fields.Map()
			if err != nil {
				got = rules(faultsOf(t, err))
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFieldsThatExcludeEachOtherConflict(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("lab.yaml", []byte(`
id: lab
version: 1
fields:
  - {id: a, type: string}
  - {id: b, type: string}
parameter_sets:
  - id: one
    label: One of both
    variants:
      - {id: first, required: [a]}
      - {id: second, required: [b]}
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Validate(m{"a": "x", "b": "y"})
	if want := `b conflicts with a (One of both): remove it, or set one of: a | b`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCheckVersionReportsBothVersions(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	if err := s.CheckVersion("vm-provisioning", 2); err != nil {
		t.Error(err)
	}
	for _, given := range []job.SchemaRef{{ID: "vm-provisioning", Version: 1}, {ID: "other", Version: 2}} {
		err := s.CheckVersion(given.ID, given.Version)
		var mismatch *jobschema.VersionMismatchError
		if !errors.As(err, &mismatch) || mismatch.Given != given || mismatch.Expected != s.Ref() {
			t.Fatalf("got %v", err)
		}
		if !strings.Contains(err.Error(), given.String()) || !strings.Contains(err.Error(), "vm-provisioning version 2") {
			t.Errorf("got %v, want both", err)
		}
	}
}

func TestDocs(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	for id, want := range map[string]string{
		"gb_ram": "**Memory (GB).** Startup memory in GiB, in multiples of 2 MiB. Generation 1 supports 1,024 GiB, and generation 2 12,288 GiB before " +
			"Windows Server 2022. Must be between 0.03125 and 245760. Must be a multiple of 1/512. Defaults to `4`. Example: `6.5`. Changes require a power cycle.",
		"power_state": "**Power state.** Power state of the virtual machine. `running` starts it, or resumes it if it is paused or saved. " +
			"`off` shuts its guest down. A virtual machine that is paused or saved is turned off, and the memory of its guest is discarded. " +
			"`paused` and `saved` keep the state of an existing virtual machine: no other is brought into it. " +
			"Must be `running`, `off`, `paused` or `saved`. Defaults to `running`.",
		"guest_v4_dns2": "**Secondary DNS server.** IPv4 address of the secondary DNS server. Example: `192.0.2.54`. " +
			"Part of: Static IPv4 configuration, together with `guest_v4_ipaddr`, `guest_v4_cidrprefix`, `guest_v4_defaultgw` and " +
			"`guest_v4_dns1`. Part of: DNS servers, together with `guest_v4_dns1`.",
		"guest_domain_joinpw": "**Domain join password.** Password of the domain join account. White space is kept. " +
			"Must have at most 256 characters. Applies only when `os_family` is `windows`. Part of: Windows domain join, together with " +
			"`guest_domain_jointarget` and `guest_domain_joinuid`, or with `guest_domain_jointarget`, `guest_domain_joinuid` and " +
			"`guest_domain_joinou`.",
	} {
		f, _ := s.Field(id)
		if got := f.Docs(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	for id, want := range map[string]string{
		"notes": "**Deprecated:** use title. Forces replacement.",
		"title": "If omitted, inferred from `name` when possible. Forces replacement.",
		"tags":  "Must have at most 3 items. Forces replacement.",
		"disks": "Must have between 1 and 4 items. Items must have different values of `label`.",
	} {
		f, _ := storage(t).Field(id)
		if got := f.Docs(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	bare := load(t, "id: a\nversion: 1\nfields:\n  - {id: a, type: string, change: in_place}\n  - {id: b, type: list, change: in_place, items: {type: integer}}\n")
	if got := bare.Fields[0].Docs() + " " + bare.Fields[1].Docs(); got != "A line of text. A list." {
		t.Errorf("without any texts and rules: %s", got)
	}
}
