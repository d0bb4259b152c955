// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const diskType = "hypervvm_disk"

func (h *harness) noDisk() tftypes.Value {
	return tftypes.NewValue(h.schema.ResourceSchemas[diskType].ValueType(), nil)
}

func (h *harness) mustReadResource(name string, state tftypes.Value) tftypes.Value {
	h.t.Helper()
	value, diags := h.readResource(name, state)
	h.mustSucceed("read", diags)
	return value
}

func TestAVirtualHardDiskIsAResource(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		file := filepath.Join(t.TempDir(), "data.vhdx")
		config := attrs{"path": file, "size_gb": 2}
		created, diags := h.applyResource(diskType, h.noDisk(), config)
		h.mustSucceed("create", diags)
		if d, err := hyperv.ReadDisk(file); err != nil || d.SizeBytes != 2<<30 || d.Type != "Dynamic" {
			t.Fatalf("the host has %+v, %v", d, err)
		}
		if read := h.mustReadResource(diskType, created); !read.Equal(created) {
			t.Errorf("read %v, want %v", read, created)
		}
		_, diags = h.applyResource(diskType, h.noDisk(), config)
		h.mustFail(diags, "path", "exists on host", "Import it with the id")

		id := plain(created).(attrs)["id"].(string)
		value := h.mustImportResource(diskType, id, attrs{"path": file})
		if same, diags := h.applyResource(diskType, value, config); !same.Equal(value) || len(diags) > 0 {
			t.Errorf("an apply after an import returned %v, %v, want %v", same, diags, value)
		}
		for _, none := range []*tfprotov6.ImportResourceStateRequest{
			{TypeName: diskType, ID: id + ".vhdx"},
			{TypeName: diskType, Identity: h.encodeIdentity(diskType, attrs{"path": file + ".vhdx"})},
		} {
			_, diags := h.importResource(none, nil)
			h.mustFail(diags, "", "Unable to import virtual hard disk", "has no such file")
		}

		grown, diags := h.applyResource(diskType, created, config.with(attrs{"size_gb": 3}))
		h.mustSucceed("expand", diags)
		_, diags = h.applyResource(diskType, grown, config)
		h.mustFail(diags, "size_gb", "cannot shrink", "Set size_gb to 3 or more")

		addPowerVM(t, server, "Running")
		updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: file}} })
		_, diags = h.applyResource(diskType, grown, nil)
		h.mustFail(diags, "path", "virtual machine 'old-01' uses it", "data_disks")
		if _, err := os.Stat(file); err != nil {
			t.Errorf("an attached disk: %v", err)
		}
		updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = nil })
		for range 2 { // the second time it does not exist
			_, diags = h.applyResource(diskType, grown, nil)
			h.mustSucceed("destroy", diags)
		}
		if read := h.mustReadResource(diskType, grown); !read.IsNull() {
			t.Errorf("a disk that vanished is read as %v", read)
		}
	})
}

func TestADifferencingDiskInTheFolderOfTheHost(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	parent := filepath.Join(t.TempDir(), "base.vhdx")
	if err := hyperv.WriteDisk(parent, hyperv.Disk{Type: "Fixed", SizeBytes: 5 << 30, FileBytes: 4 << 20}); err != nil {
		t.Fatal(err)
	}
	created, diags := h.applyResource(diskType, h.noDisk(), attrs{"name": "child.vhdx", "type": "differencing", "parent_path": parent})
	h.mustSucceed("create", diags)
	state := plain(created).(attrs)
	if file := state["path"].(string); !strings.HasSuffix(file, "child.vhdx") || !filepath.IsAbs(file) {
		t.Errorf("the state is %v", state)
	}
	if read := h.mustReadResource(diskType, created); !read.Equal(created) {
		t.Errorf("read %v, want %v", read, created)
	}
	if same, diags := h.applyResource(diskType, created, attrs{"name": "child.vhdx", "type": "differencing", "parent_path": parent}); !same.Equal(created) || len(diags) > 0 {
		t.Errorf("an apply without changes returned %v, %v", same, diags)
	}
	host, _ := state["host"].(string)
	imported, diags := h.importResource(&tfprotov6.ImportResourceStateRequest{TypeName: diskType, ID: host + "/child.vhdx"}, attrs{"host": host, "path": state["path"]})
	h.mustSucceed("import by name", diags)
	if !imported.Equal(created) {
		t.Errorf("imported %v, want %v", imported, created)
	}
	_, diags = h.applyResource(diskType, h.noDisk(), attrs{"name": "other.vhdx", "type": "differencing", "parent_path": parent + ".vhdx"})
	h.mustFail(diags, "parent_path", "there is no virtual hard disk")
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"New-VHD": {Fail: "no", After: true}}
	})
	_, diags = h.applyResource(diskType, h.noDisk(), attrs{"name": "failed.vhdx", "size_gb": 1})
	h.mustFail(diags, "", "Unable to create")
	if _, err := os.Stat(filepath.Join(filepath.Dir(state["path"].(string)), "failed.vhdx")); err == nil {
		t.Error("the disk of a failed job is still there")
	}
}

func TestADiskOfTheOnlyHostIsFoundAfterAChangeOfTheAddress(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	config := attrs{"path": filepath.Join(t.TempDir(), "data.vhdx"), "size_gb": 2}
	created, diags := h.applyResource(diskType, h.noDisk(), config)
	h.mustSucceed("create", diags)
	attributes := maps.Clone(h.attributes(created))
	attributes["host"] = tftypes.NewValue(tftypes.String, "192.0.2.7")
	moved := tftypes.NewValue(created.Type(), attributes)
	moved = h.mustReadResource(diskType, moved)
	if moved.IsNull() {
		t.Fatal("the disk is not found")
	}
	grown, diags := h.applyResource(diskType, moved, config.with(attrs{"size_gb": 3}))
	h.mustSucceed("expand", diags)
	_, diags = h.applyResource(diskType, grown, nil)
	h.mustSucceed("destroy", diags)
}

func TestADiskWithANameIsReplaced(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	config := attrs{"name": "data.vhdx", "size_gb": 2}
	created, diags := h.applyResource(diskType, h.noDisk(), config)
	h.mustSucceed("create", diags)
	fixed := config.with(attrs{"type": "fixed"})
	plan, _ := h.planResource(diskType, created, fixed)
	h.mustWarn(plan.Diagnostics, "", "is replaced")
	if len(plan.RequiresReplace) == 0 {
		t.Fatal("the disk is not replaced")
	}
	again, _ := h.planResource(diskType, h.noDisk(), fixed, plan.PlannedPrivate...) // as Terraform plans a replacement
	h.mustSucceed("plan of the replacement", again.Diagnostics)
	other, _ := h.planResource(diskType, h.noDisk(), fixed)
	h.mustFail(other.Diagnostics, "path", "exists on host")
}
