// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

func TestACreationHasTimeForItsWait(t *testing.T) {
	t.Parallel()
	s, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := &vmResource{schema: s, agents: newAgentSchema(s)}
	for _, tt := range []struct {
		name   string
		values map[string]any
		want   time.Duration
	}{
		{"no settings of the guest", map[string]any{"vm_name": "web"}, 30 * time.Minute},
		{"settings of the guest", map[string]any{"guest_time_zone": "UTC"}, time.Hour},
		{"an address of a further adapter", map[string]any{"network_adapters": []any{map[string]any{"name": "a", "switch_name": "b", "ipv4_address": "192.0.2.5", "ipv4_prefix": 24}}}, time.Hour},
		{"an empty list", map[string]any{"guest_ssh_keys": []any{}}, 30 * time.Minute},
		{"a guest that is not set up", map[string]any{"guest_time_zone": "UTC", "guest_setup": "none"}, 30 * time.Minute},
		{"no wait", map[string]any{"guest_time_zone": "UTC", "wait_for": "nothing", "wait_seconds": 7200}, 30 * time.Minute},
		{"a wait for an address", map[string]any{"wait_for": "address"}, 40 * time.Minute},
		{"a limit", map[string]any{"guest_time_zone": "UTC", "wait_seconds": 7200}, 150 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := r.createLimit(tt.values); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
