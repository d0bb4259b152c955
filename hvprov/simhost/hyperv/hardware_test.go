// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

const gib = 1 << 30

func TestMemoryIsRefusedAsHyperVDoes(t *testing.T) {
	t.Parallel()
	on, off := true, false
	for name, c := range map[string]struct {
		state    string
		dynamic  bool
		settings hyperv.MemorySettings
		want     string // empty: it is taken
	}{
		"another amount, off":               {"Off", false, hyperv.MemorySettings{StartupBytes: 3 * gib}, ""},
		"another amount, running":           {"Running", false, hyperv.MemorySettings{StartupBytes: 3 * gib}, "while it is Running"},
		"dynamic, off":                      {"Off", false, hyperv.MemorySettings{Dynamic: &on, MinimumBytes: gib, MaximumBytes: 4 * gib}, ""},
		"dynamic, running":                  {"Running", false, hyperv.MemorySettings{Dynamic: &on}, "while it is Running"},
		"static, running":                   {"Running", true, hyperv.MemorySettings{Dynamic: &off}, "while it is Running"},
		"a wider range, running":            {"Running", true, hyperv.MemorySettings{MinimumBytes: gib / 2, MaximumBytes: 16 * gib}, ""},
		"a wider range, saved":              {"Saved", true, hyperv.MemorySettings{MaximumBytes: 16 * gib}, "while it is Saved"},
		"a higher minimum, running":         {"Running", true, hyperv.MemorySettings{MinimumBytes: 2 * gib}, "while it is Running"},
		"a lower maximum, running":          {"Running", true, hyperv.MemorySettings{MaximumBytes: 4 * gib}, "while it is Running"},
		"a minimum above what it starts by": {"Off", true, hyperv.MemorySettings{MinimumBytes: 3 * gib}, "between"},
		"a maximum below what it starts by": {"Off", true, hyperv.MemorySettings{MaximumBytes: gib}, "between"},
		"a part of 2 MiB":                   {"Off", true, hyperv.MemorySettings{MinimumBytes: gib - 1<<20}, "multiple of 2 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t, filepath.Join(t.TempDir(), "state.json"))
			before := hyperv.VM{
				ID: "a", Name: "a", State: c.state, DynamicMemory: c.dynamic,
				MemoryStartupBytes: 2 * gib, MemoryMinimumBytes: gib, MemoryMaximumBytes: 8 * gib,
			}
			if err := store.Update(func(s *hyperv.State) error { s.VMs = []hyperv.VM{before}; return nil }); err != nil {
				t.Fatal(err)
			}
			err := store.SetVMMemory(t.Context(), "a", c.settings)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if vm := read(t, store).VMs[0]; err != nil && (vm.MemoryMinimumBytes != gib || vm.MemoryMaximumBytes != 8*gib || vm.DynamicMemory != c.dynamic) {
				t.Errorf("what was refused changed it: %+v", vm)
			}
		})
	}
}

func TestSecurityIsForGeneration2AndWhileItIsOff(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), open(t, filepath.Join(t.TempDir(), "state.json"))
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
	first, err := store.NewVMOfGeneration(ctx, 1, "first", gib, "")
	works("generation 1", err)
	second, err := store.NewVM(ctx, "second", gib, "")
	works("generation 2", err)
	fails("firmware", "not of generation 2", store.SetVMFirmware(ctx, first.ID, hyperv.FirmwareSettings{SecureBoot: "On"}))
	fails("a TPM of generation 1", "not of generation 2", store.EnableVMTPM(ctx, first.ID))
	_, err = store.GetVMSecurity(ctx, []string{second.ID, first.ID})
	fails("security of both", "not of generation 2", err)

	image := filepath.Join(t.TempDir(), "disk.vhdx")
	works("image", hyperv.WriteImage(image, 1024))
	_, err = store.AddFirstIDEDrive(ctx, second.ID, image)
	fails("IDE in generation 2", "no IDE controller", err)
	drive, err := store.AddFirstIDEDrive(ctx, first.ID, image)
	if works("IDE", err); drive.ControllerType != "IDE" || drive.ControllerLocation != 0 {
		t.Errorf("%+v", drive)
	}
	_, err = store.AddFirstIDEDrive(ctx, first.ID, image)
	fails("IDE again", "already", err)
	other := filepath.Join(t.TempDir(), "other.vhdx")
	works("another disk", hyperv.WriteImage(other, 1<<20))
	if drive, err = store.AddVMHardDiskDrive(ctx, first.ID, other); err != nil || drive.ControllerType != "SCSI" || drive.ControllerLocation != 0 {
		t.Errorf("%+v, %v", drive, err)
	}

	fails("a TPM without key protector", "key protector", store.EnableVMTPM(ctx, second.ID))
	works("key protector", store.SetVMKeyProtector(ctx, second.ID))
	works("TPM", store.EnableVMTPM(ctx, second.ID))
	works("start", store.StartVM(ctx, second.ID))
	fails("no TPM any more", "while it is Running", store.DisableVMTPM(ctx, second.ID))
	fails("stop action", "while it is Running", store.SetVM(ctx, second.ID, hyperv.VMSettings{AutomaticStopAction: "Save"}))
	works("start action", store.SetVM(ctx, second.ID, hyperv.VMSettings{AutomaticStartAction: "Start", CheckpointType: "Standard"}))
	works("an older module", store.Update(func(s *hyperv.State) error { s.Host.HyperVVersion = "1.1"; return nil }))
	if _, err := store.GetVMSecurity(ctx, []string{second.ID}); !errors.Is(err, hyperv.ErrNoCommand) {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatIsLostStaysLost(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), open(t, filepath.Join(t.TempDir(), "state.json"))
	err := store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"New-VM": {Lose: true, Fail: "gone"}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.ListVMs(ctx); err != nil {
		t.Error(err)
	}
	if _, err := store.NewVM(ctx, "a", gib, ""); err == nil || err.Error() != "gone" {
		t.Errorf("got %v", err)
	}
	if _, err := store.ListVMs(ctx); err == nil || err.Error() != "gone" {
		t.Errorf("got %v", err)
	}
	if len(read(t, store).VMs) > 0 {
		t.Error("the call acted")
	}
}
