// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// diskCalls are the cmdlets of an update that creates, attaches, expands and detaches disks.
var diskCalls = []string{"New-VHD", "Add-VMHardDiskDrive", "Resize-VHD", "Remove-VMHardDiskDrive", "Set-VM"}

// TestAnUpdateOfDisksIsRolledBackWhenItsWorkerDies kills the worker in each call of an update of disks: afterwards the virtual
// machine has the same disks as before, and no other file is left.
func TestAnUpdateOfDisksIsRolledBackWhenItsWorkerDies(t *testing.T) {
	t.Parallel()
	opts := withPowerShell(t)
	if !full {
		t.Log("the worker dies before or after one call of five: HYPERVVM_TEST_FULL=1 runs all, before and after")
	}
	for i, cmdlet := range diskCalls {
		for _, after := range []bool{false, true} {
			if !full && (after != (i%2 > 0) || !sample.Takes(i, 5)) {
				continue
			}
			t.Run(fmt.Sprintf("in %s, after the call %t", cmdlet, after), func(t *testing.T) {
				t.Parallel()
				s := newFixture(t, opts, "none", false)
				before := s.provisionVM()
				updateHost(t, s.server, func(state *hyperv.State) {
					state.Behaviour.Calls = map[string]hyperv.Call{cmdlet: {Hold: s.hold, After: after}}
				})
				service := newSharedHostService(t, s.server, nil)
				values := s.values()
				values["notes"] = "x"
				values["data_disks"] = []any{dataDisk("data", 2), dataDisk("more", 1)}
				j, err := service.Submit(t.Context(), hvprov.Submission{
					Host: "hv01", Operation: job.OperationUpdate, Values: values, VMID: before.ID, Changed: []string{"data_disks", "notes"},
				})
				s.must(err)
				s.waitUntilHeld()
				s.must(s.server.KillWorker(j.ID()))
				s.release()
				var died *hvprov.JobError
				if _, err := j.Wait(t.Context()); !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied {
					t.Errorf("got %v", err)
				}
				s.wantDisksOf(before)
			})
		}
	}
}

// provisionVM creates the virtual machine and returns it.
func (s *fixture) provisionVM() hyperv.VM {
	s.Helper()
	service := newSharedHostService(s.T, s.server, nil)
	j, err := service.Submit(s.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: s.values(), JobID: fixedJobID})
	s.must(err)
	_, err = j.Wait(s.Context())
	s.must(err)
	state, err := s.server.Store().Read()
	s.must(err)
	return state.VMs[0]
}

// wantDisksOf checks that the virtual machine has the same disks as before, in any order, and that no other file is left.
func (s *fixture) wantDisksOf(before hyperv.VM) {
	s.Helper()
	state, err := s.server.Store().Read()
	s.must(err)
	paths := func(vm hyperv.VM) (list []string) {
		for _, d := range vm.Drives {
			list = append(list, d.Path)
		}
		slices.Sort(list)
		return list
	}
	if len(state.VMs) != 1 || !slices.Equal(paths(state.VMs[0]), paths(before)) {
		s.Errorf("virtual machines are %+v", state.VMs)
	}
	files, err := filepath.Glob(filepath.Join(s.disks(), "hypervvm", fixedJobID, "*.vhdx"))
	s.must(err)
	if slices.Sort(files); !slices.Equal(files, paths(before)) {
		s.Errorf("disk files are %v", files)
	}
	manifest, err := os.ReadFile(filepath.Join(s.disks(), "hypervvm", fixedJobID, "hypervvm.json"))
	if s.must(err); slices.Contains(manifestNames(s.T, manifest, "data_disks"), "more") {
		s.Errorf("manifest lists a disk that was rolled back: %s", manifest)
	}
	s.checkForeignFiles()
}

// manifestNames returns the names of the items in a list of a manifest.
func manifestNames(t *testing.T, manifest []byte, list string) (names []string) {
	t.Helper()
	var value map[string]json.RawMessage
	var items []struct{ Name string }
	if err := json.Unmarshal(manifest, &value); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(value[list], &items); err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		names = append(names, item.Name)
	}
	return names
}
