// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// generated returns the configuration that terraform plan -generate-config-out writes for an imported resource: the attributes that a
// configuration can have and that are not null, without secrets.
func (h *harness) generated(imported resource) attrs {
	h.t.Helper()
	config := attrs{}
	for _, a := range h.schema.ResourceSchemas["hypervvm"].Block.Attributes {
		if !a.Required && !a.Optional || a.Sensitive || a.WriteOnly || h.attributes(imported.value)[a.Name].IsNull() {
			continue
		}
		config[a.Name] = h.attributes(imported.value)[a.Name]
	}
	return config
}

// TestAVMMadeByHandIsImportedWithGeneratedConfiguration covers virtual machines that no job created: the configuration that Terraform
// generates is valid, and neither it nor a small one plans a change.
func TestAVMMadeByHandIsImportedWithGeneratedConfiguration(t *testing.T) {
	t.Parallel()
	base := hyperv.VM{
		State: "Running", Generation: 2, MemoryStartupBytes: 2 << 30, MemoryMinimumBytes: 512 << 20, MemoryMaximumBytes: 1 << 40, ProcessorCount: 1,
		CheckpointType: "Production", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save", SecureBoot: "On",
		Adapters: []hyperv.Adapter{{Name: "Network Adapter", SwitchName: "External", MACAddress: "00155D001020", DynamicMAC: true, VLANMode: "Untagged"}},
	}
	diskSizes := map[string]int64{"a disk of 112 MiB": 112 << 20, "a disk of two and a half GiB": 5 << 29}
	for name, change := range map[string]func(vm *hyperv.VM){
		"a disk of 112 MiB":            func(*hyperv.VM) {},
		"a disk of two and a half GiB": func(*hyperv.VM) {},
		"as the cmdlets make it":       func(*hyperv.VM) {},
		"generation 1":                 func(vm *hyperv.VM) { vm.Generation, vm.SecureBoot = 1, "" },
		"an odd name":                  func(vm *hyperv.VM) { vm.Name = `SQL "Server"/01: [Prüfung] 東京*?` },
		"a name of 100 characters":     func(vm *hyperv.VM) { vm.Name = fmt.Sprintf("%0100d", 7) },
		"half a GiB":                   func(vm *hyperv.VM) { vm.MemoryStartupBytes = 512 << 20 },
		"six and a half GiB":           func(vm *hyperv.VM) { vm.MemoryStartupBytes = 13 << 29 },
		"an odd number of MiB":         func(vm *hyperv.VM) { vm.MemoryStartupBytes = 4610 << 20 },
		"dynamic memory":               func(vm *hyperv.VM) { vm.DynamicMemory, vm.MemoryMinimumBytes = true, 34<<20 },
		"12 TiB and 240 processors":    func(vm *hyperv.VM) { vm.State, vm.MemoryStartupBytes, vm.ProcessorCount = "Off", 12<<40, 240 },
		"off":                          func(vm *hyperv.VM) { vm.State = "Off" },
		"saved":                        func(vm *hyperv.VM) { vm.State = "Saved" },
		"paused":                       func(vm *hyperv.VM) { vm.State = "Paused" },
		"critical":                     func(vm *hyperv.VM) { vm.State = "RunningCritical" },
		"no secure boot, and a TPM":    func(vm *hyperv.VM) { vm.SecureBoot, vm.TPM = "Off", true },
		"other actions": func(vm *hyperv.VM) {
			vm.AutomaticStartAction, vm.AutomaticStopAction, vm.CheckpointType = "Nothing", "TurnOff", "ProductionOnly"
		},
		"a static address": func(vm *hyperv.VM) { vm.Adapters[0].DynamicMAC = false },
		"settings of the hardware": func(vm *hyperv.VM) {
			vm.SecureBootTemplate = "OpenSourceShieldedVM"
			vm.Settings = map[string]any{"Reserve": 10.0, "Priority": 80.0, "SnapshotFileLocation": "/checkpoints", "9F8233AC-BE49-4C79-8EE3-E7E1985B2077": false}
			vm.Adapters[0].Settings = map[string]any{"MacAddressSpoofing": "On", "MinimumBandwidthWeight": 5.0}
		},
		"a VLAN trunk": func(vm *hyperv.VM) {
			vm.Adapters[0].VLANMode, vm.Adapters[0].Settings = "Trunk", map[string]any{"AllowedVlanIdList": "10-12,20", "NativeVlanId": 10.0}
		},
		"a VLAN":             func(vm *hyperv.VM) { vm.Adapters[0].VLANMode, vm.Adapters[0].VLANID = "Access", 12 },
		"no switch":          func(vm *hyperv.VM) { vm.Adapters[0].SwitchName = "" },
		"no network adapter": func(vm *hyperv.VM) { vm.Adapters = nil },
		"several network adapters": func(vm *hyperv.VM) {
			vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "Storage 1", SwitchName: "External"}, hyperv.Adapter{Name: "Storage 1"})
		},
		"several disks": func(vm *hyperv.VM) {
			vm.Drives = append(vm.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: 1, Path: vm.Drives[0].Path + "-2.vhdx"})
		},
		"clustered":              func(vm *hyperv.VM) { vm.Clustered = true },
		"notes of several lines": func(vm *hyperv.VM) { vm.Notes = "one\r\n  two\t\"${three}\"\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			vm := base
			vm.ID, vm.Name = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", "old-01"
			vm.Adapters = append([]hyperv.Adapter{}, base.Adapters...)
			vm.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: filepath.Join(t.TempDir(), "old.vhdx")}}
			change(&vm)
			size := int64(40) << 30
			if bytes, ok := diskSizes[name]; ok {
				size = bytes
			}
			for i, drive := range vm.Drives {
				if err := hyperv.WriteDisk(drive.Path, hyperv.Disk{Type: "Dynamic", SizeBytes: size + int64(i)<<30}); err != nil {
					t.Fatal(err)
				}
			}
			updateHost(t, server, func(s *hyperv.State) { s.VMs = []hyperv.VM{vm} })
			h := connected(t, server)
			imported := h.mustImport(server.Address() + "/" + vm.ID)
			h.mustHave(imported, attrs{"vm_name": vm.Name, "state": h.get(imported, "power_state")})
			config := h.generated(imported)
			h.mustSucceed("validate", h.validate(config))
			h.wantEmptyPlan(imported, config)
			if h.get(imported, "state") == "running" { // a default starts them
				small := attrs{"vm_name": vm.Name, "gb_ram": config["gb_ram"], "cpu_cores": config["cpu_cores"], "generation": config["generation"], "vm_clustered": config["vm_clustered"]}
				h.wantEmptyPlan(imported, small)
			}
			updateHost(t, server, func(s *hyperv.State) {
				if got, want := fmt.Sprintf("%+v", s.VMs[0].State), vm.State; got != want {
					t.Errorf("the state is %s, was %s", got, want)
				}
			})
			// Without a state, the same configuration lacks what a creation needs.
			delete(config, "power_state")
			h.mustFail(h.plan(h.none(), config).diags, "image_name", "image_name is required")
		})
	}
}

// TestAVMOfAJobIsImportedWithGeneratedConfiguration uses the image of the simulated host, whose disk is smaller than 1 GiB.
func TestAVMOfAJobIsImportedWithGeneratedConfiguration(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		created := h.mustApply(h.none(), linux("web-01"))
		h.mustHave(created, attrs{"disk_size_gb": nil})
		imported := h.mustImport(server.Address() + "/web-01")
		config := h.generated(imported)
		h.mustSucceed("validate", h.validate(config))
		h.wantEmptyPlan(imported, config)
	})
}

func TestAVMMadeByHandIsChangedWithoutWhatCreatesOne(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = []hyperv.VM{{
			ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "SQL Server/01", State: "Running", Generation: 2, MemoryStartupBytes: 13 << 29, ProcessorCount: 1,
			Adapters: []hyperv.Adapter{{Name: "Network Adapter", SwitchName: "External"}},
		}}
	})
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/SQL Server/01")
	config := attrs{"vm_name": "SQL Server/01", "gb_ram": 6.5, "cpu_cores": 1, "notes": "changed"}
	updated := h.mustApply(imported, config)
	h.mustHave(updated, attrs{"notes": "changed", "image_name": nil, "vm_name": "SQL Server/01", "gb_ram": "6.5"})
	h.wantEmptyPlan(h.mustRead(updated), config)
}

// byHand returns a virtual machine with three disks and three network adapters that no job created.
func byHand(t *testing.T, folder string) hyperv.VM {
	t.Helper()
	vm := hyperv.VM{
		ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "sql", State: "Off", Generation: 2, MemoryStartupBytes: 2 << 30, ProcessorCount: 1, SecureBoot: "On",
		CheckpointType: "Disabled", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "ShutDown",
	}
	for i, name := range []string{"sql", "Data", "log"} {
		path := filepath.Join(folder, name+".vhdx")
		if err := hyperv.WriteDisk(path, hyperv.Disk{Type: "Dynamic", SizeBytes: 2 << 30, FileBytes: 4 << 20}); err != nil {
			t.Fatal(err)
		}
		vm.Drives = append(vm.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: i, Path: path})
	}
	for i, name := range []string{"Network Adapter", "Backup", "storage"} {
		vm.Adapters = append(vm.Adapters, hyperv.Adapter{
			ID: fmt.Sprintf("c0000000-0000-4000-8000-00000000000%d", i), Name: name, SwitchName: "External", MACAddress: fmt.Sprintf("00155D00100%d", i), DynamicMAC: true, VLANMode: "Untagged",
		})
	}
	return vm
}

func TestDisksAndAdaptersOfAVMMadeByHandAreTakenOver(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 4)
	vm := byHand(t, t.TempDir())
	updateHost(t, server, func(s *hyperv.State) { s.VMs = []hyperv.VM{vm} })
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/sql")
	h.mustHave(imported, attrs{"data_disks": nil, "network_adapters": nil})
	config := h.generated(imported)
	h.mustFail(h.plan(imported, config.with(attrs{
		"data_disks": []any{attrs{"name": "more", "size_gb": 2}}, "network_adapters": []any{attrs{"name": "mgmt", "switch_name": "External"}},
	})).diags, "data_disks.0", "no disk is added to it", "existing ones: sql, Data, log")

	config = config.with(attrs{
		"data_disks":       []any{attrs{"name": "log", "size_gb": 2}, attrs{"name": "data", "size_gb": 3}},
		"network_adapters": []any{attrs{"name": "storage", "switch_name": "External", "vlan_id": 12}},
	})
	taken := h.mustApply(imported, config)
	read := h.mustRead(taken)
	h.wantEmptyPlan(read, config)
	now := onlyVM(t, server)
	if len(now.Drives) != 3 || len(now.Adapters) != 3 || now.Adapters[2].VLANID != 12 || now.Adapters[1].VLANID != 0 {
		t.Errorf("the host has %+v", now)
	}
	for i, size := range []int64{2, 3, 2} {
		if d, err := hyperv.ReadDisk(vm.Drives[i].Path); err != nil || d.SizeBytes != size<<30 {
			t.Errorf("%s has %+v, error %v", vm.Drives[i].Path, d, err)
		}
	}

	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Adapters[2].VLANID = 13 })
	h = connected(t, server)
	drifted := h.mustRead(read)
	h.mustHave(drifted, attrs{"network_adapters": []any{attrs{"name": "storage", "switch_name": "External", "vlan_id": 13, "mac_address": nil}}})
	released := config.with(attrs{"data_disks": []any{}, "network_adapters": []any{}})
	p := h.plan(drifted, released)
	h.mustWarn(p.diags, "data_disks", "Virtual machine sql keeps what is removed from data_disks", "not managed any more: log, data.")
	h.mustWarn(p.diags, "network_adapters", "storage")
	let, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.wantEmptyPlan(let, released)
	if now = onlyVM(t, server); len(now.Drives) != 3 || len(now.Adapters) != 3 {
		t.Errorf("the host has %+v", now)
	}
}

func TestThePlanOfTheDestructionOfAVMMadeByHandNamesTheFilesThatStay(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	vm := byHand(t, t.TempDir())
	updateHost(t, server, func(s *hyperv.State) { s.VMs = []hyperv.VM{vm} })
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/sql")
	h.mustWarn(h.plan(imported, nil).diags, "", "Files of virtual machine sql are kept", vm.Drives[2].Path)
	p := h.planOnce(imported, linux("sql").with(attrs{"gb_ram": 2, "cpu_cores": 1, "generation": 1, "power_state": "off"}))
	h.mustWarn(p.diags, "", "Virtual machine sql is replaced", "the files of its disks are kept: "+vm.Drives[0].Path)

	// An empty list means what the host has, so that there is nothing to warn of.
	small := attrs{"vm_name": "sql", "gb_ram": 2, "cpu_cores": 1, "power_state": "off", "network_adapters": []any{}, "data_disks": []any{}}
	if diags := h.plan(imported, small).diags; len(diags) > 0 {
		t.Error(render(diags))
	}
	created := h.mustApply(h.none(), linux("web-01"))
	if diags := h.plan(created, nil).diags; len(diags) > 0 {
		t.Errorf("the files of a job's virtual machine are deleted: %s", render(diags))
	}
}
