// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// ipv4Subnet is the check of [RuleIPv4Subnet]. A subnet of 31 bits has neither network nor broadcast address (RFC 3021),
// and one of 32 bits has no room for a gateway.
func ipv4Subnet(c *level, r *Rule, values map[string]any) {
	address := netip.MustParseAddr(values["address"].(string)) //nolint:forcetypeassert // the fields' types were checked at load
	gateway := netip.MustParseAddr(values["gateway"].(string)) //nolint:forcetypeassert // as above
	bits := values["prefix"].(int64)                           //nolint:forcetypeassert // as above
	name := func(role string) string { return c.of(r.Fields[role]).name() }
	blame := func(role, message, remedy string) {
		f := c.of(r.Fields[role])
		c.add(f.ID, *f.fault(FaultIPv4Subnet, values[role], f.name()+" "+message, remedy))
	}
	if bits < 1 || bits > 31 {
		blame("prefix", fmt.Sprintf("is %d, and a subnet of that size has no room for a gateway", bits), "use a value from 1 to 31")
		return
	}
	subnet := netip.PrefixFrom(address, int(bits)).Masked()
	first, last := bounds(subnet)
	usable := fmt.Sprintf("use an address from %s to %s", first, last)
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
		blame("address", what, usable)
	}
	switch what := special(gateway); {
	case !subnet.Contains(gateway):
		blame("gateway", fmt.Sprintf("is %s, which is outside of the subnet %s", gateway, subnet),
			usable+", or correct "+name("address")+" or "+name("prefix"))
	case what != "":
		blame("gateway", what, usable)
	case gateway == address:
		blame("gateway", fmt.Sprintf("is %s, the same as %s", gateway, name("address")), "use the address of the subnet's router")
	}
}

// bounds gives the first and the last address of a subnet that a machine may have.
func bounds(subnet netip.Prefix) (first, last netip.Addr) {
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
