// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// everything is a valid schema that uses every key.
const everything = `id: store
version: 4
name: Store
description: Everything that a schema can say.
fields:
  - id: name
    label: Name
    description: What the machine is called.
    type: string
    required: true
    hint: lin-01
    validations: {min_length: 2, max_length: 12, pattern: '[a-z0-9-]+', pattern_description: small letters and digits}
    change: in_place
    observed: name
    stands_for: vm_name
  - id: os
    type: enum
    required: true
    validations: {one_of: [linux, windows]}
    infer:
      from: name
      rules:
        - {pattern: '^lin', value: linux}
        - {pattern: '^win', value: windows}
  - id: title
    type: string
    infer: {from: name, rules: [{pattern: web, value: a web server}]}
  - id: memory
    type: integer
    default: 4
    validations: {minimum: 1, maximum: 64}
    change: power_cycle
    observed: memory_gb
  - id: share
    type: number
    default: 0.5
    validations: {minimum: 0, maximum: 1}
  - id: fast
    type: boolean
    default: false
  - id: notes
    type: multiline
    deprecated: use title
  - id: domain
    type: hostname
    validations: {max_length: 30}
    applicability: {os: [windows]}
  - id: tags
    type: list
    items: {type: string, validations: {pattern: '[a-z]+'}}
    validations: {max_items: 3}
  - id: servers
    type: list
    items: {type: ipv4}
  - id: disks
    type: list
    items:
      type: object
      fields:
        - {id: size_gb, label: Size, type: integer, required: true, hint: '40', validations: {minimum: 1, maximum: 100}}
        - {id: label, type: string, stands_for: name}
        - id: kind
          type: enum
          default: dynamic
          validations: {one_of: [dynamic, fixed]}
        - {id: block, type: integer, applicability: {kind: [fixed]}}
        - {id: key, type: secret, validations: {min_length: 4}}
        - id: mounts
          type: list
          items: {type: string}
          validations: {min_items: 1, max_items: 2}
    validations: {min_items: 1, max_items: 4, unique_by: label}
    change: in_place
  - id: login
    type: object
    fields:
      - {id: user, type: string, required: true}
      - {id: password, type: secret}
      - {id: shell, type: string, deprecated: obsolete}
  - id: token
    type: secret
    validations: {max_length: 20}
  - {id: addr, type: ipv4}
  - {id: bits, type: integer}
  - {id: gw, type: ipv4}
  - {id: proxy, type: hostname}
  - {id: port, type: integer}
parameter_sets:
  - id: net
    label: Static address
    description: Its own address.
    variants:
      - {id: plain, label: Plain, required: [addr, bits, gw]}
      - {id: named, required: [addr, bits, gw, domain], optional: [servers]}
    rules:
      - {kind: ipv4_subnet, address: addr, prefix: bits, gateway: gw}
  - id: proxied
    members: [proxy, port]
    mode: all-or-none
migrations:
  - from: 1
    dropped: [clustered, login.realm]
    renamed: {ram: mem, volumes: disks, volumes.size: size_gb}
  - from: 2
    split:
      cidr: {pattern: '(?P<addr>[^/]+)/(?P<bits>\d+)'}
  - from: 3
    renamed: {mem: memory}
    retyped:
      bits: {from: string}
      fast: {from: string, values: {'yes': 'true', 'no': 'false'}}
      tags: {from: string}
      disks.kind: {from: boolean, values: {'true': fixed, 'false': dynamic}}
`

// storage returns the schema everything.
func storage(t testing.TB) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("everything.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// store returns a small submission for it with changes. A nil removes a field.
func store(changes m) m {
	values := m{"name": "lin-01"}
	for id, v := range changes {
		if values[id] = v; v == nil {
			delete(values, id)
		}
	}
	return values
}
