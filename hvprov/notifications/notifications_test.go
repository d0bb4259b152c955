// SPDX-License-Identifier: MPL-2.0

package notifications_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, 20, func(*testing.T) notifications.Store { return &notifications.Memory{Keep: 20} }, nil)
}
