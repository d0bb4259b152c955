// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// This file imitates the cmdlets of Hyper-V that create, start, stop and remove virtual machines, and their guests.

// hostState returns the host, or an error of a host that is not ready.
func (v *view) hostState() (host hyperv.Host, err error) {
	err = v.cmdlet("Get-VMHost", false, func(s *hyperv.State) error { host = s.Host; return nil })
	if err != nil {
		return host, fail("host_not_ready", "", "reason", err)
	}
	return host, nil
}

func (v *view) listVMs() (vms []hyperv.VM, err error) {
	err = v.cmdlet("Get-VM", false, func(s *hyperv.State) error { vms = s.VMs; return nil })
	return vms, err
}

// findVM returns the virtual machine with an id, if there is one.
func (v *view) findVM(id string) (vm hyperv.VM, found bool, err error) {
	err = v.cmdlet("Get-VM", false, func(s *hyperv.State) error {
		if p := vmByID(s, id); p != nil {
			vm, found = *p, true
		}
		return nil
	})
	return vm, found, err
}

// newVM creates the virtual machine of the job in folder, unless its name is taken: Hyper-V itself allows a name twice.
func (j *hostJob) newVM(folder string) error {
	name := j.fields.text("vm_name")
	return j.cmdlet("New-VM", true, func(s *hyperv.State) error {
		if taken := nameTaken(s.Host, s.VMs, name, ""); len(taken) > 0 {
			return firstError(taken)
		}
		vm := hyperv.VM{
			ID: uuid.NewString(), Name: name, State: "Off", Generation: 2, MemoryStartupBytes: memoryBytes(j.fields.number("gb_ram")),
			MemoryMinimumBytes: 512 << 20, MemoryMaximumBytes: 1 << 40, ProcessorCount: 1,
			Path: filepath.Join(folder, name), CreationTime: time.Now().UTC().Truncate(time.Millisecond),
			CheckpointType: "Production", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save", SecureBoot: "On", SecureBootTemplate: "MicrosoftWindows",
			Adapters: []hyperv.Adapter{{ID: uuid.NewString(), Name: firstAdapterName, VLANMode: "Untagged", MACAddress: hyperv.NoMAC, DynamicMAC: true}},
		}
		if err := os.MkdirAll(filepath.Join(vm.Path, "Virtual Machines"), 0o755); err != nil {
			return err
		}
		for _, file := range configurationFiles(vm) {
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				return err
			}
		}
		s.VMs = append(s.VMs, vm)
		j.setVMID(vm.ID)
		j.plan.manifest = &manifest{
			Format: 1, JobID: j.id, VMID: vm.ID, Files: []string{}, Recorded: j.fields.without(j.secretFields), folder: folder,
		}
		return nil
	})
}

// configurationFiles returns the files in which Hyper-V keeps the configuration of a virtual machine.
func configurationFiles(vm hyperv.VM) []string {
	base := filepath.Join(vm.Path, "Virtual Machines", strings.ToUpper(vm.ID))
	return []string{base + ".vmcx", base + ".vmgs"}
}

// removeVM unregisters the virtual machine. Its disks and folders stay.
func (j *hostJob) removeVM() error {
	return j.change("Remove-VM", func(s *hyperv.State, vm *hyperv.VM) error {
		if vm.Clustered {
			return errors.New("the virtual machine is a role of a cluster")
		}
		if err := requireState("Remove-VM", vm, "Off", "Saved"); err != nil {
			return err
		}
		for _, file := range configurationFiles(*vm) {
			if err := removeFile(file); err != nil {
				return err
			}
		}
		s.VMs = slices.DeleteFunc(s.VMs, func(other hyperv.VM) bool { return other.ID == j.vmID })
		return nil
	})
}

// startVM starts the virtual machine, or resumes it. It fails if the host lacks memory, or a disk is missing.
func startVM(j *hostJob) error {
	return j.change("Start-VM", func(s *hyperv.State, vm *hyperv.VM) error {
		if vm.State == "Running" {
			return nil
		}
		if err := requireState("Start-VM", vm, "Off", "Saved", "Paused"); err != nil {
			return err
		}
		if vm.MemoryStartupBytes > memoryAvailable(s) {
			return fmt.Errorf("not enough memory in the system to start virtual machine '%s' (0x800705AA)", vm.Name)
		}
		var paths []string
		for _, drive := range vm.Drives {
			paths = append(paths, drive.Path)
		}
		for _, dvd := range vm.DVDs {
			paths = append(paths, dvd.Path)
		}
		for _, path := range paths {
			if path != "" && !exists(path) {
				return fmt.Errorf("virtual machine '%s' could not be started: attachment '%s' was not found", vm.Name, path)
			}
		}
		assignMACs(s, vm)
		if vm.State == "Off" {
			j.bootGuest(s, vm)
		}
		vm.State = "Running"
		updateGuest(s, vm)
		return nil
	})
}

// stopVM shuts the virtual machine down, or turns it off.
func (j *hostJob) stopVM(turnOff bool) error {
	return j.change("Stop-VM", func(s *hyperv.State, vm *hyperv.VM) error {
		if !turnOff {
			if err := requireState("Stop-VM", vm, "Off", "Running"); err != nil {
				return err
			}
		}
		vm.State = "Off"
		updateGuest(s, vm)
		return nil
	})
}

// memoryAvailable returns the memory in bytes that the host can assign.
func memoryAvailable(s *hyperv.State) int64 {
	if s.Host.MemoryAvailableBytes > 0 {
		return s.Host.MemoryAvailableBytes
	}
	available := s.Host.MemoryBytes
	for _, vm := range s.VMs {
		available -= memoryAssigned(vm)
	}
	return max(available, 0)
}

// memoryAssigned returns the memory in bytes that a virtual machine uses now.
func memoryAssigned(vm hyperv.VM) int64 {
	if vm.State != "Running" {
		return 0
	}
	return cmp.Or(vm.MemoryAssignedBytes, vm.MemoryStartupBytes)
}

// heartbeat returns the heartbeat of a guest in the notation of clients; empty while the virtual machine does not run.
func heartbeat(vm hyperv.VM) string {
	if vm.State != "Running" {
		return ""
	}
	return snakeCase(cmp.Or(vm.Heartbeat, "OkApplicationsUnknown"))
}

// updateGuest sets the addresses that the guest reports, for each adapter that is connected while the virtual machine runs: its static
// ones, or one of DHCP.
func updateGuest(s *hyperv.State, vm *hyperv.VM) {
	silent := s.Behaviour.Guest.NeverBoots || s.Behaviour.Guest.NoKVP
	if s.Behaviour.Guest.NeverBoots {
		vm.Heartbeat = "NoContact"
	}
	for i := range vm.Adapters {
		a := &vm.Adapters[i]
		a.IPAddresses = []string{}
		if vm.State != "Running" || a.SwitchName == "" || len(a.MACAddress) < 6 || silent {
			continue
		}
		if vm.Guest != nil && len(vm.Guest.Addresses[a.MACAddress]) > 0 {
			for _, address := range vm.Guest.Addresses[a.MACAddress] {
				plain, _, _ := strings.Cut(address, "/")
				a.IPAddresses = append(a.IPAddresses, plain)
			}
			a.IPAddresses = append(a.IPAddresses, "fe80::215:5dff:fe00:1")
			continue
		}
		if number, err := strconv.ParseInt(a.MACAddress[6:], 16, 64); err == nil {
			a.IPAddresses = []string{fmt.Sprintf("192.0.2.%d", 10+number%200)}
		}
	}
}
