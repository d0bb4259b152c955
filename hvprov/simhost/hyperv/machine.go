// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// GetVMHost gives the host.
func (s *Store) GetVMHost(ctx context.Context) (host Host, err error) {
	err = s.call(ctx, "Get-VMHost", false, func(state *State) error {
		host = state.Host
		return nil
	})
	return host, err
}

// NumaNode is a part of the host's memory. Its sizes are in MiB, as the cmdlet's are.
type NumaNode struct {
	NodeID          int
	MemoryAvailable int64
	MemoryTotal     int64
}

// GetVMHostNumaNode gives the host's one NUMA node.
func (s *Store) GetVMHostNumaNode(ctx context.Context) (nodes []NumaNode, err error) {
	err = s.call(ctx, "Get-VMHostNumaNode", false, func(state *State) error {
		nodes = []NumaNode{{MemoryAvailable: state.memoryAvailable() >> 20, MemoryTotal: state.Host.MemoryBytes >> 20}}
		return nil
	})
	return nodes, err
}

func (s *State) memoryAvailable() int64 {
	if s.Host.MemoryAvailableBytes > 0 {
		return s.Host.MemoryAvailableBytes
	}
	available := s.Host.MemoryBytes
	for i := range s.VMs {
		available -= s.VMs[i].MemoryAssigned()
	}
	return max(available, 0)
}

// MemoryAssigned tells how much of the host's memory a virtual machine has now, in bytes.
func (vm *VM) MemoryAssigned() int64 {
	if vm.State != "Running" {
		return 0
	}
	return cmp.Or(vm.MemoryAssignedBytes, vm.MemoryStartupBytes)
}

// HeartbeatStatus tells what the guest says of itself: nothing while it does not run.
func (vm *VM) HeartbeatStatus() string {
	if vm.State != "Running" {
		return ""
	}
	return cmp.Or(vm.Heartbeat, "OkApplicationsUnknown")
}

// GetVMSwitch gives all virtual switches.
func (s *Store) GetVMSwitch(ctx context.Context) (switches []Switch, err error) {
	err = s.call(ctx, "Get-VMSwitch", false, func(state *State) error {
		switches = state.Switches
		return nil
	})
	return switches, err
}

// GetVM gives the virtual machine with that GUID. It is a look at its guest, as [Guest] counts them.
func (s *Store) GetVM(ctx context.Context, id string) (vm VM, err error) {
	var guest Guest
	if err = s.call(ctx, "Get-VM", false, func(state *State) error {
		found, err := state.find("Get-VM", id)
		if err == nil {
			vm, guest = *found, state.Behaviour.Guest
		}
		return err
	}); err != nil || guest == (Guest{}) || vm.State != "Running" {
		return vm, err
	}
	err = s.Update(func(state *State) error {
		found, err := state.find("Get-VM", id)
		if err == nil {
			found.Looks++
			found.wake(guest)
			vm = *found
		}
		return err
	})
	return vm, err
}

// ListVMs gives all virtual machines, as Get-VM does without parameters.
func (s *Store) ListVMs(ctx context.Context) (vms []VM, err error) {
	err = s.call(ctx, "Get-VM", false, func(state *State) error {
		vms = state.VMs
		return nil
	})
	return vms, err
}

// NewVM makes a virtual machine of generation 2 without a disk, in a folder of its name below path.
func (s *Store) NewVM(ctx context.Context, name string, memoryBytes int64, path string) (vm VM, err error) {
	return s.NewVMOfGeneration(ctx, 2, name, memoryBytes, path)
}

// NewVMOfGeneration makes a virtual machine of generation 1 or 2, as [Store.NewVM] does.
func (s *Store) NewVMOfGeneration(ctx context.Context, generation int, name string, memoryBytes int64, path string) (vm VM, err error) {
	err = s.call(ctx, "New-VM", true, func(state *State) error {
		if path == "" {
			path = state.Host.VirtualMachinePath
		}
		vm = VM{
			ID: newID(), Name: name, State: "Off", Generation: generation, MemoryStartupBytes: memoryBytes, ProcessorCount: 1,
			MemoryMinimumBytes: 512 << 20, MemoryMaximumBytes: 1 << 40,
			Path: filepath.Join(path, name), CreationTime: time.Now().UTC().Truncate(time.Millisecond),
			CheckpointType: "Production", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save",
			SecureBoot: "Off",
			Adapters: []Adapter{{
				ID: newID(), Name: "Network Adapter", MACAddress: macAddress(state.NextMAC), DynamicMAC: true, VLANMode: "Untagged",
			}},
		}
		if generation == 2 {
			vm.SecureBoot, vm.SecureBootTemplate = "On", "MicrosoftWindows"
		} else {
			vm.DVDs = []DVD{{ControllerType: "IDE", ControllerNumber: 1}}
		}
		if err := os.MkdirAll(filepath.Join(vm.Path, "Virtual Machines"), 0o755); err != nil {
			return err
		}
		for _, file := range vm.configuration() {
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				return err
			}
		}
		state.NextMAC++
		state.VMs = append(state.VMs, vm)
		return nil
	})
	return vm, err
}

// configuration names the files that Hyper-V itself keeps for a virtual machine.
func (vm *VM) configuration() []string {
	base := filepath.Join(vm.Path, "Virtual Machines", strings.ToUpper(vm.ID))
	return []string{base + ".vmcx", base + ".vmgs"}
}

// VMSettings are the settings of [Store.SetVM]. Nil and empty ones stay as they are. The action at the host's stop can only be
// changed while the machine is off.
type VMSettings struct {
	Notes                *string
	CheckpointType       string
	AutomaticStartAction string
	AutomaticStopAction  string
}

// SetVM changes settings of a virtual machine.
func (s *Store) SetVM(ctx context.Context, id string, settings VMSettings) error {
	return s.change(ctx, "Set-VM", id, func(_ *State, vm *VM) error {
		if settings.AutomaticStopAction != "" {
			if err := vm.mustBeOff("Set-VM", "automatic stop action"); err != nil {
				return err
			}
		}
		if settings.Notes != nil {
			vm.Notes = *settings.Notes
		}
		for _, p := range []struct{ to, from *string }{
			{&vm.CheckpointType, &settings.CheckpointType},
			{&vm.AutomaticStartAction, &settings.AutomaticStartAction},
			{&vm.AutomaticStopAction, &settings.AutomaticStopAction},
		} {
			if *p.from != "" {
				*p.to = *p.from
			}
		}
		return nil
	})
}

// RenameVM gives a virtual machine another name. Its files keep theirs.
func (s *Store) RenameVM(ctx context.Context, id, name string) error {
	return s.change(ctx, "Rename-VM", id, func(_ *State, vm *VM) error {
		vm.Name = name
		return nil
	})
}

// RemoveVM takes a virtual machine from the host. Its disks stay, and so do its folders.
func (s *Store) RemoveVM(ctx context.Context, id string) error {
	return s.change(ctx, "Remove-VM", id, func(state *State, vm *VM) error {
		if vm.Clustered {
			return failf("Remove-VM", "Virtual machine '%s' cannot be removed: it is a role of a cluster.", vm.Name)
		}
		if vm.State != "Off" && vm.State != "Saved" {
			return failf("Remove-VM", "Virtual machine '%s' cannot be removed: it is %s.", vm.Name, vm.State)
		}
		if len(vm.Checkpoints) > 0 {
			if err := vm.merge(); err != nil {
				return err
			}
		}
		for _, file := range vm.configuration() {
			if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		state.VMs = slices.DeleteFunc(state.VMs, func(v VM) bool { return v.ID == id })
		return nil
	})
}
