// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpclient"
)

// hostName returns the configured name of the host that a name of a configuration or of a state refers to, or the name itself if there is
// none. With a single unnamed host every name refers to it, so that a change of its address moves no virtual machine.
func (c *connection) hostName(name string) string {
	if c.only != "" {
		return c.only
	}
	if known, ok := c.findHost(name); ok {
		return known
	}
	return name
}

// isHost reports whether a name refers to a configured host.
func (c *connection) isHost(name string) bool {
	_, ok := c.findHost(name)
	return ok || c.only != ""
}

// findHost returns the configured name of the host that has a name or an alias.
func (c *connection) findHost(name string) (string, bool) {
	hosts := c.service.Hosts()
	if i := slices.IndexFunc(hosts, func(known string) bool { return strings.EqualFold(known, name) }); i >= 0 {
		return hosts[i], true
	}
	known, ok := c.aliases[strings.ToLower(name)]
	return known, ok
}

// requestedHost returns the configured name of the host that a configuration names, or of the only one. It is empty after an error.
func (c *connection) requestedHost(name string, diags *diag.Diagnostics) string {
	known := c.service.Hosts()
	switch found, ok := c.findHost(name); {
	case name == "" && len(known) == 1:
		return known[0]
	case name == "":
		c.addMissingHost(diags)
		return ""
	case !ok:
		c.addUnknownHost(diags, name, "")
		return ""
	default:
		return found
	}
}

// resourceHost returns the configured name of the host of a resource in the state, as hostName does; empty after an error.
func (c *connection) resourceHost(name types.String, diags *diag.Diagnostics) string {
	if c.only != "" {
		return c.only
	}
	return c.requestedHost(name.ValueString(), diags)
}

// addUnknownHost reports that the provider configuration, or its server, has no host of a name. The hint about the configuration
// follows the remedy.
func (c *connection) addUnknownHost(diags *diag.Diagnostics, name, hint string) {
	where := "provider configuration"
	if _, remote := c.service.(serverService); remote {
		where, hint = "server", ""
	}
	diags.AddAttributeError(path.Root("host"), "Unknown host "+name,
		fmt.Sprintf("The %s has no such host. Use one of: %s.%s", where, strings.Join(c.service.Hosts(), ", "), hint))
}

// addMissingHost reports that a host must be named, because the provider configuration has several.
func (c *connection) addMissingHost(diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root("host"), "Missing host",
		fmt.Sprintf("The provider has several hosts. Set host to one of: %s.", strings.Join(c.service.Hosts(), ", ")))
}

// addAliases records the former names of the hosts: their aliases, and their addresses, which were the names of single unnamed hosts. An
// address that several hosts have is not a name.
func (c *connection) addAliases(hosts map[string]hostSettings, diags *diag.Diagnostics) {
	c.aliases = map[string]string{}
	addresses := map[string]int{}
	for _, h := range hosts {
		addresses[strings.ToLower(h.Address.ValueString())]++
	}
	names := slices.Sorted(maps.Keys(hosts))
	for _, name := range names {
		if address := strings.ToLower(hosts[name].Address.ValueString()); addresses[address] == 1 {
			c.aliases[address] = name
		}
	}
	explicit := map[string]string{}
	for _, name := range names {
		at := path.Root("hosts").AtMapKey(name).AtName("aliases")
		for _, alias := range hosts[name].Aliases {
			key := strings.ToLower(alias)
			isName := slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(other, alias) && other != name })
			switch other, taken := explicit[key]; {
			case alias == "" || strings.Contains(alias, "/"):
				diags.AddAttributeError(at, "Invalid alias", "The name of a host must not be empty and must not contain a slash.")
			case isName:
				diags.AddAttributeError(at, "Invalid alias", fmt.Sprintf("%q is the name of another host in hosts. Remove it from the aliases of host %s.", alias, name))
			case taken && other != name:
				diags.AddAttributeError(at, "Invalid alias", fmt.Sprintf("%q is an alias of host %s too. Remove it from one of them.", alias, other))
			}
			explicit[key] = name
		}
	}
	maps.Copy(c.aliases, explicit)
}

// unknownHostRemedy returns what to do about a name that refers to no host.
func unknownHostRemedy(err error, name string) string {
	var remote *httpclient.Error
	if errors.As(err, &remote) {
		return fmt.Sprintf("Add the host to hosts of %s, under this name. If its virtual machines no longer exist, remove them from the state with terraform state rm.",
			hostConfiguration(err))
	}
	return fmt.Sprintf("If one of the hosts had this name before, add aliases = [%q] to its entry in hosts of the provider configuration. "+
		"If it is another host, add it to hosts. If its virtual machines no longer exist, remove them from the state with terraform state rm.", name)
}
