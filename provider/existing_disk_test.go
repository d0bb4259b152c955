// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func existing(name string, path any) attrs { return attrs{"name": name, "path": path} }

func withDisks(disks ...any) attrs { return linux("web-01").with(attrs{"data_disks": disks}) }

// drives returns the names of the files that are attached to a virtual machine, without that of the image.
func drives(t *testing.T, server *simhost.Server, vm string) (names []string) {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range state.VMs {
		if v.Name != vm {
			continue
		}
		for _, d := range v.Drives[1:] {
			names = append(names, filepath.Base(d.Path))
		}
	}
	return names
}

func wantDrives(t *testing.T, server *simhost.Server, want ...string) {
	t.Helper()
	if got := drives(t, server, "web-01"); !equal(got, want) {
		t.Errorf("attached are %q, want %q", got, want)
	}
}

// newDisk writes a virtual hard disk that no job created, and returns its path.
func newDisk(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".vhdx")
	if err := hyperv.WriteDisk(path, hyperv.Disk{Type: "Fixed", SizeBytes: 5 << 30, FileBytes: 1 << 10}); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantFile(t *testing.T, path string) {
	t.Helper()
	if d, err := hyperv.ReadDisk(path); err != nil || d.SizeBytes != 5<<30 {
		t.Errorf("the disk is %+v, %v", d, err)
	}
}

func TestAVirtualHardDiskOutlivesItsVirtualMachines(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		file := filepath.Join(t.TempDir(), "data.vhdx")
		vhd, diags := h.applyResource(diskType, h.noDisk(), attrs{"path": file, "size_gb": 5})
		h.mustSucceed("create the disk", diags)
		config := withDisks(existing("data", file))
		p := h.plan(h.none(), config)
		h.mustSucceed("plan", p.diags)
		if got := render(p.diags); got != "" {
			t.Errorf("the plan says %s", got)
		}
		created, diags := h.apply(h.ctx, p)
		h.mustSucceed("create", diags)
		created = h.mustRead(created)
		h.wantEmptyPlan(created, config)
		wantDrives(t, server, "data.vhdx")
		imported := h.mustImport(server.Address() + "/web-01")
		if got, want := h.get(imported, "data_disks"), h.get(created, "data_disks"); !equal(got, want) {
			t.Errorf("imported as %v, want %v", got, want)
		}
		_, diags = h.applyResource(diskType, vhd, nil)
		h.mustFail(diags, "path", "virtual machine 'web-01' uses it", "data_disks")
		_, diags = h.applyResource(diskType, vhd, attrs{"path": file, "size_gb": 6})
		h.mustSucceed("expand the attached disk", diags)
		h.wantEmptyPlan(h.mustRead(created), config)

		replaced := config.with(attrs{"image_name": "windows-server-2022"})
		p = h.plan(created, replaced)
		h.mustWarn(p.diags, "", "These data disks existed before, and stay: data ("+file+").")
		again, diags := h.apply(h.ctx, p)
		h.mustSucceed("replace", diags)
		if h.get(again, "id") == h.get(created, "id") {
			t.Error("the virtual machine was not replaced")
		}
		wantDrives(t, server, "data.vhdx")
		p = h.plan(again, nil)
		if got := render(p.diags); got != "" {
			t.Errorf("the plan of the destruction says %s", got)
		}
		_, diags = h.apply(h.ctx, p)
		h.mustSucceed("destroy", diags)
		if got := render(diags); got != "" {
			t.Errorf("the destruction says %s", got)
		}
		if d, err := hyperv.ReadDisk(file); err != nil || d.SizeBytes != 6<<30 {
			t.Errorf("the disk is %+v, %v", d, err)
		}
		_, diags = h.applyResource(diskType, vhd, nil)
		h.mustSucceed("destroy the disk", diags)
		wantEmptyHost(t, server)
	})
}

func TestExistingDisksAreAttachedAndDetachedInPlace(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	one, two := newDisk(t, "one"), newDisk(t, "two")
	created := h.mustApply(h.none(), linux("web-01"))
	h.mustFail(h.validate(withDisks(attrs{"name": "data", "path": one, "size_gb": 1})), "data_disks.0", "does not apply", "Remove it, or remove")
	h.mustFail(h.validate(withDisks(attrs{"name": "data"})), "data_disks.0", "required", "or set path")
	h.mustFail(h.validate(withDisks(existing("data", "data.vhdx"))), "data_disks.0", "an absolute path")

	at := h.mustChange(created, withDisks(existing("data", one)), true)
	wantDrives(t, server, "one.vhdx")
	at = h.mustChange(at, withDisks(existing("data", two)), true)
	wantDrives(t, server, "two.vhdx")

	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = s.VMs[0].Drives[:1] })
	h = connected(t, server)
	drifted := h.mustRead(at)
	if got, _ := h.get(drifted, "data_disks").([]any); len(got) > 0 {
		t.Errorf("a disk that was detached is read as %v", got)
	}
	at = h.mustChange(drifted, withDisks(existing("data", two)), true)
	wantDrives(t, server, "two.vhdx")

	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Set-VM": {Fail: "refused", Times: 1}}
	})
	p := h.plan(at, withDisks(existing("data", one)).with(attrs{"notes": "x"}))
	h.mustSucceed("plan", p.diags)
	_, diags := h.apply(h.ctx, p)
	h.mustFail(diags, "", "refused")
	wantDrives(t, server, "two.vhdx")
	wantFile(t, one)
	h.mustChange(h.mustRead(at), linux("web-01").with(attrs{"data_disks": []any{}}), true)
	wantDrives(t, server)
	wantFile(t, two)
}

func TestAnExistingDiskThatCannotBeAttachedIsReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	used, gone := newDisk(t, "used"), filepath.Join(t.TempDir(), "gone.vhdx")
	addPowerVM(t, server, "Running")
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: used}} })

	p := h.plan(h.none(), withDisks(existing("data", gone)))
	h.mustWarn(p.diags, "data_disks.0", "There is no virtual hard disk")
	_, diags := h.apply(h.ctx, p)
	h.mustFail(diags, "data_disks.0", "there is no virtual hard disk "+gone)
	p = h.plan(h.none(), withDisks(existing("data", used)))
	h.mustWarn(p.diags, "data_disks.0", "virtual machine 'old-01' uses it")
	_, diags = h.apply(h.ctx, p)
	h.mustFail(diags, "data_disks.0", "virtual machine 'old-01' uses it", "detach it there")

	created := h.mustApply(h.none(), linux("web-01"))
	p = h.plan(created, withDisks(existing("data", used)))
	h.mustWarn(p.diags, "data_disks.0", "uses it", "this resource must depend on that one")
	_, diags = h.apply(h.ctx, p)
	h.mustFail(diags, "data_disks.0", "virtual machine 'old-01' uses it")
	wantFile(t, used)

	unknownPath := h.plan(created, withDisks(existing("data", unknown{})))
	h.mustSucceed("plan with an unknown path", unknownPath.diags)
	h.planResource(diskType, h.noDisk(), attrs{"path": gone, "size_gb": 1})
	p = h.plan(created, withDisks(existing("data", gone)))
	h.mustSucceed("plan", p.diags)
	if got := render(p.diags); got != "" {
		t.Errorf("the plan with a disk that it creates says %s", got)
	}
}

func TestAnExistingDiskStaysWhenItsVirtualMachineIsNotCreated(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	data := newDisk(t, "data")
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "refused"}} })
	p := h.plan(h.none(), withDisks(existing("data", data)))
	_, diags := h.apply(h.ctx, p)
	h.mustFail(diags, "", "refused")
	if _, err := os.Stat(data); err != nil {
		t.Error(err)
	}
	wantFile(t, data)
	wantEmptyHost(t, server)
}
