// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
)

func TestDurationsAreWrittenAsXMLDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		20 * time.Second: "PT20S", 15 * time.Minute: "PT900S", 1500 * time.Millisecond: "PT1.5S",
	} {
		if got := wsman.XMLDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
