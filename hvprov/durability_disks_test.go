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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// diskCalls are the cmdlets of an update that makes, attaches, grows and detaches disks.
var diskCalls = []string{"New-VHD", "Add-VMHardDiskDrive", "Resize-VHD", "Remove-VMHardDiskDrive", "Set-VM"}

// TestAnUpdateOfDisksThatDiesIsTakenBack walks through the calls of an update of disks, and kills the worker in each: the
// machine has the disks again that it had, and no file is left but its own.
func TestAnUpdateOfDisksThatDiesIsTakenBack(t *testing.T) {
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			for _, cmdlet := range diskCalls {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("in %s, acted %t", cmdlet, after), func(t *testing.T) {
						t.Parallel()
						s := setStage(t, opts, "none", false)
						before := s.provisioned()
						onHost(t, s.server, func(state *hyperv.State) {
							state.Behaviour.Calls = map[string]hyperv.Call{cmdlet: {Hold: s.hold, After: after}}
						})
						service := oneOfSeveral(t, s.server, nil)
						values := s.values()
						values["notes"] = "x"
						values["data_disks"] = []any{dataDisk("data", 2), dataDisk("more", 1)}
						j, err := service.Submit(t.Context(), hvprov.Submission{
							Host: "hv01", Operation: job.OperationUpdate, Values: values, VMID: before.ID, Changed: []string{"data_disks", "notes"},
						})
						s.must(err)
						s.reached()
						s.must(s.server.KillWorker(j.ID()))
						s.release()
						var died *hvprov.JobError
						if _, err := j.Wait(t.Context()); !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied {
							t.Errorf("got %v", err)
						}
						s.hasDisksOf(before)
					})
				}
			}
		})
	}
}

// provisioned makes the machine and gives it.
func (s *stage) provisioned() hyperv.VM {
	s.Helper()
	service := oneOfSeveral(s.T, s.server, nil)
	j, err := service.Submit(s.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: s.values(), JobID: outliveJob})
	s.must(err)
	_, err = j.Wait(s.Context())
	s.must(err)
	state, err := s.server.Store().Read()
	s.must(err)
	return state.VMs[0]
}

// hasDisksOf looks whether the machine has the disks that it had before, in whatever order, and no file more.
func (s *stage) hasDisksOf(before hyperv.VM) {
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
		s.Errorf("the host holds %+v", state.VMs)
	}
	files, err := filepath.Glob(filepath.Join(s.disks(), "hypervvm", outliveJob, "*.vhdx"))
	s.must(err)
	if slices.Sort(files); !slices.Equal(files, paths(before)) {
		s.Errorf("the files are %v", files)
	}
	manifest, err := os.ReadFile(filepath.Join(s.disks(), "hypervvm", outliveJob, "hypervvm.json"))
	if s.must(err); slices.Contains(fieldsOf(s.T, manifest, "data_disks"), "more") {
		s.Errorf("the manifest still has what is gone: %s", manifest)
	}
	s.keepsForeign()
}

// fieldsOf gives the names of what a manifest lists.
func fieldsOf(t *testing.T, manifest []byte, list string) (names []string) {
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
