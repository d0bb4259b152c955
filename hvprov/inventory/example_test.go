// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func Example() {
	ctx := context.Background()
	store := inventory.New(inventory.Options{
		// This is where a host is asked; here it always holds the same.
		Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
			return &inventory.Snapshot{VMs: []job.VM{{ID: "6f2d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "db-01", PowerState: "running"}}}, nil
		},
	})
	defer func() { _ = store.Close(ctx) }()
	if err := store.SetHosts([]string{"hv01"}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.Get(ctx, "hv01"); err != nil {
		fmt.Println(err)
		return
	}

	release, err := store.Reserve(inventory.Reservation{Host: "hv01", Name: "web-01", Operation: job.OperationProvision, JobID: "job-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer release()
	_, err = store.Reserve(inventory.Reservation{Host: "HV01", Name: "WEB-01", Operation: job.OperationProvision, JobID: "job-2"})
	var taken *inventory.NameTakenError
	if errors.As(err, &taken) {
		fmt.Println("the name is reserved by", taken.JobID)
	}

	view, err := store.Peek("hv01")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, vm := range view.VMs {
		fmt.Println(vm.Name, vm.State)
	}
	// Output:
	// the name is reserved by job-1
	// db-01 running
	// web-01 creating
}
