// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestADiskIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk.vhdx")
	for _, d := range []hyperv.Disk{
		{Type: "Fixed", SizeBytes: 1 << 20, FileBytes: 5 << 20},
		{Type: "Differencing", SizeBytes: 2 << 30, Parent: "parent.vhdx", FileBytes: 6 << 20},
	} {
		if err := hyperv.WriteDisk(path, d); err != nil {
			t.Fatal(err)
		}
		if got, err := hyperv.ReadDisk(path); err != nil || got != d {
			t.Errorf("got %+v, %v; want %+v", got, err, d)
		}
	}
}

func TestAFileWithoutADescriptionIsADynamicDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "image.vhdx")
	if err := hyperv.WriteImage(path, 3<<20); err != nil {
		t.Fatal(err)
	}
	if d, err := hyperv.ReadDisk(path); err != nil || d != (hyperv.Disk{Type: "Dynamic", SizeBytes: 3 << 20, FileBytes: 3 << 20}) {
		t.Errorf("got %+v, %v", d, err)
	}
	if err := os.WriteFile(path, []byte("vhdxfile{broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := hyperv.ReadDisk(path); err == nil {
		t.Errorf("got %+v", d)
	}
	if _, err := hyperv.ReadDisk(filepath.Dir(path)); err == nil {
		t.Error("a folder was read as a disk")
	}
}
