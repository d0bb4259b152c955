// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// startHost starts the simulated host, slowed down if the options say so.
func (d *demo) startHost() (*simhost.Server, error) {
	host, err := simhost.Start(simhost.Options{StateFile: filepath.Join(d.dir, "host.json"), PowerShell: d.pwsh})
	if err != nil {
		return host, err
	}
	return host, host.Store().Update(func(s *hyperv.State) error {
		s.Behaviour.Guest.ReportEvery = 1 // each look at a guest sees its next stage
		if !d.pace {
			return nil
		}
		s.Behaviour.CopyBytesPerSecond = 1 << 20 // an image has 2 MiB
		s.Behaviour.Calls = map[string]hyperv.Call{
			"New-VM": {DelayMS: 400}, "Set-VMFirmware": {DelayMS: 200}, "Connect-VMNetworkAdapter": {DelayMS: 300},
			"Start-VM": {DelayMS: 600}, "Msvm_KvpExchangeComponent": {DelayMS: 400}, "Stop-VM": {DelayMS: 300}, "Remove-VM": {DelayMS: 300},
		}
		return nil
	})
}

// summarizeVMs adds the virtual machines on the host to the summary.
func (d *demo) summarizeVMs() error {
	state, err := d.host.Store().Read()
	if err == nil && len(state.VMs) == 0 {
		err = errors.New("the host has no virtual machine")
	}
	if err != nil {
		return err
	}
	for _, vm := range state.VMs {
		line := fmt.Sprintf("created    %s (%s): %s, %d processors, %g GiB", vm.Name, vm.ID, strings.ToLower(vm.State), vm.ProcessorCount,
			float64(vm.MemoryStartupBytes)/(1<<30))
		for _, a := range vm.Adapters {
			line += ", " + a.SwitchName
		}
		d.summary = append(d.summary, line)
		if vm.Guest != nil {
			d.summary = append(d.summary, guestSummary(vm))
		}
	}
	return nil
}

// guestSummary returns a line about what the guest of a virtual machine has reported.
func guestSummary(vm hyperv.VM) string {
	var addresses []string
	for _, a := range vm.Adapters {
		for _, address := range a.IPAddresses {
			if !strings.HasPrefix(address, "fe80:") {
				addresses = append(addresses, address)
			}
		}
	}
	name := strings.TrimRight(vm.Guest.HostName+"."+vm.Guest.Domain, ".")
	return fmt.Sprintf("guest      %s (%s) reports %s; set-up: %s", name, vm.Guest.System, strings.Join(addresses, " "), vm.Guest.KVP["hypervvm.setup"])
}

// leftovers returns an error if the host has a virtual machine, or a file besides its images. It reads the state and the
// folders of the host, independently of the provider.
func (d *demo) leftovers() error { return leftovers(d.host.Store()) }

func leftovers(store *hyperv.Store) error {
	state, err := store.Read()
	if err != nil {
		return err
	}
	var left []string
	for _, vm := range state.VMs {
		left = append(left, "virtual machine "+vm.Name)
	}
	disks := state.Host.VirtualHardDiskPath
	images := filepath.Join(disks, "Images")
	err = filepath.WalkDir(disks, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == images:
			return filepath.SkipDir
		case !entry.IsDir():
			left = append(left, path)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read the disks of the simulated host: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("the host is not empty:\n  %s", strings.Join(left, "\n  "))
	}
	return nil
}
