// SPDX-License-Identifier: MPL-2.0

package simhost_test

import (
	"context"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

func Example() {
	host, err := simhost.Start(simhost.Options{VMs: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = host.Close() }()

	ctx := context.Background()
	service, err := hvprov.New(ctx, hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	inventory, err := service.HostInventory(ctx, "hv01")
	if err == nil {
		fmt.Println(inventory.Host, "has", len(inventory.VMs), "virtual machines")
	}
	if err := service.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// SIMHOST has 2 virtual machines
}
