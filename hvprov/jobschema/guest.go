// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"maps"
	"slices"
)

// guestRole is what the value of a field means to the operating system in the guest.
type guestRole struct {
	types     []Type // of the fields that can have the role
	item      Type   // of the items of a list
	ofAdapter bool   // a field of a network adapter in a list can have it as well
}

// guestRoles are the roles that a field can have in the guest.
var guestRoles = func() map[string]guestRole {
	text := guestRole{types: []Type{TypeString, TypeEnum, TypeHostname}}
	secret := guestRole{types: []Type{TypeSecret}}
	prefix := guestRole{types: []Type{TypeInteger}, ofAdapter: true}
	address := func(t Type) guestRole { return guestRole{types: []Type{t, TypeString, TypeEnum}, ofAdapter: true} }
	texts := guestRole{types: []Type{TypeList}, item: TypeString}
	return map[string]guestRole{
		"setup": text, "hostname": text, "admin_user": text, "admin_password": secret, "ssh_keys": texts,
		"ipv4_address": address(TypeIPv4), "ipv4_prefix": prefix, "ipv4_gateway": address(TypeIPv4),
		"ipv6_address": address(TypeIPv6), "ipv6_prefix": prefix, "ipv6_gateway": address(TypeIPv6),
		"dns_server_1": {types: []Type{TypeIPv4, TypeString, TypeEnum}}, "dns_server_2": {types: []Type{TypeIPv4, TypeString, TypeEnum}},
		"dns_servers": {types: []Type{TypeList}, item: TypeIP, ofAdapter: true},
		"dns_suffix":  text, "time_zone": text, "locale": text, "user_data": secret, "commands": texts, "powershell_direct": text, "product_key": secret,
		"domain": text, "domain_user": text, "domain_password": secret, "domain_ou": text,
		"ansible_user": text, "ansible_key": {types: []Type{TypeMultiline, TypeString, TypeEnum}},
	}
}()

// guest checks the role of a field in the guest.
func (l *loader) guest(sc *scope, m mapping, f *Field) {
	if !m.has("guest") {
		return
	}
	f.Guest = m.text("guest")
	role, known := guestRoles[f.Guest]
	at := m.at("guest")
	switch first := slices.IndexFunc(sc.fields, func(other Field) bool { return other.Guest == f.Guest }); {
	case f.Guest == "": // reported
	case !known:
		l.fault(at, "unknown role %q: use %s", f.Guest, wordList(slices.Sorted(maps.Keys(guestRoles)), "or"))
	case m.has("stands_for"):
		l.fault(at, "a field has either guest or stands_for: remove one of them")
	case first >= 0:
		l.fault(at, "the field %s has the role %s already: a role belongs to one field", sc.fields[first].ID, f.Guest)
	case sc.parent != nil && !sc.parent.isItem:
		l.fault(at, "a field of an object has no role in the guest")
	case sc.parent != nil && !role.ofAdapter:
		l.fault(at, "a field in a list has no role %q in the guest: only addresses and DNS servers of network adapters do", f.Guest)
	case f.Type.known() && !slices.Contains(role.types, f.Type):
		l.fault(at, "a field of type %s cannot have the role %s: use the type %s", f.Type, f.Guest, wordList(typeTexts(role.types), "or"))
	case f.Items != nil && f.Items.Type.known() && !fits(f.Items, &Field{Type: role.item}):
		l.fault(at, "a list of %s cannot have the role %s: use items of the type %s", f.Items.Type, f.Guest, role.item)
	}
}
