// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
)

func TestACacheAsksOnceUntilItIsInvalid(t *testing.T) {
	t.Parallel()
	asked := 0
	cache := inventory.Cache{Fetch: func(context.Context) (*inventory.Snapshot, error) {
		asked++
		return &inventory.Snapshot{}, nil
	}}
	for _, want := range []int{1, 1, 2} {
		if want == 2 {
			cache.Invalidate()
		}
		if _, err := cache.Get(t.Context()); err != nil || asked != want {
			t.Errorf("asked %d times, want %d: %v", asked, want, err)
		}
	}
}
