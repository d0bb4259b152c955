// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

// imageSize is the size in bytes of the images of a new host: more than one block of a copy.
const imageSize = 2 << 20

// vmMemory is the memory in bytes of each seeded virtual machine. The host has that much more.
const vmMemory = 2 << 30

// SeedImages are the images of a new host.
var SeedImages = []string{"ubuntu-24.04", "windows-server-2022"}

// Seed describes a new host. The zero value is a host without virtual machines.
type Seed struct {
	Name       string // empty: SIMHOST
	Number     int    // number of the host; hosts with different numbers have different MAC addresses
	ImageBytes int64  // size of each image; 0: 2 MiB
	VMs        int    // number of virtual machines, three in four of which run; their disks have no files
}

// Create creates the store of a new host at path, where there must be no file.
func Create(path string, seed Seed) (*Store, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("state file %s: %w", path, cmp.Or(err, fs.ErrExist))
	}
	return open(path, seed)
}

// create returns the state of the host and creates its files in folder.
func (seed Seed) create(folder string) (*State, error) {
	disks, machines := filepath.Join(folder, "disks"), filepath.Join(folder, "machines")
	images := filepath.Join(disks, "Images")
	for _, dir := range []string{images, machines} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	for _, name := range SeedImages {
		if err := WriteImage(filepath.Join(images, name+".vhdx"), cmp.Or(seed.ImageBytes, imageSize)); err != nil {
			return nil, err
		}
	}
	state := &State{
		Format: format,
		Host: Host{
			Name: cmp.Or(seed.Name, "SIMHOST"), OSVersion: "10.0.20348", HyperVVersion: "2.0.0.0",
			NetAdapters: []NetAdapter{
				{Name: "Ethernet", Addresses: []string{"192.0.2.2"}, Gateway: true},
				{Name: "Ethernet 2", Addresses: []string{"198.51.100.2"}},
				{Name: "Ethernet 3"},
			},
			ConnectionAddress: "192.0.2.2",
			LogicalProcessors: 16, MemoryBytes: 64<<30 + int64(seed.VMs)*vmMemory,
			VirtualHardDiskPath: disks, VirtualMachinePath: machines,
			MACAddressMinimum: fmt.Sprintf("00155D%06X", seed.Number<<12), MACAddressMaximum: fmt.Sprintf("00155D%06X", seed.Number<<12+0xFFF),
		},
		Switches: []Switch{{ID: uuid.NewString(), Name: "External", Type: "External", NetAdapters: []string{"Ethernet"}, ManagementOS: true}},
		NextMAC:  seed.Number<<12 + 1,
	}
	for i := range seed.VMs {
		state.VMs = append(state.VMs, state.seedVM(i))
		state.NextMAC++
	}
	return state, nil
}

func (s *State) seedVM(i int) VM {
	name := fmt.Sprintf("%s-vm-%03d", s.Host.Name, i)
	vm := VM{
		ID: uuid.NewString(), Name: name, State: "Running", Generation: 2, MemoryStartupBytes: vmMemory, ProcessorCount: 2,
		MemoryMinimumBytes: 512 << 20, MemoryMaximumBytes: 1 << 40,
		Path: filepath.Join(s.Host.VirtualMachinePath, name), CreationTime: time.Now().UTC().Truncate(time.Millisecond),
		CheckpointType: "Production", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save",
		SecureBoot: "On", SecureBootTemplate: "MicrosoftWindows",
		Adapters: []Adapter{{
			ID: uuid.NewString(), Name: "Network Adapter", SwitchName: s.Switches[0].Name, MACAddress: fmt.Sprintf("00155D%06X", s.NextMAC),
			DynamicMAC: true, VLANMode: "Untagged", IPAddresses: []string{fmt.Sprintf("192.0.2.%d", 10+s.NextMAC%200)},
		}},
		Drives: []Drive{{ControllerType: "SCSI", Path: filepath.Join(s.Host.VirtualHardDiskPath, name, name+".vhdx")}},
	}
	if i%4 == 3 {
		vm.State, vm.Adapters[0].IPAddresses = "Off", nil
	}
	return vm
}
