// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// bootGuest starts the guest of a virtual machine that was off. One with a medium of the agent is set up as the definition says.
func (j *hostJob) bootGuest(s *hyperv.State, vm *hyperv.VM) {
	behaviour := s.Behaviour.Guest
	medium := slices.IndexFunc(vm.DVDs, func(dvd hyperv.DVD) bool { return strings.EqualFold(filepath.Base(dvd.Path), guestMediumName) })
	if medium < 0 || vm.Guest != nil || behaviour.NeverBoots || behaviour.NoSetup {
		return
	}
	g := &hyperv.GuestOS{
		Booted: true, System: "linux", Medium: vm.DVDs[medium].Path, TimeZone: j.fields.text("guest_time_zone"), Locale: j.fields.text("guest_locale"),
		HostName: cmp.Or(j.fields.text("guest_host_name"), hostName(j.fields.text("vm_name"), j.fields.text("os_family"))),
		Accounts: []hyperv.Account{}, Addresses: map[string][]string{}, DNSServers: []string{}, Commands: []string{}, KVP: map[string]string{}, Pending: []hyperv.KeyValue{},
	}
	if len(vm.Drives) > 0 {
		if disk, err := hyperv.ReadDisk(vm.Drives[0].Path); err == nil {
			g.System = cmp.Or(disk.System, g.System)
		}
	}
	if g.System == "linux" && behaviour.SeedLabel != "" {
		return
	}
	g.Domain = j.fields.text("guest_net_dnssuffix")
	g.Commands = append(g.Commands, j.fields.texts("guest_commands")...)
	j.setAccounts(g)
	j.setAddresses(g, vm)
	var reports []hyperv.KeyValue
	if g.System == "windows" {
		if target := j.fields.text("guest_domain_jointarget"); target != "" && j.fields.text(directField) != "join" {
			g.Domain, g.Member = target, true
		}
		g.Locale = cmp.Or(g.Locale, "en-US")
		reports = stages("network", "accounts", "commands", "final")
	} else {
		g.InstanceID = vm.ID
		reports = append(stages("accounts", "commands"), hyperv.KeyValue{Key: "hypervvm.instance", Value: vm.ID})
	}
	result := "done"
	if behaviour.Reject != "" {
		result = "failed: " + behaviour.Reject
	}
	g.Pending = append(reports, hyperv.KeyValue{Key: "hypervvm.setup", Value: result})
	if behaviour.NoKVP {
		g.Pending = []hyperv.KeyValue{}
	}
	for behaviour.ReportEvery == 0 && len(g.Pending) > 0 {
		reportNext(g)
	}
	vm.Guest = g
}

// stages returns the reports of stages.
func stages(names ...string) (reports []hyperv.KeyValue) {
	for _, name := range names {
		reports = append(reports, hyperv.KeyValue{Key: "hypervvm.stage", Value: name})
	}
	return reports
}

// reportNext makes the next pair of a guest visible to the host.
func reportNext(g *hyperv.GuestOS) {
	g.KVP[g.Pending[0].Key] = g.Pending[0].Value
	g.Pending = g.Pending[1:]
}

func (j *hostJob) setAccounts(g *hyperv.GuestOS) {
	windows := g.System == "windows"
	if name := j.fields.text("guest_la_uid"); name != "" {
		account := hyperv.Account{Name: name, Password: "locked", Keys: append([]string{}, j.fields.texts("guest_ssh_keys")...), Admin: name != "root"}
		if j.fields.text("guest_la_pw") != "" {
			account.Password = "hash"
			if windows {
				account.Password = "text"
			}
		}
		if !windows || account.Password == "text" {
			g.Accounts = append(g.Accounts, account)
		}
	}
	name, key := j.fields.text("cnf_ansible_ssh_user"), strings.TrimSpace(j.fields.text("cnf_ansible_ssh_key"))
	if windows || name == "" || key == "" {
		return
	}
	for i := range g.Accounts {
		if a := &g.Accounts[i]; a.Name == name {
			a.Keys, a.Admin = append(a.Keys, key), true
			return
		}
	}
	g.Accounts = append(g.Accounts, hyperv.Account{Name: name, Password: "locked", Keys: []string{key}, Admin: true})
}

func (j *hostJob) setAddresses(g *hyperv.GuestOS, vm *hyperv.VM) {
	if len(vm.Adapters) == 0 {
		return
	}
	for _, family := range []string{"v4", "v6"} {
		if address := j.fields.text("guest_" + family + "_ipaddr"); address != "" {
			mac := vm.Adapters[0].MACAddress
			g.Addresses[mac] = append(g.Addresses[mac], fmt.Sprintf("%s/%s", address, formatNumber(j.fields.number("guest_"+family+"_cidrprefix"))))
		}
	}
	for _, server := range append([]string{j.fields.text("guest_v4_dns1"), j.fields.text("guest_v4_dns2")}, j.fields.texts("guest_dns_servers")...) {
		if server != "" && !slices.Contains(g.DNSServers, server) {
			g.DNSServers = append(g.DNSServers, server)
		}
	}
}

var noHostName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// hostName returns a host name made of the name of a virtual machine.
func hostName(vmName, family string) string {
	limit := 63
	name := strings.Trim(noHostName.ReplaceAllString(vmName, "-"), "-")
	if family == "windows" {
		limit = 15
	} else {
		name = strings.ToLower(name)
	}
	return strings.TrimRight(name[:min(len(name), limit)], "-")
}

// texts returns the texts of a list.
func (f fields) texts(name string) (texts []string) {
	items, _ := f[name].([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}
