// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
)

// Kinds of rules of a parameter set. A rule is checked if all of its fields have values.
const (
	// subnetRule: address and gateway are two different addresses of the subnet of address and prefix, and neither is its network
	// or broadcast address.
	subnetRule = "ipv4_subnet"
	// subnet6Rule: address and gateway are two different IPv6 addresses, and the gateway is in the subnet of address and prefix or is
	// link-local.
	subnet6Rule = "ipv6_subnet"
	// ascendingRule: low, middle and high do not descend. middle is optional, and the fields need not be in the set.
	ascendingRule = "ascending"
)

// keyKind is the key of a rule that has its kind. The other keys are roles.
const keyKind = "kind"

// ruleKind is a kind of rule: its roles, and the check of the values by role.
type ruleKind struct {
	roles []role
	check func(v *objectValidator, r map[string]string, values map[string]any)
}

// role is the part of a field in a rule.
type role struct {
	name     string
	types    []Type
	optional bool
	anywhere bool // the field need not be in the set
}

var ruleKinds = map[string]ruleKind{
	subnetRule: {
		roles: []role{
			{name: "address", types: []Type{TypeIPv4}},
			{name: "prefix", types: []Type{TypeInteger}},
			{name: "gateway", types: []Type{TypeIPv4}},
		},
		check: checkSubnet,
	},
	subnet6Rule: {
		roles: []role{
			{name: "address", types: []Type{TypeIPv6}},
			{name: "prefix", types: []Type{TypeInteger}},
			{name: "gateway", types: []Type{TypeIPv6}},
		},
		check: checkSubnet6,
	},
	ascendingRule: {
		roles: []role{
			{name: "low", types: []Type{TypeInteger, TypeNumber}, anywhere: true},
			{name: "middle", types: []Type{TypeInteger, TypeNumber}, anywhere: true, optional: true},
			{name: "high", types: []Type{TypeInteger, TypeNumber}, anywhere: true},
		},
		check: checkAscending,
	},
}

func (v *objectValidator) rule(r map[string]string) {
	values := map[string]any{}
	for name, id := range r {
		if name == keyKind {
			continue
		}
		value, ok := v.values[id]
		if !ok {
			return
		}
		values[name] = value
	}
	ruleKinds[r[keyKind]].check(v, r, values)
}

// checkAscending reports each pair that descends at low or high: middle often has a default, and the others were set on purpose.
func checkAscending(v *objectValidator, r map[string]string, values map[string]any) {
	below := "high"
	if _, ok := r["middle"]; ok {
		below = "middle"
		v.checkOrder(r, values, "middle", "high", "high")
	}
	v.checkOrder(r, values, "low", below, "low")
}

// checkOrder reports that the value of low is more than that of high, at the field with the role at.
func (v *objectValidator) checkOrder(r map[string]string, values map[string]any, low, high, at string) {
	if exact(values[low]).Cmp(exact(values[high])) <= 0 {
		return
	}
	other, relation, do, undo := high, "more", "less", "raise"
	if at == high {
		other, relation, do, undo = low, "less", "more", "lower"
	}
	f, o := v.field(r[at]), v.field(r[other])
	limit := o.show(values[other])
	v.add(f.ID, f.fault(ruleAscending, values[at],
		fmt.Sprintf("is %s, %s than %s, which is %s", f.show(values[at]), relation, o.name(), limit),
		fmt.Sprintf("use %s or %s, or %s %s", limit, do, undo, o.name())))
}

// exact returns a number without rounding: a float64 does not hold every int64.
func exact(v any) *big.Rat {
	if n, ok := v.(int64); ok {
		return new(big.Rat).SetInt64(n)
	}
	return new(big.Rat).SetFloat64(v.(float64)) //nolint:forcetypeassert // Load checked the types of the fields
}

// checkSubnet checks a subnetRule. A subnet of 31 bits has no network and broadcast addresses (RFC 3021), and one of 32 bits has no
// room for a gateway.
func checkSubnet(v *objectValidator, r map[string]string, values map[string]any) {
	address := netip.MustParseAddr(values["address"].(string)) //nolint:forcetypeassert // Load checked the types of the fields
	gateway := netip.MustParseAddr(values["gateway"].(string)) //nolint:forcetypeassert // as above
	bits := values["prefix"].(int64)                           //nolint:forcetypeassert // as above
	name := func(role string) string { return v.field(r[role]).name() }
	report := func(role, message, remedy string) {
		f := v.field(r[role])
		v.add(f.ID, f.fault(ruleIPv4Subnet, values[role], message, remedy))
	}
	if bits < 1 || bits > 31 {
		report("prefix", fmt.Sprintf("is %d, which leaves no room for a gateway in the subnet", bits), "use a value between 1 and 31")
		return
	}
	subnet := netip.PrefixFrom(address, int(bits)).Masked()
	first, last := usableRange(subnet)
	usable := fmt.Sprintf("use an address between %s and %s", first, last)
	special := func(a netip.Addr) string {
		switch {
		case !subnet.Contains(a) || first.Compare(a) <= 0 && a.Compare(last) <= 0:
			return ""
		case a == subnet.Addr():
			return fmt.Sprintf("is %s, which is the network address of %s", a, subnet)
		}
		return fmt.Sprintf("is %s, which is the broadcast address of %s", a, subnet)
	}
	if what := special(address); what != "" {
		report("address", what, usable)
	}
	switch what := special(gateway); {
	case !subnet.Contains(gateway):
		report("gateway", fmt.Sprintf("is %s, which is outside the subnet %s", gateway, subnet),
			usable+", or correct "+name("address")+" or "+name("prefix"))
	case what != "":
		report("gateway", what, usable)
	case gateway == address:
		report("gateway", fmt.Sprintf("is %s, the same as %s", gateway, name("address")), "use the address of the subnet's router")
	}
}

// checkSubnet6 checks a subnet6Rule. Routers announce themselves with their link-local addresses (RFC 4861 4.2), so that such a gateway is
// in every subnet.
func checkSubnet6(v *objectValidator, r map[string]string, values map[string]any) {
	address := netip.MustParseAddr(values["address"].(string)) //nolint:forcetypeassert // Load checked the types of the fields
	gateway := netip.MustParseAddr(values["gateway"].(string)) //nolint:forcetypeassert // as above
	bits := values["prefix"].(int64)                           //nolint:forcetypeassert // as above
	report := func(role, message, remedy string) {
		f := v.field(r[role])
		v.add(f.ID, f.fault(ruleIPv6Subnet, values[role], message, remedy))
	}
	if bits < 1 || bits > 128 {
		report("prefix", fmt.Sprintf("is %d, which is no length of a prefix of IPv6", bits), "use a value between 1 and 128")
		return
	}
	subnet := netip.PrefixFrom(address, int(bits)).Masked()
	switch {
	case gateway == address:
		report("gateway", fmt.Sprintf("is %s, the same as %s", gateway, v.field(r["address"]).name()), "use the address of the subnet's router")
	case !subnet.Contains(gateway) && !gateway.IsLinkLocalUnicast():
		report("gateway", fmt.Sprintf("is %s, which is outside the subnet %s", gateway, subnet),
			"use an address of this subnet or a link-local one, or correct "+v.field(r["address"]).name()+" or "+v.field(r["prefix"]).name())
	}
}

// usableRange returns the first and the last address of a subnet that a host may have.
func usableRange(subnet netip.Prefix) (first, last netip.Addr) {
	network := binary.BigEndian.Uint32(subnet.Addr().AsSlice())
	broadcast := network | (1<<(32-subnet.Bits()) - 1)
	if subnet.Bits() < 31 {
		network++
		broadcast--
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], network)
	first = netip.AddrFrom4(b)
	binary.BigEndian.PutUint32(b[:], broadcast)
	return first, netip.AddrFrom4(b)
}
