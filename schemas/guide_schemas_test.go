// SPDX-License-Identifier: MPL-2.0

package schemas_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheJSONSchemaAcceptsTheSchemasOfTheGuide checks the YAML blocks of the guide that are complete schemas.
func TestTheJSONSchemaAcceptsTheSchemasOfTheGuide(t *testing.T) {
	t.Parallel()
	s := compile(t)
	guide, err := os.ReadFile(filepath.FromSlash("../templates/guides/job-schema.md"))
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, block := range strings.Split(string(guide), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if !strings.HasPrefix(block, "id:") {
			continue
		}
		whole++
		if err := s.Validate(decode(t, []byte(block))); err != nil {
			t.Errorf("%v\n%s", err, block)
		}
	}
	if whole == 0 {
		t.Error("the guide has no complete schema")
	}
}

// full is a valid schema with every key.
const full = `id: lab-vm
version: 3
name: Lab machine
description: What the lab asks for.
fields:
  - id: name
    label: Name
    description: Name of the machine.
    hint: web-01
    type: string
    required: true
    validations: {min_length: 1, max_length: 15, pattern: '[a-z0-9-]+', pattern_description: small letters and digits}
    change: in_place
    observed: name
    stands_for: vm_name
  - id: image
    type: string
    required: true
    stands_for: image_name
  - id: os
    type: enum
    required: true
    validations: {one_of: [linux, windows]}
    infer:
      from: image
      rules:
        - {pattern: '(?i)^ubuntu', value: linux}
        - {pattern: '(?i)^windows', value: windows}
    stands_for: os_family
  - id: memory
    type: integer
    default: 4
    validations: {minimum: 1, maximum: 64}
    change: power_cycle
    observed: memory_gb
    stands_for: gb_ram
  - id: weight
    type: number
    default: 0.5
    validations: {minimum: 0, maximum: 1.5}
  - id: clustered
    type: boolean
    default: false
    observed: clustered
    stands_for: vm_clustered
  - id: admin
    type: string
    required: true
    stands_for: guest_la_uid
  - id: password
    type: secret
    required: true
    validations: {min_length: 12}
    stands_for: guest_la_pw
  - id: about
    type: multiline
    validations: {max_length: 4096}
    observed: notes
    stands_for: notes
  - id: domain
    type: hostname
    validations: {max_length: 64, pattern: '.+\.example', pattern_description: a name below example}
    applicability: {os: [windows], clustered: ['true']}
  - id: old_owner
    type: string
    deprecated: Use owner.
  - id: owner
    type: string
  - id: center
    type: string
  - id: address
    type: ipv4
  - id: bits
    type: integer
  - id: gateway
    type: ipv4
  - id: dns
    type: ipv4
  - id: resolver
    type: ipv4
    default: 192.0.2.53
  - id: tags
    type: list
    items: {type: string, validations: {max_length: 32}}
    validations: {min_items: 0, max_items: 8}
  - id: disks
    type: list
    validations: {max_items: 4, unique_by: label}
    change: in_place
    items:
      type: object
      fields:
        - id: label
          label: Label
          description: Name of the disk.
          hint: data
          type: string
          required: true
          validations: {max_length: 32}
        - id: size
          type: integer
          default: 20
          validations: {minimum: 1}
        - id: kind
          type: enum
          default: dynamic
          validations: {one_of: [dynamic, fixed]}
        - id: block
          type: integer
          applicability: {kind: [dynamic]}
        - id: mounts
          type: list
          items: {type: enum, validations: {one_of: [data, log]}}
          validations: {min_items: 1}
        - id: folder
          type: string
          deprecated: Use mounts.
  - id: contact
    type: object
    required: true
    fields:
      - {id: mail, type: string, required: true}
      - {id: pin, type: secret}
  - {id: computer, type: string, guest: hostname, cases: [{when: {os: [windows]}, hint: web-01, validations: {max_length: 15}}]}
  - {id: address6, type: ipv6, guest: ipv6_address}
  - {id: proxy, type: ip, default: '2001:db8::1'}
  - id: adapters_of
    type: list
    items:
      type: object
      fields: [{id: ip, type: ipv4, guest: ipv4_address}, {id: bits, type: integer, guest: ipv4_prefix}]
      parameter_sets: [{id: pair, members: [ip, bits], mode: all-or-none}]
parameter_sets:
  - id: chargeback
    label: Chargeback
    description: Who pays.
    members: [owner, center]
    mode: all-or-none
  - id: static
    label: Static address
    description: An address of its own.
    variants:
      - id: core
        label: Without DNS
        required: [address, bits, gateway]
      - id: dns
        label: With DNS
        required: [address, bits, gateway]
        optional: [dns]
    rules:
      - {kind: ipv4_subnet, address: address, prefix: bits, gateway: gateway}
      - {kind: ascending, low: bits, high: memory}
migrations:
  - from: 1
    renamed: {gb_ram: memory, disks.gb: size}
    dropped: [vlan, disks.cache]
    split:
      net: {pattern: '(?P<address>[^/]+)/(?P<bits>\d+)'}
    retyped:
      bits: {from: string}
      disks.kind: {from: boolean, values: {'true': dynamic, 'false': fixed}}
  - from: 2
    dropped: [rack]
`
