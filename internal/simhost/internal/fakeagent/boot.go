// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// bootKinds are the kinds of devices in definitions.
var bootKinds = []string{"disk", "network", "dvd"}

// biosDevices are the kinds of the devices of a BIOS, which tries them in this order by default; the floppy disk drive has none.
var biosDevices = []struct{ name, kind string }{{"CD", "dvd"}, {"IDE", "disk"}, {"LegacyNetworkAdapter", "network"}, {"Floppy", ""}}

// bootSources returns the boot order of a virtual machine and the kinds of what is in it. A device is the GUID of an adapter or the location
// of a drive, as the stand-in of the Hyper-V module writes them; other items, such as files of boot managers, have no kind.
func bootSources(vm hyperv.VM) (order []string, kinds map[string]string) {
	kinds = map[string]string{}
	var devices []string
	add := func(id, kind string) {
		devices = append(devices, id)
		kinds[id] = kind
	}
	if vm.Generation == 1 {
		for _, device := range biosDevices {
			add(device.name, device.kind)
		}
		if len(vm.StartupOrder) > 0 {
			return vm.StartupOrder, kinds
		}
		return devices, kinds
	}
	for _, a := range vm.Adapters {
		add(a.ID, "network")
	}
	for _, d := range vm.Drives {
		id := bootLocation(d.ControllerType, d.ControllerNumber, d.ControllerLocation)
		if add(id, "disk"); vm.FirstBoot != "" && d.Path == vm.FirstBoot {
			order = []string{id}
		}
	}
	for _, d := range vm.DVDs {
		add(bootLocation(d.ControllerType, d.ControllerNumber, d.ControllerLocation), "dvd")
	}
	if set, ok := vm.Settings["BootOrder"].([]any); ok {
		order = nil
		for _, item := range set {
			if id := fmt.Sprint(item); kinds[id] != "" || strings.HasPrefix(id, "file:") {
				order = append(order, id)
			}
		}
	}
	for _, id := range devices {
		if !slices.Contains(order, id) {
			order = append(order, id)
		}
	}
	return order, kinds
}

func bootLocation(controller string, number, location int) string {
	return fmt.Sprintf("%s %d:%d", controller, number, location)
}

// bootOrder returns the kinds in the order of their first devices.
func bootOrder(vm hyperv.VM) []any {
	found := []any{}
	order, kinds := bootSources(vm)
	for _, id := range order {
		if kind := kinds[id]; kind != "" && !slices.Contains(found, any(kind)) {
			found = append(found, kind)
		}
	}
	return found
}

// sameBootOrder reports whether a boot order begins with the wanted kinds, except those that it has no device of.
func sameBootOrder(wanted, order []any) bool {
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(kind any) bool { return !slices.Contains(order, kind) })
	return slices.Equal(wanted, order[:len(wanted)])
}

// setBootOrder moves the devices of the kinds to the beginning of the boot order.
func setBootOrder(vm *hyperv.VM, wanted []any) {
	order, kinds := bootSources(*vm)
	rank := func(id string) int {
		if i := slices.Index(wanted, any(kinds[id])); i >= 0 {
			return i
		}
		return len(wanted)
	}
	order = slices.Clone(order)
	slices.SortStableFunc(order, func(a, b string) int { return rank(a) - rank(b) })
	if vm.Generation == 1 {
		vm.StartupOrder = order
		return
	}
	if vm.Settings == nil {
		vm.Settings = map[string]any{}
	}
	items := make([]any, len(order))
	for i, id := range order {
		items[i] = id
	}
	vm.Settings["BootOrder"] = items
}

// isBootOrder reports whether a value is a list of different kinds.
func isBootOrder(v any) bool {
	list, _ := v.([]any)
	for i, kind := range list {
		if name, _ := kind.(string); !slices.Contains(bootKinds, name) || slices.Contains(list[:i], kind) {
			return false
		}
	}
	return len(list) > 0
}

// orderBoot sets the boot order of a new virtual machine.
func (j *hostJob) orderBoot() error {
	wanted, ok := j.fields["boot_order"].([]any)
	if !ok {
		return nil
	}
	return j.changeWhileOff(setVMFirmware, func(vm *hyperv.VM) error {
		setBootOrder(vm, wanted)
		return nil
	})
}
