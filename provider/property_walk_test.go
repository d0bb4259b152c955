// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

type diagnostics = []*tfprotov6.Diagnostic

// walk is a random sequence of operations on two hosts.
type walk struct {
	*testing.T
	rng      *rand.Rand
	nodes    *nodes
	machines []*machine
	macs     int
	log      []string
}

// machine is a resource: its configuration in one spelling, and its state. A machine that a killed run left has no state.
type machine struct {
	label  string
	config attrs
	state  *resource
	lost   string // GUID
}

func newWalk(t *testing.T, seed uint64) *walk {
	t.Helper()
	return &walk{
		T: t, rng: rand.New(rand.NewPCG(seed, 0)),
		nodes:    startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) }),
		machines: []*machine{{label: "a"}, {label: "b"}},
	}
}

func (w *walk) note(m *machine, format string, values ...any) {
	w.log = append(w.log, m.label+": "+fmt.Sprintf(format, values...))
}

// connect returns another provider, as each run of Terraform has.
func (w *walk) connect() *harness {
	w.Helper()
	s, err := schemas.Load()
	if err != nil {
		w.Fatal(err)
	}
	hosts := attrs{}
	for name, server := range w.nodes.hosts {
		hosts[name] = settings(server).with(attrs{
			"vm_path": w.nodes.folder + []string{"", "/"}[w.rng.IntN(2)], "aliases": []any{formerName(name)},
		})
	}
	h := newHarnessWith(w.T, s)
	h.mustSucceed("configure", h.configure(attrs{"hosts": hosts}))
	return h
}

// formerName returns the alias of a host.
func formerName(host string) string { return "old-" + host }

func (w *walk) name() string { return []string{"web-01", "db-01", "app-01"}[w.rng.IntN(3)] }

func (w *walk) newConfig() attrs {
	return w.changed(linux(w.name()).with(attrs{
		"host": []string{"hv01", "hv02"}[w.rng.IntN(2)], "switch_name": "External", "notes": "first", "vlan_id": 7, "gb_ram": 2, "cpu_cores": 1,
		"power_state": "running", "allow_power_cycle": true, "guest_net_dnssuffix": "lab.example", "timeouts": nil,
		"mac_address": w.mac(),
	}))
}

// mac returns an address that no other virtual machine has, also not one that a killed run left.
func (w *walk) mac() string {
	w.macs++
	return fmt.Sprintf("02-15-5D-AB-%02X-%02X", w.macs>>8, w.macs&0xff)
}

// spellMAC returns a MAC address in another notation.
func (w *walk) spellMAC(mac string) string {
	digits := strings.ReplaceAll(mac, "-", "")
	return spell(w.rng, []string{mac, strings.ReplaceAll(mac, "-", ":"), digits, digits[:4] + "." + digits[4:8] + "." + digits[8:]}[w.rng.IntN(4)])
}

// spelled returns a configuration whose identifiers are in random spellings.
func (w *walk) spelled(config attrs) attrs {
	other := maps.Clone(config)
	for _, name := range []string{"host", "vm_name", "switch_name", "image_name", "guest_net_dnssuffix"} {
		other[name] = spell(w.rng, config[name].(string))
	}
	other["mac_address"] = w.spellMAC(config["mac_address"].(string))
	other["notes"] = config["notes"].(string) + []string{"", "\n"}[w.rng.IntN(2)]
	return other
}

func (w *walk) id(m *machine) string {
	w.Helper()
	h := harness{t: w.T}
	return h.get(*m.state, "id").(string)
}

// hosts returns the virtual machines of each host.
func (w *walk) hosts() map[string][]hyperv.VM {
	w.Helper()
	all := map[string][]hyperv.VM{}
	for name, server := range w.nodes.hosts {
		all[name] = vmsOf(w.T, server)
	}
	return all
}

// holder returns the GUID of the virtual machine that has a name on a host.
func (w *walk) holder(host, name string) string {
	w.Helper()
	for _, vm := range w.hosts()[host] {
		if strings.EqualFold(vm.Name, name) {
			return vm.ID
		}
	}
	return ""
}

// find returns a virtual machine and its host.
func (w *walk) find(id string) (string, hyperv.VM) {
	w.Helper()
	for host, vms := range w.hosts() {
		for _, vm := range vms {
			if strings.EqualFold(vm.ID, id) {
				return host, vm
			}
		}
	}
	w.Fatalf("no host has virtual machine %s", id)
	return "", hyperv.VM{}
}

func (w *walk) hostOf(id string) string { w.Helper(); host, _ := w.find(id); return host }
func (w *walk) vm(id string) hyperv.VM  { w.Helper(); _, vm := w.find(id); return vm }

// edit changes a virtual machine on its host.
func (w *walk) edit(m *machine, change func(*hyperv.VM)) {
	w.Helper()
	id := w.id(m)
	updateHost(w.T, w.nodes.hosts[w.hostOf(id)], func(s *hyperv.State) {
		for i := range s.VMs {
			if strings.EqualFold(s.VMs[i].ID, id) {
				change(&s.VMs[i])
			}
		}
	})
}

// applied records a state, and requires that the host equals the configuration and that the next plan is empty.
func (w *walk) applied(m *machine, config attrs, r resource) {
	w.Helper()
	m.config, m.state, m.lost = config, &r, ""
	vm := w.vm(w.id(m))
	if wanted := config["power_state"] == "running"; !strings.EqualFold(vm.Name, config["vm_name"].(string)) || strings.TrimRight(vm.Notes, "\n") != config["notes"] ||
		vm.MemoryStartupBytes != int64(config["gb_ram"].(int))<<30 || vm.ProcessorCount != config["cpu_cores"] || (vm.State == "Running") != wanted ||
		vm.Adapters[0].VLANID != config["vlan_id"] || vm.Adapters[0].SwitchName != "External" ||
		vm.Adapters[0].MACAddress != strings.ReplaceAll(config["mac_address"].(string), "-", "") || vm.Adapters[0].DynamicMAC {
		w.Errorf("the configuration is %v and the host has %+v", shown(config), vm)
	}
	h := w.connect()
	read := h.mustRead(r)
	h.wantEmptyPlan(read, w.spelled(config))
	m.state = &read
}

// check checks what holds after each operation.
func (w *walk) check() {
	w.Helper()
	owned := map[string]bool{}
	for _, m := range w.machines {
		switch {
		case m.state != nil:
			owned[strings.ToLower(w.id(m))] = true
		case m.lost != "":
			owned[strings.ToLower(m.lost)] = true
		}
	}
	folders := map[string]bool{}
	seen := 0
	for host, vms := range w.hosts() {
		names := map[string]bool{}
		for _, vm := range vms {
			if name := strings.ToLower(vm.Name); names[name] {
				w.Errorf("host %s has two virtual machines %s", host, vm.Name)
			} else {
				names[name] = true
			}
			if !owned[strings.ToLower(vm.ID)] {
				w.Errorf("virtual machine %s (%s) on host %s has no owner", vm.Name, vm.ID, host)
			}
			seen++
			for _, d := range vm.Drives {
				folders[filepath.Dir(d.Path)] = true
			}
		}
	}
	if seen != len(owned) {
		w.Errorf("%d virtual machines, want %d", seen, len(owned))
	}
	w.eachFile(func(path string) {
		for dir := filepath.Dir(path); !folders[dir]; dir = filepath.Dir(dir) {
			if dir == filepath.Dir(dir) {
				w.Errorf("file %s has no owner", path)
				break
			}
		}
	})
}

// eachFile calls a function with each file of a virtual machine.
func (w *walk) eachFile(visit func(path string)) {
	w.Helper()
	roots := []string{w.nodes.folder}
	for _, server := range w.nodes.hosts {
		roots = append(roots, server.StateFile()+".d")
	}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (filepath.Base(path) == "ProgramData" || filepath.Base(path) == "Images"):
				return filepath.SkipDir
			case !entry.IsDir():
				visit(path)
			}
			return nil
		})
		if err != nil {
			w.Error(err)
		}
	}
}

// destroyAll destroys everything, after what killed runs left was imported, and requires that nothing is left.
func (w *walk) destroyAll() {
	w.Helper()
	for _, m := range w.machines {
		if m.lost != "" {
			w.importLost(m)
		}
		if m.state != nil {
			w.destroy(m)
		}
	}
	for host, vms := range w.hosts() {
		if len(vms) > 0 {
			w.Errorf("host %s has %+v", host, vms)
		}
	}
	w.eachFile(func(path string) { w.Errorf("file %s is left", path) })
}

// shown returns a configuration without its secret.
func shown(config attrs) attrs { return config.with(attrs{"guest_la_pw": "..."}) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
