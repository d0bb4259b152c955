// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// newHost makes the simulated host's state before the provider first asks for it. With a pace, the host takes about the
// time for each step that lets an eye follow.
func newHost(path string, pace bool) (*hyperv.Store, error) {
	store, err := hyperv.Open(path)
	if err != nil || !pace {
		return store, err
	}
	return store, store.Update(func(s *hyperv.State) error {
		s.Behaviour.CopyBytesPerSecond = 1 << 20 // the images have 2 MiB
		s.Behaviour.Calls = map[string]hyperv.Call{
			"New-VM":                   {DelayMS: 400},
			"Set-VMFirmware":           {DelayMS: 200},
			"Connect-VMNetworkAdapter": {DelayMS: 300},
			"Start-VM":                 {DelayMS: 600},
			"Stop-VM":                  {DelayMS: 300},
			"Remove-VM":                {DelayMS: 300},
		}
		return nil
	})
}

// leftovers is an error if the host holds a machine, or a file beside its images. It looks at the host's own state and
// folders, whatever the provider says.
func leftovers(store *hyperv.Store) error {
	state, err := store.Read()
	if err != nil {
		return err
	}
	var left []string
	for _, vm := range state.VMs {
		left = append(left, describe(vm))
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
		return fmt.Errorf("look at the simulated host's disks: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("the host still holds:\n  %s", strings.Join(left, "\n  "))
	}
	return nil
}

// describe says in a line what a machine is.
func describe(vm hyperv.VM) string {
	text := fmt.Sprintf("%s (%s): %s, %d processors, %g GiB", vm.Name, vm.ID, strings.ToLower(vm.State), vm.ProcessorCount,
		float64(vm.MemoryStartupBytes)/(1<<30))
	for _, a := range vm.Adapters {
		text += strings.TrimRight(fmt.Sprintf(", %s %s", a.SwitchName, strings.Join(a.IPAddresses, " ")), " ")
	}
	return text
}
