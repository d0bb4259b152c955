// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// The types of virtual hard disks, in Hyper-V's words.
const (
	DiskDynamic      = "Dynamic"
	DiskFixed        = "Fixed"
	DiskDifferencing = "Differencing"
)

// DiskOverhead is how many bytes the file of an empty virtual hard disk takes, beside what a fixed one holds.
const DiskOverhead = 4 << 20

// diskSignature begins a VHDX file, as MS-VHDX 2.2.1 has it for the file type identifier.
const diskSignature = "vhdxfile"

// diskHeader is how many bytes of a file may say what disk it is.
const diskHeader = 4096

// Disk is what a virtual hard disk's file says of it, in one line of JSON behind the signature. A file without is a dynamic
// disk of the file's size, so that a copy of a file is the same disk.
type Disk struct {
	Type      string `json:"type"`
	SizeBytes int64  `json:"size"`   // as the guest sees it
	Parent    string `json:"parent"` // path, of a differencing disk
	FileBytes int64  `json:"-"`
}

// ReadDisk gives the virtual hard disk in a file.
func ReadDisk(path string) (Disk, error) {
	file, err := os.Open(path)
	if err != nil {
		return Disk{}, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return Disk{}, err
	}
	if info.IsDir() {
		return Disk{}, fmt.Errorf("%s is a folder", path)
	}
	head := make([]byte, diskHeader)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Disk{}, err
	}
	d := Disk{Type: DiskDynamic, SizeBytes: info.Size()}
	if line, _, ok := bytes.Cut(bytes.TrimPrefix(head[:n], []byte(diskSignature)), []byte("\n")); ok && bytes.HasPrefix(line, []byte("{")) {
		if err := json.Unmarshal(line, &d); err != nil {
			return Disk{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	d.FileBytes = info.Size()
	return d, nil
}

// WriteDisk writes the file of a virtual hard disk, or what an existing one says of itself.
func WriteDisk(path string, d Disk) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s%s\n", diskSignature, text)
	if err == nil && d.FileBytes > 0 {
		err = file.Truncate(d.FileBytes)
	}
	return errors.Join(err, file.Close())
}

// GetVHD gives the virtual hard disks at paths, without those that cannot be read.
func (s *Store) GetVHD(ctx context.Context, paths []string) (disks map[string]Disk, err error) {
	err = s.call(ctx, "Get-VHD", false, func(*State) error {
		disks = map[string]Disk{}
		for _, path := range paths {
			if d, err := ReadDisk(path); err == nil {
				disks[path] = d
			}
		}
		return nil
	})
	return disks, err
}

// NewVHD makes a virtual hard disk where there is no file yet. A differencing one has the size of its parent.
func (s *Store) NewVHD(ctx context.Context, path string, d Disk) error {
	return s.call(ctx, "New-VHD", true, func(state *State) error {
		refuse := func(why string) error {
			return failf("New-VHD", "Failed to create the virtual hard disk.\n\nThe system failed to create '%s': %s", path, why)
		}
		if _, err := os.Lstat(path); err == nil {
			return refuse("The file exists. (0x80070050).")
		}
		d.FileBytes = DiskOverhead
		switch d.Type {
		case DiskFixed:
			d.FileBytes += d.SizeBytes
		case DiskDifferencing:
			parent, err := ReadDisk(d.Parent)
			if err != nil {
				return refuse("The system cannot find the file specified. (0x80070002).")
			}
			d.SizeBytes = parent.SizeBytes
		}
		if state.lacks(path, d.FileBytes) {
			return refuse(noSpace)
		}
		if err := WriteDisk(path, d); errors.Is(err, fs.ErrNotExist) {
			return refuse("The system cannot find the path specified. (0x80070003).")
		} else if err != nil {
			return refuse(err.Error())
		}
		return nil
	})
}

// ResizeVHD gives a virtual hard disk another size in bytes. It grows while it is in use on a SCSI controller, but not on
// an IDE controller, nor below another disk.
func (s *Store) ResizeVHD(ctx context.Context, path string, size int64) error {
	return s.call(ctx, "Resize-VHD", true, func(state *State) error {
		refuse := func(why string) error {
			return failf("Resize-VHD", "Failed to resize the virtual disk.\n\nThe system failed to resize '%s': %s", path, why)
		}
		d, err := ReadDisk(path)
		switch {
		case err != nil:
			return refuse("The system cannot find the file specified. (0x80070002).")
		case size < d.SizeBytes:
			return refuse("The size is smaller than the minimum size of the disk. (0xC03A0030).")
		case state.busy(path):
			return refuse("The process cannot access the file because it is being used by another process. (0x80070020).")
		}
		if d.Type == DiskFixed {
			if state.lacks(path, size-d.SizeBytes) {
				return refuse(noSpace)
			}
			d.FileBytes += size - d.SizeBytes
		}
		d.SizeBytes = size
		return WriteDisk(path, d)
	})
}

// busy tells whether a disk is in use in a way in which it cannot be resized.
func (s *State) busy(path string) bool {
	for i := range s.VMs {
		vm := &s.VMs[i]
		for _, drive := range vm.Drives {
			if strings.EqualFold(drive.Path, path) && vm.State != "Off" && drive.ControllerType == "IDE" {
				return true
			}
			if d, err := ReadDisk(drive.Path); err == nil && d.Parent != "" && strings.EqualFold(d.Parent, path) {
				return true
			}
		}
	}
	return false
}
