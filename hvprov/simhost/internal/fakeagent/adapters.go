// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// firstAdapterName is the name that Hyper-V gives a new machine's adapter.
const firstAdapterName = "Network Adapter"

// adapterSpec is a further network adapter as a definition asks for it.
type adapterSpec struct {
	name, switchName string
	vlan             int    // 0: untagged
	mac              string // empty: the host chooses
}

// adapters gives the further network adapters.
func (f fields) adapters() (specs []adapterSpec) { return adapterSpecs(f.values["network_adapters"]) }

func adapterSpecs(value any) (specs []adapterSpec) {
	list, _ := value.([]any)
	for _, item := range list {
		part, _ := item.(map[string]any)
		f := fields{values: part}
		specs = append(specs, adapterSpec{f.text("name"), f.text("switch_name"), int(f.number("vlan_id")), f.text("mac_address")})
	}
	return specs
}

// ours gives the further adapters that a machine's manifest records. ok is false when it has none.
func (m *manifest) ours() (specs []adapterSpec, ok bool) {
	if m == nil {
		return nil, false
	}
	switch recorded := m.Recorded.(type) {
	case map[string]any:
		return adapterSpecs(recorded["network_adapters"]), true
	case fields:
		return recorded.adapters(), true
	}
	return nil, true
}

// firstAdapter gives the place of the adapter that the machine was made with: the first that no job added; -1 when it has none.
func firstAdapter(adapters []hyperv.Adapter, ours []adapterSpec) int {
	for i := range adapters {
		if findSpec(ours, adapters[i].Name) < 0 {
			return i
		}
	}
	return -1
}

// findSpec gives the place of the adapter with a name, or -1.
func findSpec(specs []adapterSpec, name string) int {
	for i := range specs {
		if strings.EqualFold(specs[i].name, name) {
			return i
		}
	}
	return -1
}

// findAdapter gives the adapter with a name that is not at the place except.
func findAdapter(adapters []hyperv.Adapter, except int, name string) *hyperv.Adapter {
	for i := range adapters {
		if i != except && strings.EqualFold(adapters[i].Name, name) {
			return &adapters[i]
		}
	}
	return nil
}

// digits gives a MAC address without what joins its pairs.
func digits(mac string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", ":", "").Replace(mac))
}

// formatMAC gives 12 digits as people write them, and nothing for an address that there is not yet.
func formatMAC(mac string) string {
	mac = digits(mac)
	if len(mac) != 12 || mac == noMAC {
		return ""
	}
	pairs := make([]string, 6)
	for i := range pairs {
		pairs[i] = mac[2*i : 2*i+2]
	}
	return strings.Join(pairs, "-")
}

// noMAC is the address of an adapter that gets one at the first start.
const noMAC = "000000000000"

// staticMAC gives the address of an adapter that has one of its own, or nothing.
func staticMAC(a hyperv.Adapter) string {
	if a.DynamicMAC {
		return ""
	}
	return formatMAC(a.MACAddress)
}

// sayMAC names an address in a sentence.
func sayMAC(mac string) string { return "MAC address " + orChosen(mac) }

func orChosen(mac string) string { return cmp.Or(mac, "chosen by the host") }

func (a adapterSpec) String() string {
	return fmt.Sprintf("switch '%s', %s, %s", a.switchName, formatVLAN(a.vlan), sayMAC(a.mac))
}

// showAdapters gives the further adapters that a manifest records and that are there, as clients read them: nil where there is
// no manifest.
func showAdapters(vm hyperv.VM, m *manifest) []job.NetworkAdapter {
	ours, ok := m.ours()
	if !ok {
		return nil
	}
	shown := []job.NetworkAdapter{}
	first := firstAdapter(vm.Adapters, ours)
	for _, spec := range ours {
		a := findAdapter(vm.Adapters, first, spec.name)
		if a == nil {
			continue
		}
		item := job.NetworkAdapter{Name: spec.name}
		if a.SwitchName != "" {
			item.SwitchName = &a.SwitchName
			if strings.EqualFold(a.SwitchName, spec.switchName) {
				item.SwitchName = &spec.switchName
			}
		}
		if a.VLANMode == "Access" && a.VLANID != 0 {
			item.VLANID = &a.VLANID
		}
		if mac := staticMAC(*a); mac != "" {
			item.MACAddress = &mac
		}
		shown = append(shown, item)
	}
	return shown
}

// addAdapters gives a new machine its further adapters.
func (r *run) addAdapters(first string) error {
	for _, spec := range r.fields.adapters() {
		if strings.EqualFold(spec.name, first) { // Windows in another language has another name for it
			return fail(protocol.CodeAdapterName, fmt.Sprintf("the first network adapter has the name '%s'", first), "network_adapters", "choose another name")
		}
		if err := r.addAdapter(spec); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) addAdapter(spec adapterSpec) error {
	name, err := r.findSwitch(spec.switchName)
	if err != nil {
		return err
	}
	added, err := r.store.AddVMNetworkAdapter(r.ctx, r.vmID, spec.name, digits(spec.mac))
	if err != nil {
		return err
	}
	if err := r.store.ConnectVMNetworkAdapter(r.ctx, r.vmID, added.ID, name); err != nil {
		return err
	}
	if spec.vlan > 0 {
		if err := r.store.SetVMNetworkAdapterVlan(r.ctx, r.vmID, added.ID, spec.vlan); err != nil {
			return err
		}
	}
	spec.switchName = name
	r.log("network adapter '%s': added, %s", spec.name, spec)
	return nil
}
