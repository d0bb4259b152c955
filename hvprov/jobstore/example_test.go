// SPDX-License-Identifier: MPL-2.0

package jobstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// A ledger takes a job through its states, and through no others.
func Example() {
	ctx := context.Background()
	ledger, err := jobstore.Open(ctx, jobstore.Options{OnChange: func(r jobstore.Record) { fmt.Println(r.VMName, "is", r.State) }})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := ledger.Add(ctx, jobstore.Record{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Host: "hv01", VMName: "web-01"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, state := range []jobstore.State{jobstore.Queued, jobstore.Running, jobstore.Succeeded, jobstore.Running} {
		if _, err := ledger.Move(ctx, "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", state, nil); errors.Is(err, jobstore.ErrTransition) {
			fmt.Println(err)
		}
	}
	// Output:
	// web-01 is pending
	// web-01 is queued
	// web-01 is running
	// web-01 is succeeded
	// job 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11: a job cannot go from this state to that: from succeeded to running
}
