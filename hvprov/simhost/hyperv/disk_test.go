// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

func TestADisksLife(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	store := open(t, filepath.Join(dir, "state.json"))
	in := func(name string) string { return filepath.Join(dir, name) }
	fails := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	works := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	works("dynamic", store.NewVHD(ctx, in("a.vhdx"), hyperv.Disk{Type: hyperv.DiskDynamic, SizeBytes: 1 << 30}))
	works("fixed", store.NewVHD(ctx, in("b.vhdx"), hyperv.Disk{Type: hyperv.DiskFixed, SizeBytes: 1 << 20}))
	works("differencing", store.NewVHD(ctx, in("c.vhdx"), hyperv.Disk{Type: hyperv.DiskDifferencing, Parent: in("a.vhdx")}))
	fails("over a file", "(0x80070050)", store.NewVHD(ctx, in("a.vhdx"), hyperv.Disk{Type: hyperv.DiskDynamic, SizeBytes: 1 << 30}))
	fails("without a folder", "(0x80070003)", store.NewVHD(ctx, in("none/a.vhdx"), hyperv.Disk{Type: hyperv.DiskDynamic, SizeBytes: 1 << 30}))
	fails("without a parent", "(0x80070002)", store.NewVHD(ctx, in("d.vhdx"), hyperv.Disk{Type: hyperv.DiskDifferencing, Parent: in("none.vhdx")}))

	works("grow", store.ResizeVHD(ctx, in("b.vhdx"), 2<<20))
	works("grow one that differs", store.ResizeVHD(ctx, in("c.vhdx"), 2<<30))
	fails("shrink", "(0xC03A0030)", store.ResizeVHD(ctx, in("b.vhdx"), 1<<20))
	fails("grow what is not there", "(0x80070002)", store.ResizeVHD(ctx, in("none.vhdx"), 1<<20))
	disks, err := store.GetVHD(ctx, []string{in("a.vhdx"), in("b.vhdx"), in("c.vhdx"), in("none.vhdx"), dir})
	works("get", err)
	want := map[string]hyperv.Disk{
		in("a.vhdx"): {Type: hyperv.DiskDynamic, SizeBytes: 1 << 30, FileBytes: hyperv.DiskOverhead},
		in("b.vhdx"): {Type: hyperv.DiskFixed, SizeBytes: 2 << 20, FileBytes: hyperv.DiskOverhead + 2<<20},
		in("c.vhdx"): {Type: hyperv.DiskDifferencing, SizeBytes: 2 << 30, Parent: in("a.vhdx"), FileBytes: hyperv.DiskOverhead},
	}
	for path, d := range want {
		if disks[path] != d {
			t.Errorf("%s is %+v, want %+v", path, disks[path], d)
		}
	}
	if len(disks) != len(want) {
		t.Errorf("%d disks", len(disks))
	}

	text, err := os.ReadFile(in("a.vhdx"))
	works("read", err)
	works("write", os.WriteFile(in("copy.vhdx"), text, 0o600))
	if d, err := hyperv.ReadDisk(in("copy.vhdx")); err != nil || d != want[in("a.vhdx")] {
		t.Errorf("a copy is %+v, %v", d, err)
	}

	vm, err := store.NewVM(ctx, "web", 1<<30, "")
	works("machine", err)
	_, err = store.AddVMHardDiskDrive(ctx, vm.ID, in("c.vhdx"))
	works("attach", err)
	_, err = store.AddVMHardDiskDrive(ctx, vm.ID, in("c.vhdx"))
	fails("attach again", "already", err)
	works("start", store.StartVM(ctx, vm.ID))
	works("grow while it runs", store.ResizeVHD(ctx, in("c.vhdx"), 3<<30))
	fails("grow what is below", "(0x80070020)", store.ResizeVHD(ctx, in("a.vhdx"), 3<<30))
	works("move to IDE", store.Update(func(s *hyperv.State) error { s.VMs[0].Drives[0].ControllerType = "IDE"; return nil }))
	fails("grow on IDE while it runs", "(0x80070020)", store.ResizeVHD(ctx, in("c.vhdx"), 4<<30))
	fails("detach from IDE while it runs", "IDE controller", store.RemoveVMHardDiskDrive(ctx, vm.ID, in("c.vhdx")))
	fails("detach what is not attached", "no drive", store.RemoveVMHardDiskDrive(ctx, vm.ID, in("a.vhdx")))
	works("stop", store.StopVM(ctx, vm.ID, true))
	works("detach", store.RemoveVMHardDiskDrive(ctx, vm.ID, in("c.vhdx")))
	if _, err := os.Stat(in("c.vhdx")); err != nil {
		t.Errorf("the file went with the drive: %v", err)
	}
}

func TestAVolumeFillsUp(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	store := open(t, filepath.Join(dir, "state.json"))
	volume := filepath.Join(dir, "volume")
	if err := os.Mkdir(volume, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := store.Update(func(s *hyperv.State) error {
		s.Host.SharedVolumes = []hyperv.SharedVolume{{Path: volume, SizeBytes: 3 * hyperv.DiskOverhead}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	fixed := hyperv.Disk{Type: hyperv.DiskFixed, SizeBytes: hyperv.DiskOverhead}
	path := filepath.Join(volume, "a.vhdx")
	if err := store.NewVHD(ctx, path, fixed); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"another":             store.NewVHD(ctx, filepath.Join(volume, "b.vhdx"), fixed),
		"grow more than fits": store.ResizeVHD(ctx, path, 2*hyperv.DiskOverhead+1),
	} {
		if err == nil || !strings.Contains(err.Error(), "There is not enough space on the disk. (0x80070070)") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := store.ResizeVHD(ctx, path, 2*hyperv.DiskOverhead); err != nil {
		t.Errorf("grow as much as fits: %v", err)
	}
	if err := store.NewVHD(ctx, filepath.Join(dir, "b.vhdx"), fixed); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
}
