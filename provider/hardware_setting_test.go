// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// hardwareSettings has for each setting of the hardware a value, another one that is applied while the virtual machine runs, one that somebody
// else sets, with the parameter of the cmdlet, and one that is refused.
var hardwareSettings = []struct {
	name             string
	created, changed any
	parameter        string
	drifted          any
	shown            any // by the state
	invalid          any
}{
	{"nested_virtualization", true, nil, "ExposeVirtualizationExtensions", false, false, "maybe"},
	{"processor_compatibility", true, nil, "CompatibilityForMigrationEnabled", false, false, "maybe"},
	{"processor_weight", 200, 300, "RelativeWeight", 400.0, 400, 10001},
	{"processor_reserve", 20, 10, "Reserve", 0.0, 0, 101},
	{"processor_limit", 80, 60, "Maximum", 100.0, 100, 101},
	{"memory_weight", 80, 20, "Priority", 50.0, 50, 101},
	{"mac_spoofing", true, false, "MacAddressSpoofing", "On", true, "maybe"},
	{"bandwidth_limit_mbps", 500, 100, "MaximumBandwidth", 2e8, 200, -1},
	{"bandwidth_weight", 10, 20, "MinimumBandwidthWeight", 30.0, 30, 101},
	{"vlan_trunk", "10-12,20", "30", "AllowedVlanIdList", "40-41", "40-41", "10-"},
	{"vlan_native_id", 10, 30, "NativeVlanId", 40.0, 40, 4095},
	{"smart_paging_path", "/paging", nil, "SmartPagingFilePath", "/others", "/others", "paging"},
	{"checkpoint_path", "/checkpoints", "/new", "SnapshotFileLocation", "/others", "/others", "checkpoints"},
	{"integration_guest_service_interface", true, false, "6C09BB55-D683-4DA0-8931-C9BF705F6480", true, true, "maybe"},
	{"integration_heartbeat", false, true, "84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47", false, false, "maybe"},
	{"integration_key_value_pair_exchange", false, true, "2A34B1C2-FD73-4043-8A5B-DD2159BC743F", false, false, "maybe"},
	{"integration_shutdown", false, true, "9F8233AC-BE49-4C79-8EE3-E7E1985B2077", false, false, "maybe"},
	{"integration_time_synchronization", false, true, "2497F4DE-E9FA-4204-80E4-4B75C46419C0", false, false, "maybe"},
	{"integration_vss", false, true, "5CED1297-4598-4915-A5FC-AD21BB4D02A4", false, false, "maybe"},
}

func TestSettingsOfTheHardwareAreCreatedChangedReadAndCorrected(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	base := linux("web-01").with(attrs{"wait_for": "nothing"}) // a service is disabled that reports the end of the set-up
	config, changed, invalid := base, base, base
	for _, s := range hardwareSettings {
		config = config.with(attrs{s.name: s.created})
		changed = changed.with(attrs{s.name: s.created})
		if s.changed != nil {
			changed = changed.with(attrs{s.name: s.changed})
		}
		if s.invalid != "maybe" {
			h.mustFail(h.validate(invalid.with(attrs{s.name: s.invalid})), s.name, "")
		}
	}
	created := h.mustApply(h.none(), config)
	h.wantEmptyPlan(h.mustRead(created), config)
	h.wantEmptyPlan(created, base) // what is left out is kept

	second := h.mustApply(created, changed)
	h.wantEmptyPlan(second, changed)
	updateHost(t, server, func(s *hyperv.State) {
		vm := &s.VMs[0]
		for _, setting := range hardwareSettings {
			if _, ofAdapter := vm.Adapters[0].Settings[setting.parameter]; ofAdapter {
				vm.Adapters[0].Settings[setting.parameter] = setting.drifted
			} else {
				vm.Settings[setting.parameter] = setting.drifted
			}
		}
	})
	h = connected(t, server)
	read := h.mustRead(second)
	for _, s := range hardwareSettings {
		if got := h.get(read, s.name); fmt.Sprint(got) != fmt.Sprint(s.shown) {
			t.Errorf("%s is read as %v, want %v", s.name, got, s.shown)
		}
	}
	h.mustWarn(h.plan(read, changed).diags, "nested_virtualization", "allow_power_cycle")
	corrected := h.mustApply(read, changed.with(attrs{"allow_power_cycle": true}))
	h.wantEmptyPlan(h.mustRead(corrected), changed.with(attrs{"allow_power_cycle": true}))
	if vm := onlyVM(t, server); vm.State != "Running" || vm.Settings["ExposeVirtualizationExtensions"] != true || vm.Adapters[0].Settings["MaximumBandwidth"] != 1e8 {
		t.Errorf("the host has %+v", vm)
	}
}

func TestTheSecureBootTemplateIsThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := func(template string) attrs {
		return linux("web-01").with(attrs{"secure_boot_template": template, "power_state": "off"})
	}
	created := h.mustApply(h.none(), config("open_source_shielded_vm"))
	if vm := onlyVM(t, server); vm.SecureBootTemplate != "OpenSourceShieldedVM" {
		t.Errorf("the template is %s", vm.SecureBootTemplate)
	}
	changed := h.mustApply(created, config("microsoft_windows"))
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].SecureBootTemplate = "MicrosoftUEFICertificateAuthority" })
	h = connected(t, server)
	read := h.mustRead(changed)
	h.mustHave(read, attrs{"secure_boot_template": "microsoft_uefi_certificate_authority"})
	h.wantEmptyPlan(h.mustApply(read, config("microsoft_windows")), config("microsoft_windows"))
}

func TestTheBootOrderIsSetChangedReadAndCorrected(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := func(kinds ...any) attrs {
		return linux("web-01").with(attrs{"boot_order": kinds, "power_state": "off", "wait_for": "nothing"})
	}
	h.mustFail(h.validate(config("disk", "disk")), "boot_order.1", "which the list has already")
	h.mustFail(h.validate(config("disk", "floppy")), "boot_order.1", "floppy")
	h.mustFail(h.validate(config()), "boot_order", "at least 1 item")
	created := h.mustApply(h.none(), config("dvd", "network"))
	h.wantEmptyPlan(h.mustRead(created), config("dvd", "network"))
	h.wantEmptyPlan(h.mustRead(created), linux("web-01").with(attrs{"power_state": "off", "wait_for": "nothing"})) // what is left out is kept
	changed := h.mustApply(created, config("disk"))
	h.wantEmptyPlan(h.mustRead(changed), config("disk"))

	updateHost(t, server, func(s *hyperv.State) {
		s.VMs[0].Settings["BootOrder"] = []any{"file:bootmgfw.efi", s.VMs[0].Adapters[0].ID, "SCSI 0:0"}
	})
	h = connected(t, server)
	read := h.mustRead(changed)
	if got := fmt.Sprint(h.get(read, "boot_order")); got != "[network disk dvd]" {
		t.Errorf("the boot order is read as %s", got)
	}
	running := config("disk").with(attrs{"power_state": "running"})
	h.wantEmptyPlan(h.mustRead(h.mustApply(read, running)), running)
	if vm := onlyVM(t, server); fmt.Sprint(vm.Settings["BootOrder"]) != "[SCSI 0:0 file:bootmgfw.efi "+vm.Adapters[0].ID+" SCSI 0:1]" {
		t.Errorf("the host has the boot order %v", vm.Settings["BootOrder"])
	}
	started := h.mustApply(read, running)
	h.mustFail(h.plan(started, running.with(attrs{"boot_order": []any{"network"}})).diags, "boot_order", "allow_power_cycle = true")
}

func TestTheBootOrderOfAnImportedVirtualMachineIsKeptWhereItMeansTheSame(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = []hyperv.VM{{
			ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "old-01", State: "Off", Generation: 2, MemoryStartupBytes: 1 << 30, ProcessorCount: 1,
			Adapters: []hyperv.Adapter{{Name: "Network Adapter", VLANMode: "Untagged", MACAddress: hyperv.NoMAC, DynamicMAC: true}},
			DVDs:     []hyperv.DVD{{ControllerType: "SCSI"}}, SecureBoot: "On",
		}}
	})
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/old-01")
	if got := fmt.Sprint(h.get(imported, "boot_order")); got != "[network dvd]" {
		t.Errorf("the boot order is %s", got)
	}
	config := h.generated(imported)
	h.wantEmptyPlan(imported, config)
	config = config.with(attrs{"boot_order": []any{"disk", "dvd"}}) // it has no disk, and what is left out comes last
	h.wantEmptyPlan(h.mustRead(h.mustApply(imported, config)), config)
	if vm := onlyVM(t, server); fmt.Sprint(vm.Settings["BootOrder"]) != "[SCSI 0:0 "+vm.Adapters[0].ID+"]" {
		t.Errorf("the host has the boot order %v", vm.Settings["BootOrder"])
	}
}

func TestAnImportedVirtualMachineShowsItsSettingsAndKeepsThem(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = []hyperv.VM{{
			ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "old-01", State: "Off", Generation: 2, MemoryStartupBytes: 1 << 30, ProcessorCount: 1,
			Adapters: []hyperv.Adapter{{Name: "Network Adapter", VLANMode: "Untagged", MACAddress: hyperv.NoMAC, DynamicMAC: true}},
			Settings: map[string]any{"Reserve": 10.0, "9F8233AC-BE49-4C79-8EE3-E7E1985B2077": false},
		}}
	})
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/old-01")
	shown := attrs{"processor_reserve": 10, "processor_limit": 100, "integration_shutdown": false, "integration_vss": true, "vlan_trunk": ""}
	for name, want := range shown {
		if got := h.get(imported, name); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	h.wantEmptyPlan(imported, h.generated(imported))
}

func TestFoldersOfAVirtualMachineOverrideThoseOfItsHost(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	folder := t.TempDir()
	config := linux("web-01").with(attrs{"vm_path": folder})
	created := h.mustApply(h.none(), config)
	if vm := onlyVM(t, server); !strings.HasPrefix(vm.Path, folder) {
		t.Errorf("the virtual machine is in %s", vm.Path)
	}
	h.wantEmptyPlan(h.mustRead(created), config)
	if p := h.plan(created, linux("web-01").with(attrs{"vm_path": folder + "2"})); len(p.replace) == 0 {
		t.Error("another folder does not replace the virtual machine")
	}
	h.mustWarn(h.plan(h.none(), linux("web-02").with(attrs{"image_path": folder})).diags, "image_name", folder)
}

func TestAVLANAndATrunkExcludeEachOther(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	h.mustFail(h.validate(linux("web-01").with(attrs{"vlan_id": 5, "vlan_trunk": "10-12"})), "vlan_trunk", "conflicts with vlan_id")
	h.mustFail(h.validate(linux("web-01").with(attrs{"vlan_native_id": 5})), "vlan_trunk", "required with vlan_native_id")
	h.mustFail(h.validate(linux("web-01").with(attrs{"bandwidth_weight": 5, "bandwidth_reserve_mbps": 100})), "bandwidth_weight", "conflicts with bandwidth_reserve_mbps")
	h.mustSucceed("a trunk", h.validate(linux("web-01").with(attrs{"vlan_id": 0, "vlan_trunk": "10-12", "bandwidth_weight": 0, "bandwidth_reserve_mbps": 100})))
}

func TestASettingThatRequiresAPowerCycleIsRefusedWithoutOne(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	created := h.mustApply(h.none(), linux("web-01"))
	h.mustFail(h.plan(created, linux("web-01").with(attrs{"nested_virtualization": true})).diags, "nested_virtualization", "allow_power_cycle = true")
	h.mustSucceed("a weight", h.plan(created, linux("web-01").with(attrs{"processor_weight": 200})).diags)
	h.mustWarn(h.plan(h.none(), linux("web-02").with(attrs{"processor_reserve": 60, "processor_limit": 50})).diags, "processor_reserve", "exceeds their limit of 50 %")
}
