// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"fmt"
	"strconv"
)

// linkLocal is the address that a guest gives itself before it has another.
const linkLocal = "fe80::215:5dff:fe00:1"

// wake has the guest say what it says at this look of it: its heartbeat, and an address for each adapter while it runs and is
// connected, else none.
func (vm *VM) wake(guest Guest) {
	if guest.HeartbeatAfter != 0 {
		vm.Heartbeat = ""
		if !vm.past(guest.HeartbeatAfter) {
			vm.Heartbeat = "NoContact"
		}
	}
	for i := range vm.Adapters {
		a := &vm.Adapters[i]
		a.IPAddresses = []string{}
		if vm.State != "Running" || a.SwitchName == "" || len(a.MACAddress) < 6 {
			continue
		}
		number, err := strconv.ParseInt(a.MACAddress[6:], 16, 64)
		switch {
		case !vm.past(guest.AddressAfter):
			a.IPAddresses = []string{linkLocal}
		case guest.Address != "":
			a.IPAddresses = []string{guest.Address}
		case err == nil:
			a.IPAddresses = []string{fmt.Sprintf("192.0.2.%d", 10+number%200)}
		}
	}
}

// past tells whether the guest was looked at more than so often.
func (vm *VM) past(looks int) bool { return looks == 0 || looks > 0 && vm.Looks > looks }
