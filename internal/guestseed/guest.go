// SPDX-License-Identifier: MPL-2.0

// Package guestseed renders the documents on the medium of a guest as the agent does, for previews without a host. The agent is the
// model: a test compares each document of this package with that of the agent.
package guestseed

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

const (
	// Mark takes the place of each secret, and of its encoded forms.
	Mark = "******"
	// InstanceID takes the place of the GUID of the virtual machine, which Hyper-V chooses.
	InstanceID = "00000000-0000-0000-0000-000000000000"
)

// Guest has the settings of a guest, as Get-JobGuest of the agent returns them.
type Guest struct {
	Setup, OSFamily, HostName                 string
	DNSSuffix, AdminUser, AdminPassword       string
	SSHKeys                                   []string
	AnsibleUser, AnsibleKey, TimeZone, Locale string
	UserData                                  string // only its first line is used: the rest is a secret
	DomainName, DomainUser, DomainPassword    string
	DomainOU, ProductKey                      string
	Commands, DNSServers                      []string
	Adapters                                  []Adapter // the primary one first
}

// Adapter is a network adapter of a guest.
type Adapter struct {
	Mac                             string   // hexadecimal digits, with or without separators; empty: the host assigns one
	Addresses, Gateways, DNSServers []string // addresses have a prefix
}

// Render returns the documents of a guest by their names on its medium, or nothing if the guest is not set up. fields are those of a
// job definition, by id, that are valid by the job schema of agents.
func Render(fields map[string]any) (map[string]string, error) {
	g := newGuest(fields)
	if g.Setup == "" {
		return map[string]string{}, nil
	}
	if err := g.check(text(fields, "guest_host_name") != ""); err != nil {
		return nil, err
	}
	return g.Documents()
}

// Documents returns the documents of a guest by their names on its medium.
func (g *Guest) Documents() (map[string]string, error) {
	switch {
	case g.Setup == "unattend":
		return g.windowsDocuments()
	case g.OSFamily == "windows":
		return g.cloudbaseDocuments(), nil
	}
	return g.linuxDocuments(), nil
}

// newGuest returns the settings of the guest of a definition. Setup is empty if it has none that are applied.
func newGuest(fields map[string]any) *Guest {
	str := func(id string) string { return text(fields, id) }
	g := &Guest{
		Setup: setup(fields), OSFamily: str("os_family"), HostName: str("guest_host_name"), DNSSuffix: str("guest_net_dnssuffix"),
		AdminUser: str("guest_la_uid"), AdminPassword: str("guest_la_pw"), SSHKeys: texts(fields, "guest_ssh_keys"),
		AnsibleUser: str("cnf_ansible_ssh_user"), AnsibleKey: str("cnf_ansible_ssh_key"), TimeZone: str("guest_time_zone"), Locale: str("guest_locale"),
		UserData: str("guest_user_data"), ProductKey: str("guest_product_key"), Commands: texts(fields, "guest_commands"),
		DNSServers: append(nonEmpty(str("guest_v4_dns1"), str("guest_v4_dns2")), texts(fields, "guest_dns_servers")...),
	}
	if g.HostName == "" {
		g.HostName = hostName(str("vm_name"), g.OSFamily)
	}
	// PowerShell Direct joins the domain after the set-up: the medium needs no password for it.
	if str("guest_powershell_direct") != "join" {
		g.DomainName, g.DomainUser, g.DomainPassword, g.DomainOU =
			str("guest_domain_jointarget"), str("guest_domain_joinuid"), str("guest_domain_joinpw"), str("guest_domain_joinou")
	}
	g.Adapters = []Adapter{{
		Mac: str("mac_address"), DNSServers: g.DNSServers,
		Addresses: append(address(fields, "guest_v4_ipaddr", "guest_v4_cidrprefix"), address(fields, "guest_v6_ipaddr", "guest_v6_cidrprefix")...),
		Gateways:  nonEmpty(str("guest_v4_defaultgw"), str("guest_v6_defaultgw")),
	}}
	for _, item := range adapterItems(fields) {
		g.Adapters = append(g.Adapters, Adapter{
			Mac: text(item, "mac_address"), DNSServers: texts(item, "dns_servers"),
			Addresses: append(address(item, "ipv4_address", "ipv4_prefix"), address(item, "ipv6_address", "ipv6_prefix")...),
			Gateways:  nonEmpty(text(item, "ipv4_gateway"), text(item, "ipv6_gateway")),
		})
	}
	// The host assigns addresses if the medium configures the network.
	if slices.ContainsFunc(g.Adapters, func(a Adapter) bool { return len(a.Addresses)+len(a.DNSServers) > 0 }) {
		for i := range g.Adapters {
			if a := &g.Adapters[i]; a.Mac == "" {
				a.Mac = fmt.Sprintf("%012X", i+1)
			}
		}
	}
	return g
}

// setup returns how a guest is set up: cloud_init, unattend, or an empty string when it is not.
func setup(fields map[string]any) string {
	way := text(fields, "guest_setup")
	switch {
	case way == "none" || !hasSettings(fields):
		return ""
	case way != "" && way != "auto":
		return way
	case fields["os_family"] == "windows":
		return "unattend"
	}
	return "cloud_init"
}

// hasSettings reports whether a definition has settings of the guest.
func hasSettings(fields map[string]any) bool {
	for id, v := range fields {
		if (strings.HasPrefix(id, "guest_") || strings.HasPrefix(id, "cnf_")) && id != "guest_setup" && isSet(v) {
			return true
		}
	}
	return slices.ContainsFunc(adapterItems(fields), func(item map[string]any) bool {
		return isSet(item["ipv4_address"]) || isSet(item["ipv6_address"]) || isSet(item["dns_servers"])
	})
}

// check returns what the agent refuses of a guest, beyond the job schema. named: the host name is not made of another name.
func (g *Guest) check(named bool) error {
	var errs []error
	refuse := func(when bool, field, message string, values map[string]any) {
		if when {
			errs = append(errs, refusal(field, message, values))
		}
	}
	cloudbase := g.Setup == "cloud_init" && g.OSFamily == "windows"
	for _, s := range []struct {
		field string
		isSet bool
	}{
		{"guest_domain_jointarget", g.DomainName != ""},
		{"guest_product_key", g.ProductKey != ""},
		{"guest_locale", g.Locale != ""},
		{"guest_net_dnssuffix", g.DNSSuffix != ""},
		{"guest_dns_servers", len(g.DNSServers) > 0 && len(g.Adapters[0].Addresses) == 0},
	} {
		refuse(cloudbase && s.isSet, s.field, "guest_setting_unsupported", map[string]any{"field": s.field})
	}
	refuse(cloudbase && len(utf16Of(g.AdminPassword)) > cloudbasePasswordLimit, "guest_la_pw", "guest_password_length",
		map[string]any{"field": "guest_la_pw", "limit": cloudbasePasswordLimit})
	field, limit := "vm_name", hostNameLimit(g.OSFamily)
	if named {
		field = "guest_host_name"
	}
	valid := hostNames.MatchString(g.HostName) && len(g.HostName) <= limit && (g.OSFamily != "windows" || !digits.MatchString(g.HostName))
	refuse(!valid, field, "guest_host_name_"+g.OSFamily, map[string]any{"name": g.HostName, "limit": limit})
	return errors.Join(errs...)
}

// refusal returns an error with a message of the agent about a field.
func refusal(field, message string, values map[string]any) error {
	m, err := agent.Messages()[message].Format(values)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %s: %s", field, m.Message, m.Remedy)
}

var (
	hostNames   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)
	digits      = regexp.MustCompile(`^[0-9]+$`)
	notHostName = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// hostNameLimit returns the longest host name of an operating system, in characters.
func hostNameLimit(family string) int {
	if family == "windows" {
		return 15
	}
	return 63
}

// hostName returns a host name made of the name of a virtual machine, or an empty string when nothing of it is left.
func hostName(name, family string) string {
	name = strings.Trim(notHostName.ReplaceAllString(name, "-"), "-")
	switch {
	case family != "windows":
		name = strings.ToLower(name)
	case digits.MatchString(name):
		name = "vm-" + name
	}
	if limit := hostNameLimit(family); len(name) > limit {
		name = strings.TrimRight(name[:limit], "-")
	}
	return name
}

func adapterItems(fields map[string]any) (items []map[string]any) {
	list, _ := fields["network_adapters"].([]any)
	for _, v := range list {
		if item, ok := v.(map[string]any); ok {
			items = append(items, item)
		}
	}
	return items
}

// address returns an address with its prefix, or nothing without an address.
func address(fields map[string]any, address, prefix string) []string {
	if text(fields, address) == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s/%v", text(fields, address), fields[prefix])}
}

func isSet(v any) bool {
	if list, ok := v.([]any); ok {
		return len(list) > 0
	}
	return v != nil && v != ""
}

func text(fields map[string]any, id string) string {
	s, _ := fields[id].(string)
	return s
}

func texts(fields map[string]any, id string) (found []string) {
	list, _ := fields[id].([]any)
	for _, v := range list {
		s, _ := v.(string)
		found = append(found, nonEmpty(s)...)
	}
	return found
}

func nonEmpty(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
