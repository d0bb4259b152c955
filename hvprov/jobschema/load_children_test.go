// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import "testing"

func TestLoadRefusesInvalidListsAndObjects(t *testing.T) {
	t.Parallel()
	const (
		tags   = "    items: {type: string, validations: {pattern: '[a-z]+'}}\n"
		disks  = "    validations: {min_items: 1, max_items: 4, unique_by: label}\n"
		mounts = "          items: {type: string}\n"
		size   = "validations: {minimum: 1, maximum: 100}}"
		user   = "      - {id: user, type: string, required: true}\n"
	)
	for _, tt := range []struct {
		name, old, with string
		want            string // see refuses
	}{
		{"a list without items", tags, "", `48: fields[8]: |a field of type list must have items`},
		{"items that are not a mapping", tags, "    items: string\n", `50: fields[8].items: |mapping`},
		{"items without type", "    items: {type: ipv4}", "    items: {}", `54: fields[9].items: |"type" is missing`},
		{"items of an unknown type", "    items: {type: ipv4}", "    items: {type: ipv5}", `54: fields[9].items.type: |unknown type "ipv5"`},
		{"objects of an unknown type", "      type: object\n", "      type: objct\n", `58: fields[10].items.type: |unknown type "objct"`},
		{"items of no type that have fields", "      type: object\n      fields", "      fields", `58: fields[10].items: |"type" is missing`},
		{"items with a key of fields", "{type: ipv4}", "{type: ipv4, required: true}", `54: fields[9].items: |unknown key "required"`},
		{"items with an id", "{type: ipv4}", "{type: ipv4, id: server}", `54: fields[9].items: |unknown key "id"`},
		{"items that depend on something", "{type: ipv4}", "{type: ipv4, applicability: {os: [linux]}}", `54: fields[9].items: |unknown key "applicability"`},
		{"items that are enums without values", "{type: ipv4}", "{type: enum}", `54: fields[9].items: |one_of`},
		{"items with a validation of another type", "{type: ipv4}", "{type: ipv4, validations: {minimum: 1}}", `54: fields[9].items.validations.minimum: |does not apply to a field of type ipv4`},
		{"items with a broken pattern", "'[a-z]+'", "'[a-z'", `50: fields[8].items.validations.pattern: |does not compile`},
		{"items with fields that are not objects", "{type: ipv4}", "{type: ipv4, fields: [{id: a, type: string}]}", `54: fields[9].items.fields: |only a field of type object can have fields`},
		{"items that are objects without fields", "{type: ipv4}", "{type: object}", `54: fields[9].items: |a field of type object must have fields`},
		{"secret items", "{type: ipv4}", "{type: secret}", `54: fields[9].items.type: |items cannot be of type secret: use boolean, enum, hostname, integer, ip, ipv4, ipv6, mac, multiline, number, object or string`},
		{"a list of lists", "{type: ipv4}", "{type: list}", `54: fields[9].items.type: |items cannot be of type list: use boolean, enum, hostname, integer, ip, ipv4, ipv6, mac, multiline, number, object or string`},
		{"a list of objects within an object", mounts, "          items: {type: object, fields: [{id: a, type: string}]}\n", `70: fields[10].items.fields[5].items.type: |a list in an object cannot have objects as items: use single values`},
		{"an object without fields", "{id: port, type: integer}", "{id: port, type: object}", `87: fields[17]: |a field of type object must have fields`},
		{"an object within an object", user, "      - {id: user, type: object, fields: [{id: a, type: string}]}\n", `77: fields[11].fields[0].type: |an object cannot contain an object: use fields with longer names`},
		{"an object without fields within an object", user, "      - {id: user, type: object}\n", `77: fields[11].fields[0].type: |an object cannot contain an object: use fields with longer names`},
		{"an object with items instead of fields", "{id: port, type: integer}", "{id: port, type: object, items: {type: string}}", `87: fields[17].items: |only a field of type list`},
		{"a list with fields instead of items", "  - {id: port, type: integer}", "  - {id: port, type: list, fields: [{id: a, type: string}]}", `87: fields[17].fields: |only a field of type object`},
		{"a single value with items", "{id: proxy, type: hostname}", "{id: proxy, type: hostname, items: {type: string}}", `86: fields[16].items: |only a field of type list can have items`},
		{"a single value with fields", "{id: proxy, type: hostname}", "{id: proxy, type: hostname, fields: [{id: a, type: string}]}", `86: fields[16].fields: |only a field of type object can have fields`},
		{"a field without type that has items", "{id: proxy, type: hostname}", "{id: proxy, items: {type: string}}", `86: fields[16]: |"type" is missing`},
		{"a nested field without id", "{id: user, type: string, required: true}", "{type: string}", `77: fields[11].fields[0]: |"id" is missing`},
		{"a nested field whose id is no id", "{id: user, ", "{id: User, ", `77: fields[11].fields[0].id: |"User" is not a valid id: use lower-case letters, digits and underscores, starting with a letter`},
		{"a nested id repeated", "{id: user, ", "{id: shell, ", `79: fields[11].fields[2].id: |the id "shell" is already used by the field at line 77`},
		{"a nested field that is inferred", "{id: user, ", "{infer: {}, id: user, ", `77: fields[11].fields[0]: |unknown key "infer"`},
		{"a nested field with a change", "{id: user, ", "{change: replace, id: user, ", `77: fields[11].fields[0]: |unknown key "change"`},
		{"a nested field that is observed", "{id: user, ", "{observed: name, id: user, ", `77: fields[11].fields[0]: |unknown key "observed"`},
		{"a nested default that breaks its rules", "default: dynamic", "default: static", `64: fields[10].items.fields[2].default: |the default is invalid: kind cannot be "static": use "dynamic" or "fixed"`},
		{"nested applicability of a field outside", "{kind: [fixed]}", "{os: [linux]}", `66: fields[10].items.fields[3].applicability.os: |unknown field "os"`},
		{"nested applicability with an unknown value", "{kind: [fixed]}", "{kind: [thin]}", `66: fields[10].items.fields[3].applicability.kind[0]: |kind cannot be "thin": use "dynamic" or "fixed"`},
		{"an empty list about a field that is always set", "{kind: [fixed]}", "{kind: []}", `66: fields[10].items.fields[3].applicability.kind: |an empty list is about a field that can be unset, but kind always has a value`},
		{"a default of a list", "    validations: {max_items: 3}", "    default: []", `51: fields[8].default: |a field of type list cannot have a default`},
		{"a default of an object", "  - id: login\n", "  - id: login\n    default: {}\n", `75: fields[11].default: |a field of type object cannot have a default`},
		{"fewer items at most than at least", "min_items: 1, max_items: 4", "min_items: 5, max_items: 4", `72: fields[10].validations.min_items: |min_items 5 is more than max_items 4`},
		{"a number of items below zero", "max_items: 3", "min_items: -1", `51: fields[8].validations.min_items: |must be at least 0, but is -1`},
		{"a list of nothing", "max_items: 3", "max_items: 0", `51: fields[8].validations.max_items: |must be at least 1, but is 0`},
		{"a number of items as text", "max_items: 3", "max_items: '3'", `51: fields[8].validations.max_items: |whole number`},
		{"a number of items of another type", "{max_length: 20}", "{max_items: 20}", `82: fields[12].validations.max_items: |does not apply to a field of type secret`},
		{"a length of a list", "max_items: 3", "max_length: 3", `51: fields[8].validations.max_length: |does not apply to a field of type list`},
		{"unique of objects", "max_items: 4, unique_by: label", "max_items: 4, unique: true", `72: fields[10].validations.unique: |a list of objects cannot have unique: use unique_by`},
		{"unique that is not a boolean", "max_items: 3", "unique: 1", `51: fields[8].validations.unique: |true or false`},
		{"unique_by of another type", "{max_length: 20}", "{unique_by: name}", `82: fields[12].validations.unique_by: |does not apply to a field of type secret`},
		{"unique_by of single values", "max_items: 3", "unique_by: label", `51: fields[8].validations.unique_by: |only a list of objects can have unique_by`},
		{"unique_by an unknown field", disks, "    validations:\n      max_items: 4\n      unique_by: name\n", `74: fields[10].validations.unique_by: |no field "name"`},
		{"unique_by a secret", "unique_by: label", "unique_by: key", `72: fields[10].validations.unique_by: |a field of type secret cannot distinguish items`},
		{"unique_by a list", "unique_by: label", "unique_by: mounts", `72: fields[10].validations.unique_by: |a field of type list cannot distinguish items`},
		{"unique_by a number that is not text", "unique_by: label", "unique_by: 7", `72: fields[10].validations.unique_by: |put 7 in quotes`},
		{"unique_by a field that has a fault", "{id: label, ", "{id: LABEL, ", `61: fields[10].items.fields[1].id: |"LABEL" is not a valid id: use lower-case letters, digits and underscores, starting with a letter`},
		{"a list that is observed", "    items: {type: ipv4}\n", "    items: {type: ipv4}\n    observed: notes\n", `55: fields[9].observed: |the property notes cannot be that of a field of type list`},
		{"an observed list of another type", "    items: {type: ipv4}\n", "    items: {type: ipv4}\n    observed: boot_order\n", `55: fields[9].observed: |the property boot_order cannot be that of a list of type ipv4`},
		{"applicability by a list", "{os: [windows]}", "{tags: [windows]}", `47: fields[7].applicability.tags: |tags is of type list`},
		{"a nested field of an unknown type", size, size + "\n        - {id: x, type: text}", `61: fields[10].items.fields[1].type: |unknown type "text"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, everything, tt.old, tt.with, tt.want)
		})
	}
}

func TestLoadRefusesInvalidInferences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, old, with string
		want            string // see refuses
	}{
		{"infer that is not a mapping", "infer: {from: name, rules: [{pattern: web, value: a web server}]}", "infer: name", `27: fields[2].infer: |mapping`},
		{"infer without from", "{from: name, rules", "{rules", `27: fields[2].infer: |"from" is missing`},
		{"infer without rules", "infer: {from: name, rules: [{pattern: web, value: a web server}]}", "infer: {from: name}", `27: fields[2].infer: |"rules" is missing`},
		{"infer with an empty list of rules", "[{pattern: web, value: a web server}]", "[]", `27: fields[2].infer.rules: |at least one`},
		{"infer from an unknown field", "      from: name\n", "      from: nam\n", `21: fields[1].infer.from: |did you mean name?`},
		{"infer from a field of another type", "      from: name\n", "      from: memory\n", `21: fields[1].infer.from: |memory is of type integer`},
		{"infer from a secret", "      from: name\n", "      from: token\n", `21: fields[1].infer.from: |token is of type secret`},
		{"infer from a field of an unknown type", "    type: string\n    required", "    type: text\n    required", `9: fields[0].type: |unknown type "text"`},
		{"infer from an inferred field", "      from: name\n", "      from: title\n", `21: fields[1].infer.from: |a field cannot be inferred from an inferred field, and title is one`},
		{"infer from itself", "{from: name, rules", "{from: title, rules", `27: fields[2].infer.from: |a field cannot be inferred from an inferred field, and title is one`},
		{
			"infer from a field that does not always apply", "  - id: title\n    type: string\n    infer: {from: name",
			"  - {id: other, type: string, applicability: {fast: ['true']}}\n  - id: title\n    type: string\n    infer: {from: other",
			`28: fields[3].infer.from: |a field can be inferred from a field that always applies, but other does not`,
		},
		{"a rule without pattern", "{pattern: web, value", "{value", `27: fields[2].infer.rules[0]: |"pattern" is missing`},
		{"a rule without value", "{pattern: '^lin', value: linux}", "{pattern: '^lin'}", `23: fields[1].infer.rules[0]: |"value" is missing`},
		{"a rule with an unknown key", "{pattern: '^lin', value", "{pattern: '^lin', then: x, value", `23: fields[1].infer.rules[0]: |unknown key "then"`},
		{"a rule with a broken pattern", "'^win'", "'(win'", `24: fields[1].infer.rules[1].pattern: |does not compile`},
		{"a rule with a value that the field does not take", "value: windows", "value: bsd", `24: fields[1].infer.rules[1].value: |the value is invalid: os cannot be "bsd": use "linux" or "windows"`},
		{"a rule with a number as value", "value: windows", "value: 95", `24: fields[1].infer.rules[1].value: |put 95 in quotes`},
		{"a rule whose field has a fault", "{one_of: [linux, windows]}", "{}", `19: fields[1].validations: |one_of`},
		{"a number that is inferred", "    default: 4\n", "    infer: {from: name, rules: [{pattern: x, value: '1'}]}\n", `30: fields[3].infer: |only a string or an enum`},
		{"an inferred field of an unknown type", "    type: enum\n", "    type: enumeration\n", `17: fields[1].type: |unknown type "enumeration"`},
		{"an inferred field with a default", "    infer: {", "    default: box\n    infer: {", `27: fields[2].default: |an inferred field cannot have a default`},
		{"an inferred field that does not always apply", "    infer: {", "    applicability: {fast: ['true']}\n    infer: {", `27: fields[2].applicability: |an inferred field must always apply`},
		{"a set with an inferred field", "members: [proxy, port]", "members: [proxy, title]", `98: parameter_sets[1].members[1]: |is inferred`},
		{"stands_for that is not a valid id", "stands_for: vm_name", "stands_for: VM", `15: fields[0].stands_for: |"VM" is not a valid id of a field`},
		{"stands_for without value", "stands_for: vm_name", "stands_for:", `15: fields[0].stands_for: |no value`},
		{"a deprecated field that is required", "    deprecated: use title", "    deprecated: use title\n    required: true", `43: fields[6].deprecated: |cannot be required`},
		{"a nested deprecated field that is required", "deprecated: obsolete", "deprecated: obsolete, required: true", `79: fields[11].fields[2].deprecated: |cannot be required`},
		{"deprecated that is not text", "deprecated: use title", "deprecated: true", `43: fields[6].deprecated: |must be text`},
		{"a field with the name of a companion of a secret", "{id: addr, type: ipv4}", "{id: token_wo, type: ipv4}\n  - {id: addr, type: ipv4}", `83: fields[13].id: |belongs to the secret token`},
		{"a field with the name of another companion", "  - id: title\n", "  - {id: token_wo_version, type: integer}\n  - id: title\n", `25: fields[2].id: |belongs to the secret token`},
		{"a nested field with such an id", "{id: shell, ", "{id: password_wo, ", `79: fields[11].fields[2].id: |belongs to the secret password`},
		{"applicability by a field of an unknown type", "    type: boolean\n    default: false", "    type: bool\n    applicability: {os: [linux]}", `39: fields[5].type: |unknown type "bool"`},
		{"applicability of a field of an unknown type", "{os: [windows]}", "{fast: ['true']}\n  - {id: slow, type: bool}\n  - {id: x, type: string, applicability: {slow: ['true']}}", `48: fields[8].type: |unknown type "bool"`},
		{"a rule about a field of an unknown type", "{id: gw, type: ipv4}", "{id: gw, type: ipv5}", `85: fields[15].type: |unknown type "ipv5"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, everything, tt.old, tt.with, tt.want)
		})
	}
}
