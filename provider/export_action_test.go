// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const exportType = "hypervvm_export"

// addExportVM adds a virtual machine with a disk, and returns a folder for exports.
func addExportVM(t *testing.T, server *simhost.Server) (folder string) {
	t.Helper()
	addPowerVM(t, server, "Running")
	folder = t.TempDir()
	disk := filepath.Join(t.TempDir(), "old-01.vhdx")
	if err := hyperv.WriteDisk(disk, hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 4 << 10}); err != nil {
		t.Fatal(err)
	}
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: disk}} })
	return folder
}

// exported returns the names of the files and folders below a folder.
func exported(t *testing.T, folder string) (names string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if path != folder {
			names += filepath.ToSlash(path[len(folder)+1:]) + "\n"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAVirtualMachineIsExported(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		folder := addExportVM(t, server)
		updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Export = &hyperv.Export{Looks: 4} })
		h := connected(t, server)
		config := attrs{"vm_id": powerVM, "path": folder, "capture_live_state": "crash_consistent"}
		h.mustSucceed("plan", h.planAction(exportType, config))
		messages, diags := h.invoke(h.ctx, exportType, config, nil)
		h.mustSucceed("export", diags)
		for _, want := range []string{"[2/2] export: export the virtual machine to " + folder, "25%", "75%", "was exported to " + filepath.Join(folder, "old-01")} {
			if !strings.Contains(messages, want) {
				t.Errorf("%q is missing in the messages:\n%s", want, messages)
			}
		}
		want := "old-01\nold-01/Snapshots\nold-01/Virtual Hard Disks\nold-01/Virtual Hard Disks/old-01.vhdx\nold-01/Virtual Machines\n" +
			"old-01/Virtual Machines/" + strings.ToUpper(powerVM) + ".vmcx\n"
		if got := exported(t, folder); got != want || powerState(t, server) != "Running" {
			t.Errorf("the virtual machine is %s, and the folder has:\n%s", powerState(t, server), got)
		}
		h.mustFail(h.planAction(exportType, config), "path", "Unable to export virtual machine old-01", "exists", "Remove it")
		_, diags = h.invoke(h.ctx, exportType, config, nil)
		h.mustFail(diags, "path", "Unable to export virtual machine old-01", "exists")
	})
}

func TestAnExportThatFailsOrIsCancelledLeavesNothing(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		folder := addExportVM(t, server)
		h := connected(t, server)
		config := attrs{"vm_id": powerVM, "path": folder}
		updateHost(t, server, func(s *hyperv.State) {
			s.Behaviour.Export = &hyperv.Export{Looks: 1, Fail: "There is not enough space on the disk."}
		})
		_, diags := h.invoke(h.ctx, exportType, config, nil)
		h.mustFail(diags, "", "Unable to export virtual machine old-01", "There is not enough space on the disk.")

		updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Export = &hyperv.Export{Looks: 100000} })
		ctx, cancel := context.WithCancel(h.ctx)
		defer cancel()
		_, diags = h.invoke(ctx, exportType, config, func(message string) {
			if strings.Contains(message, "[2/2] export") {
				cancel()
			}
		})
		h.mustFail(diags, "", "Unable to export virtual machine old-01", "cancel")
		if got := exported(t, folder); got != "" {
			t.Errorf("left:\n%s", got)
		}
	})
}

func TestPlansOfExports(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	folder := addExportVM(t, server)
	h := connected(t, server)
	for _, tt := range []struct {
		config          attrs
		attribute, text string
	}{
		{attrs{"path": filepath.Join(folder, "none")}, "path", "The host has no folder"},
		{attrs{"path": "Exports"}, "path", "the full path of a folder"},
		{attrs{"path": ""}, "path", `but is ""`},
		{attrs{"path": folder, "capture_live_state": "frozen"}, "capture_live_state", "must be one of saved, crash_consistent, data_consistent"},
		{attrs{"path": folder, "timeout": "soon"}, "timeout", `but is "soon"`},
		{attrs{"path": folder, "vm_id": "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12"}, "vm_id", ""},
	} {
		h.mustFail(h.planAction(exportType, attrs{"vm_id": powerVM}.with(tt.config)), tt.attribute, tt.text)
	}
}
