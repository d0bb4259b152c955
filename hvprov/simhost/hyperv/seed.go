// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"os"
	"path/filepath"
)

// imageSize is the size in bytes of the images that a new host has: enough to be copied in more than one piece.
const imageSize = 2 << 20

// SeedImages are the images of a new host.
var SeedImages = []string{"ubuntu-24.04", "windows-server-2022"}

// seed makes a new host whose files are in folder.
func seed(folder string) (*State, error) {
	disks, machines := filepath.Join(folder, "disks"), filepath.Join(folder, "machines")
	images := filepath.Join(disks, "Images")
	for _, dir := range []string{images, machines} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	for _, name := range SeedImages {
		if err := WriteImage(filepath.Join(images, name+".vhdx"), imageSize); err != nil {
			return nil, err
		}
	}
	return &State{
		Format: Format,
		Host: Host{
			Name: "SIMHOST", OSVersion: "10.0.20348", HyperVVersion: "2.0.0.0",
			LogicalProcessors: 16, MemoryBytes: 64 << 30,
			VirtualHardDiskPath: disks, VirtualMachinePath: machines,
		},
		Switches: []Switch{{ID: newID(), Name: "External", Type: "External"}},
		NextMAC:  1,
	}, nil
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
