// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"strings"
	"testing"
	"time"

	masterzen "github.com/masterzen/winrm"

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

// The registry of a loaded profile is unloaded when the shell ends, under the processes that outlive it:
// https://github.com/ansible/ansible/issues/31030
func TestAShellDoesNotLoadTheProfileOfTheAccount(t *testing.T) {
	t.Parallel()
	envelope := wsman.CreateEnvelope("https://hv01.lab.example:5986/wsman", masterzen.NewParameters("PT20S", "en-US", 512_000))
	if !strings.Contains(envelope, `Name="WINRS_NOPROFILE">TRUE<`) {
		t.Error(envelope)
	}
}
