// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// addressed returns the configuration of a Linux virtual machine with static addresses.
func addressed(name, ipv4, ipv6 string) attrs {
	return linux(name).with(attrs{
		"guest_v4_ipaddr": ipv4, "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1", "guest_v4_dns1": "192.0.2.53",
		"guest_v6_ipaddr": ipv6, "guest_v6_cidrprefix": 64, "guest_time_zone": "Europe/Berlin",
	})
}

// TestAddressesOfAGuestComeFromItsMedium creates a virtual machine whose guest reads the medium that the agent wrote: a reader of the
// stand-in and not of the agent, which knows nothing else of the definition.
func TestAddressesOfAGuestComeFromItsMedium(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 5)
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Guest.ReportEvery = 1 })
	config := addressed("web-01", "192.0.2.77", "2001:db8::77")
	var made resource
	t.Run("plan and apply", func(t *testing.T) {
		h := connected(t, server)
		made = h.mustApply(h.none(), config)
		h.mustHave(made, attrs{"ip_addresses": []any{"192.0.2.77", "2001:db8::77"}})
	})
	// The provider closed its sessions at the end of the subtest.
	counters := server.Counters()
	t.Logf("plan and apply: %d processes, %d POSTs: %v", counters.Processes, counters.POSTs, counters.ByAction)
	// How many Receives there are depends on the load: TestAWaitForAGuestTakesFewRequests counts them.
	wantCounts(t, counters, 2, 17, counters.ByAction[simhost.ActionReceive])
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	vm := state.VMs[0]
	if g := vm.Guest; g == nil || g.HostName != "web-01" || g.TimeZone != "Europe/Berlin" || g.InstanceID != vm.ID || g.Problem != "" ||
		!slices.Equal(g.Addresses[vm.Adapters[0].MACAddress], []string{"192.0.2.77/24", "2001:db8::77/64"}) ||
		fmt.Sprint(g.Accounts) != fmt.Sprint([]hyperv.Account{{Name: "admin", Password: "hash", Keys: []string{}, Admin: true}}) {
		t.Errorf("the guest is %+v", g)
	}
	if len(vm.DVDs) > 0 {
		t.Errorf("the medium is still attached: %+v", vm.DVDs)
	}
	err = filepath.Walk(filepath.Dir(server.StateFile()), func(path string, _ os.FileInfo, err error) error {
		if strings.HasSuffix(path, ".iso") {
			t.Errorf("the host has the file %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	h := connected(t, server)
	h.wantEmptyPlan(h.mustRead(made), config)
}

// TestAGuestThatIsNotSetUpFailsTheApply shows what a user reads, and that nothing is left.
func TestAGuestThatIsNotSetUpFailsTheApply(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		guest     hyperv.Guest
		attribute string
		texts     []string
	}{
		"it fails":       {hyperv.Guest{Reject: "no space left on device"}, "guest_setup", []string{"set-up of the guest failed: no space left on device", "wait_for = nothing"}},
		"it never boots": {hyperv.Guest{NeverBoots: true}, "wait_for", []string{"within 1800 s", "heartbeat no_contact, no key-value pairs"}},
		"it has no integration services": {hyperv.Guest{NoKVP: true}, "wait_for", []string{
			"heartbeat ok_applications_unknown, no key-value pairs: the image may lack Hyper-V's guest services", "hv_kvp_daemon",
		}},
		"it looks for another label": {hyperv.Guest{SeedLabel: "config-2"}, "wait_for", []string{"no report of the set-up", "does not read the medium"}},
		"it has no cloud-init":       {hyperv.Guest{NoSetup: true}, "wait_for", []string{"no report of the set-up: the image may lack cloud-init"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Guest = c.guest })
			h := connected(t, server)
			_, diags := h.apply(h.ctx, h.plan(h.none(), addressed("web-01", "192.0.2.77", "2001:db8::77")))
			h.mustFail(diags, c.attribute, c.texts...)
			wantEmptyHost(t, server)
		})
	}
}

// TestAWaitForAGuestTakesFewRequests counts the requests of a creation that looks at the guest as often as the agent does within ten
// seconds.
func TestAWaitForAGuestTakesFewRequests(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Guest.ReportEvery = 2
		s.Behaviour.Calls = map[string]hyperv.Call{"Msvm_KvpExchangeComponent": {DelayMS: 20}} // each event arrives alone
	})
	t.Run("plan and apply", func(t *testing.T) {
		h := connected(t, server)
		h.mustApply(h.none(), addressed("web-01", "192.0.2.77", "2001:db8::77"))
	})
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	if looks := state.VMs[0].Guest.Looks; looks < 8 {
		t.Errorf("%d looks at the guest, want at least 8", looks)
	}
	// How many events a Receive returns depends on the load of this machine: an idle one needs about 37 requests in all.
	counters := server.Counters()
	t.Logf("%d processes, %d POSTs, %d of them Receive", counters.Processes, counters.POSTs, counters.ByAction[simhost.ActionReceive])
	if others := counters.POSTs - counters.ByAction[simhost.ActionReceive]; counters.Processes > 2 || others > 17 || counters.POSTs > 60 {
		t.Errorf("got %d processes and %d POSTs, want at most 2, 17 other than Receive, and 60: %v", counters.Processes, counters.POSTs, counters.ByAction)
	}
}
