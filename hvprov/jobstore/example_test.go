// SPDX-License-Identifier: MPL-2.0

package jobstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Two writers change the same record. The second one works with an outdated version and must read the record again.
func Example() {
	ctx := context.Background()
	store := &jobstore.Memory{}
	defer func() { _ = store.Close() }()

	first := jobstore.Record{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Host: "hv01", VMName: "web-01", State: jobstore.Pending}
	version, err := store.Put(ctx, first)
	fmt.Println(version, err)

	second, err := store.Get(ctx, first.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	first.Version, first.State = version, jobstore.Queued
	version, err = store.Put(ctx, first)
	fmt.Println(version, err)

	second.State = jobstore.Cancelled
	_, err = store.Put(ctx, second)
	fmt.Println(errors.Is(err, jobstore.ErrConflict))

	queued, _, err := store.List(ctx, jobstore.Filter{States: []jobstore.State{jobstore.Queued}}, jobstore.Page{Limit: 10})
	for _, r := range queued {
		fmt.Println(r.VMName, "on", r.Host, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// true
	// web-01 on hv01 <nil>
}
