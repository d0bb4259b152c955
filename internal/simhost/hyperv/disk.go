// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// diskSignature is the file type identifier at the start of a VHDX file (MS-VHDX 2.2.1).
const diskSignature = "vhdxfile"

// diskHeader is the number of bytes at the start of a file that may describe the disk.
const diskHeader = 4096

// Disk is a virtual hard disk, as described by one line of JSON behind the signature of its file. A file without that line is a dynamic
// disk of the file's size, so that a copy of an image is the same disk.
type Disk struct {
	Type      string `json:"type"`   // Dynamic, Fixed or Differencing
	SizeBytes int64  `json:"size"`   // as seen by the guest
	Parent    string `json:"parent"` // path of the parent of a differencing disk
	FileBytes int64  `json:"-"`      // size of the file
	System    string `json:"-"`      // windows, if that is the operating system on it
	Open      bool   `json:"-"`      // the log of the file has changes, as while a virtual machine has it open; only with metadata
}

// ReadDisk returns the virtual hard disk in a file.
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
	d := Disk{Type: "Dynamic", SizeBytes: info.Size()}
	if n > systemOffset && bytes.HasPrefix(head[systemOffset:n], []byte(windowsMark)) {
		d.System = "windows"
	}
	if line, _, ok := bytes.Cut(bytes.TrimPrefix(head[:n], []byte(diskSignature)), []byte("\n")); ok && bytes.HasPrefix(line, []byte("{")) {
		if err := json.Unmarshal(line, &d); err != nil {
			return Disk{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	d.FileBytes = info.Size()
	return d, nil
}

// WriteDisk creates the file of a virtual hard disk, or replaces the description in an existing one. A file of at least 3 MiB also has the
// metadata of a VHDX file that name its parent.
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
	if err == nil && d.FileBytes >= metadataOffset+1<<20 {
		err = writeMetadata(file, path, d)
	}
	return errors.Join(err, file.Close())
}

// systemOffset is where an image names its operating system: behind a description of the disk, and before the metadata of a VHDX file.
const systemOffset = 3072

// windowsMark is the text of an image with Windows at systemOffset.
const windowsMark = "system:windows\n"

// WriteImage writes an empty dynamic disk of size bytes, without a description. It has Windows if the file's name says so, otherwise
// Linux.
func WriteImage(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.WriteString(diskSignature)
	if err == nil && strings.Contains(strings.ToLower(filepath.Base(path)), "windows") {
		_, err = file.WriteAt([]byte(windowsMark), systemOffset)
	}
	if err == nil {
		err = file.Truncate(size)
	}
	return errors.Join(err, file.Close())
}
