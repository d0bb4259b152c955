// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"maps"
	"slices"
)

// NoMAC is the address of a network adapter to which the host has assigned none.
const NoMAC = "000000000000"

// Guest controls how the guests start, counted in calls of Get-VM for one running virtual machine. With the zero value a guest is up at
// once and reports all of its set-up at once.
type Guest struct {
	HeartbeatAfter int    `json:"heartbeat_after"`        // number of calls that report no contact; negative: all
	AddressAfter   int    `json:"address_after"`          // number of calls that report only link-local addresses; negative: all
	Address        string `json:"address"`                // the address of every network adapter without a static one; empty: a different one for each
	NeverBoots     bool   `json:"never_boots,omitempty"`  // no guest boots: there is no heartbeat and no address, and no medium is read
	NoKVP          bool   `json:"no_kvp,omitempty"`       // images lack the service of the key-value exchange, which also reports addresses
	NoSetup        bool   `json:"no_setup,omitempty"`     // images have neither cloud-init nor a Windows that was generalized: no medium is read
	SeedLabel      string `json:"seed_label,omitempty"`   // label of the volumes that cloud-init reads, its setting fs_label; empty: cidata
	Reject         string `json:"reject,omitempty"`       // the set-up fails, and the guest reports this text
	ReportEvery    int    `json:"report_every,omitempty"` // number of queries of the key-value exchange for each report of the set-up; 0: all at once
	Direct         Direct `json:"direct,omitempty"`       // what PowerShell Direct meets in Windows guests
}

// Direct is what PowerShell Direct meets in a Windows guest. The zero value is a guest that answers, without answer files that are left.
type Direct string

// What PowerShell Direct meets.
const (
	DirectNotRunning  Direct = "not_running" // the virtual machine was turned off since
	DirectRefused     Direct = "refused"     // the guest rejects the credential
	DirectUnsupported Direct = "unsupported" // the guest does not have the service
	DirectHangs       Direct = "hangs"       // the connection does not end
	DirectLeftover    Direct = "leftover"    // the guest still has an answer file
	DirectNoDomain    Direct = "no_domain"   // the guest does not find the domain
)

// GuestOS is the operating system in a virtual machine, after it has read a medium. The stand-in's guests read the ISO file; with the
// fake agent, which writes none, they take the values of the definition.
type GuestOS struct {
	Booted     bool                `json:"booted"`
	System     string              `json:"system"`      // linux or windows
	Medium     string              `json:"medium"`      // path of the ISO file with which it was set up; empty: it found none for it
	Problem    string              `json:"problem"`     // why it refused the medium
	InstanceID string              `json:"instance_id"` // cloud-init applies a seed once for each
	HostName   string              `json:"host_name"`
	Domain     string              `json:"domain"`           // domain or DNS suffix
	Member     bool                `json:"member,omitempty"` // of the domain
	TimeZone   string              `json:"time_zone"`
	Locale     string              `json:"locale"`
	Accounts   []Account           `json:"accounts"`
	Addresses  map[string][]string `json:"addresses"`   // static addresses with their prefix, by MAC address
	DNSServers []string            `json:"dns_servers"` // of all network adapters
	Commands   []string            `json:"commands"`    // names of what ran, in order, without the commands that report
	KVP        map[string]string   `json:"kvp"`         // the pairs that the host reads
	Pending    []KeyValue          `json:"pending"`     // the pairs that the guest has still to report, in order
	Looks      int                 `json:"looks"`       // queries of the key-value exchange
}

// Account is an account of a guest that the set-up created or changed.
type Account struct {
	Name     string   `json:"name"`
	Password string   `json:"password"` // how it was set: hash, text, locked, or empty
	Keys     []string `json:"keys"`     // SSH keys
	Admin    bool     `json:"admin"`    // sudo, or the group Administrators
}

// KeyValue is a pair of the key-value exchange.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// clone returns a deep copy.
func (g *GuestOS) clone() *GuestOS {
	if g == nil {
		return nil
	}
	c := *g
	c.Accounts, c.DNSServers, c.Commands, c.Pending = slices.Clone(g.Accounts), slices.Clone(g.DNSServers), slices.Clone(g.Commands), slices.Clone(g.Pending)
	for i := range c.Accounts {
		c.Accounts[i].Keys = slices.Clone(c.Accounts[i].Keys)
	}
	c.KVP, c.Addresses = maps.Clone(g.KVP), maps.Clone(g.Addresses)
	for mac, addresses := range c.Addresses {
		c.Addresses[mac] = slices.Clone(addresses)
	}
	return &c
}
