// SPDX-License-Identifier: MPL-2.0

package storetest_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest"
)

// A test of a Store implementation calls Run with a function that opens the store.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestMyStore(t *testing.T)
		storetest.Run(t, false, func(*testing.T) jobstore.Store { return &jobstore.Memory{} })
	}
	// Output:
}
