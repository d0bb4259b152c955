// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func Example() {
	// Service.Inventory of package hvprov returns such a snapshot.
	snapshot := &inventory.Snapshot{Host: "HV01", VMs: []job.VM{
		{ID: "6f2d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "db-01", PowerState: "running"},
		{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12", Name: "web-01", PowerState: "off"},
	}}
	for _, vm := range snapshot.ByName("WEB-01") {
		fmt.Println(vm.ID, vm.PowerState)
	}
	if vm, found := snapshot.ByID("6F2D1C5E-6A1E-4C39-9D0B-6F4A0C1F7E11"); found {
		fmt.Println(vm.Name, vm.PowerState)
	}
	// Output:
	// 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12 off
	// db-01 running
}
