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
)

// imageSize is the size in bytes of the images that a new host has: enough to be copied in more than one piece.
const imageSize = 2 << 20

// SeedImages are the images of a new host.
var SeedImages = []string{"ubuntu-24.04", "windows-server-2022"}

// Seed says what a new host is like. The zero value is a host without virtual machines, as [Open] makes it.
type Seed struct {
	Name       string // empty: SIMHOST
	Number     int    // which of several hosts it is: no two numbers have the same addresses
	ImageBytes int64  // size of each image; 0: 2 MiB
	VMs        int    // virtual machines, of which three in four run, that were there before anybody came. Their disks have no files.
}

// vmMemory is how much memory, in bytes, each virtual machine of a seed has. The host has that in addition to its own.
const vmMemory = 2 << 30

// Create makes the store of a new host at path, where there must be none.
func Create(path string, seed Seed) (*Store, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("state file %s: %w", path, cmp.Or(err, fs.ErrExist))
	}
	return open(path, seed)
}

// make makes the host, with its files in folder.
func (seed Seed) make(folder string) (*State, error) {
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
		Format: Format,
		Host: Host{
			Name: cmp.Or(seed.Name, "SIMHOST"), OSVersion: "10.0.20348", HyperVVersion: "2.0.0.0",
			LogicalProcessors: 16, MemoryBytes: 64<<30 + int64(seed.VMs)*vmMemory,
			VirtualHardDiskPath: disks, VirtualMachinePath: machines,
		},
		Switches: []Switch{{ID: newID(), Name: "External", Type: "External"}},
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
		ID: newID(), Name: name, State: "Running", Generation: 2, MemoryStartupBytes: vmMemory, ProcessorCount: 2,
		MemoryMinimumBytes: 512 << 20, MemoryMaximumBytes: 1 << 40,
		Path: filepath.Join(s.Host.VirtualMachinePath, name), CreationTime: time.Now().UTC().Truncate(time.Millisecond),
		CheckpointType: "Production", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save",
		SecureBoot: "On", SecureBootTemplate: "MicrosoftWindows",
		Adapters: []Adapter{{
			ID: newID(), Name: "Network Adapter", SwitchName: s.Switches[0].Name, MACAddress: macAddress(s.NextMAC), DynamicMAC: true, VLANMode: "Untagged",
		}},
		Drives: []Drive{{ControllerType: "SCSI", Path: filepath.Join(s.Host.VirtualHardDiskPath, name, name+".vhdx")}},
	}
	if i%4 == 3 {
		vm.State = "Off"
	}
	vm.wake(s.Behaviour.Guest)
	return vm
}

// WriteImage writes a file of size bytes that begins as a VHDX does and holds nothing.
func WriteImage(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString("vhdxfile") // MS-VHDX 2.2.1, the file type identifier's signature
	if err == nil {
		err = file.Truncate(size)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}
