// SPDX-License-Identifier: MPL-2.0

package boltstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// The store is passed to a service as Options.Store. Here a record is written and read again after the file was reopened.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "jobs.db")
	id := "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
	for range 2 {
		store, err := boltstore.Open(ctx, boltstore.Options{Path: path})
		if err != nil {
			fmt.Println(err)
			return
		}
		if r, err := store.Get(ctx, id); err == nil {
			fmt.Println(r.VMName, "is", r.State)
		} else if _, err := store.Put(ctx, jobstore.Record{ID: id, VMName: "web-01", State: jobstore.Queued}); err != nil {
			fmt.Println(err)
		}
		if err := store.Close(); err != nil {
			fmt.Println(err)
		}
	}
	// Output: web-01 is queued
}
