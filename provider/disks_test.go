// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func disk(name string, size int, kind any) attrs {
	return attrs{"name": name, "size_gb": size, "type": kind}
}

func TestDisksAreCreatedUpdatedReadAndDeleted(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 1)
	h := connected(t, server)
	config := linux("web-01").with(attrs{
		"disk_type": "differencing", "disk_size_gb": 2,
		"data_disks": []any{disk("data", 1, nil), disk("logs", 1, "fixed")},
	})
	created := h.mustApply(h.none(), config)
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)

	grown := config.with(attrs{"disk_size_gb": 3, "data_disks": []any{disk("logs", 2, "fixed"), disk("more", 1, nil)}})
	p := h.plan(read, grown)
	h.mustSucceed("plan", p.diags)
	changed, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	if got := render(diags); !strings.Contains(got, "web-01.data.vhdx: data disk 'data' is detached") {
		t.Errorf("no warning about the kept file: %s", got)
	}
	if h.get(changed, "id") != h.get(created, "id") {
		t.Error("the update replaced the virtual machine")
	}
	read = h.mustRead(changed)
	h.wantEmptyPlan(read, grown)

	h.mustFail(h.plan(read, grown.with(attrs{"disk_size_gb": 1})).diags, "disk_size_gb", "shrink", "Set disk_size_gb to 3 or more.")
	h.mustFail(h.plan(read, grown.with(attrs{"data_disks": []any{disk("logs", 2, "dynamic")}})).diags, "data_disks.0", "Set type to fixed")
	h.mustFail(h.plan(read, grown.with(attrs{"data_disks": []any{disk("more", 1, nil), disk("logs", 1, "fixed")}})).diags, "data_disks.1", "shrink")
	h.mustApply(read, nil)
	wantEmptyHost(t, server)
}

func TestDriftOfDisksIsDetected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, vm *hyperv.VM)
		want   string // disk_size_gb and data_disks after the refresh
	}{
		"nothing": {func(*testing.T, *hyperv.VM) {}, "2 [map[keep_on_destroy:false name:data path:<nil> size_gb:1 type:dynamic]]"},
		"one detached": {
			func(_ *testing.T, vm *hyperv.VM) { vm.Drives = vm.Drives[:1] }, "2 []",
		},
		"both grown": {
			func(t *testing.T, vm *hyperv.VM) {
				t.Helper()
				grow(t, vm.Drives[0].Path, 5<<30+1<<29)
				grow(t, vm.Drives[1].Path, 4<<30)
			}, "5 [map[keep_on_destroy:false name:data path:<nil> size_gb:4 type:dynamic]]",
		},
		"one attached outside Terraform": {
			func(t *testing.T, vm *hyperv.VM) {
				t.Helper()
				path := filepath.Join(t.TempDir(), "other.vhdx")
				if err := hyperv.WriteImage(path, 1<<20); err != nil {
					t.Fatal(err)
				}
				vm.Drives = append(vm.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: 2, Path: path})
			}, "2 [map[keep_on_destroy:false name:data path:<nil> size_gb:1 type:dynamic]]",
		},
		"one with an unreadable file": {
			func(_ *testing.T, vm *hyperv.VM) {
				vm.Drives[1].Path = filepath.Dir(vm.Drives[1].Path) + "/web-01.data_" + vm.ID + ".avhdx"
			},
			"2 [map[keep_on_destroy:false name:data path:<nil> size_gb:1 type:dynamic]]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := realAgentInTurn(t, 2)
			h := connected(t, server)
			config := linux("web-01").with(attrs{"disk_size_gb": 2, "data_disks": []any{disk("data", 1, nil)}})
			created := h.mustApply(h.none(), config)
			updateHost(t, server, func(s *hyperv.State) { c.change(t, &s.VMs[0]) })
			h = connected(t, server)
			read := h.mustRead(created)
			if got := fmt.Sprint(h.get(read, "disk_size_gb"), " ", h.get(read, "data_disks")); got != c.want {
				t.Errorf("read as %s, want %s", got, c.want)
			}
		})
	}
}

func grow(t *testing.T, path string, size int64) {
	t.Helper()
	d, err := hyperv.ReadDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	d.SizeBytes = size
	if err := hyperv.WriteDisk(path, d); err != nil {
		t.Fatal(err)
	}
}

func TestADetachedDiskIsAttachedAgain(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 5)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"data_disks": []any{disk("data", 1, nil)}})
	created := h.mustApply(h.none(), config)
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Drives = s.VMs[0].Drives[:1] })
	h = connected(t, server)
	read := h.mustRead(created)
	again := h.mustApply(read, config)
	h.wantEmptyPlan(again, config)
	state, err := server.Store().Read()
	if err != nil || len(state.VMs[0].Drives) != 2 {
		t.Errorf("the host has %+v, %v", state.VMs[0].Drives, err)
	}
}

func TestADataDiskToKeepOutlivesTheVirtualMachine(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 4)
	h := connected(t, server)
	kept := disk("data", 1, nil)
	kept["keep_on_destroy"] = true
	config := linux("web-01").with(attrs{"data_disks": []any{kept, disk("logs", 1, nil)}})
	created := h.mustRead(h.mustApply(h.none(), config))
	h.wantEmptyPlan(created, config)
	state, err := server.Store().Read()
	if err != nil || len(state.VMs) != 1 || len(state.VMs[0].Drives) != 3 {
		t.Fatalf("the host has %+v, %v", state.VMs, err)
	}
	data, logs := state.VMs[0].Drives[1].Path, state.VMs[0].Drives[2].Path

	p := h.plan(created, config.with(attrs{"generation": 1, "secure_boot": nil}))
	h.mustWarn(p.diags, "", "these data disks are deleted with it: logs (1 GiB).")
	h.mustWarn(p.diags, "", "These data disks are kept on the host, and the new virtual machine gets new ones: data (1 GiB).")
	p = h.plan(created, nil)
	h.mustWarn(p.diags, "", "whose files stay on the host: data (1 GiB).")
	_, diags := h.apply(h.ctx, p)
	h.mustSucceed("destroy", diags)
	h.mustWarn(diags, "", data+": keep_on_destroy is set for this data disk")
	if _, err := os.Stat(data); err != nil {
		t.Errorf("the disk to keep: %v", err)
	}
	if _, err := os.Stat(logs); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the disk that goes with the virtual machine: %v", err)
	}
}
