// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
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
		"a static address":   func(vm *hyperv.VM) { vm.Adapters[0].DynamicMAC = false },
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
	eachAgentIfFull(t, func(t *testing.T, server *simhost.Server) {
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
