// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// provisionCalls are the cmdlets of a provision that uses every feature, in their order.
var provisionCalls = []string{
	"Get-ClusterGroup", "Get-VMSwitch", "New-VM", "Set-VMProcessor", "Set-VMMemory", "Set-VM", "Get-VHD", "Resize-VHD", "Add-VMHardDiskDrive",
	"New-VHD", "Set-VMFirmware", "Get-VMKeyProtector", "Set-VMKeyProtector", "Enable-VMTPM",
	"Get-VMNetworkAdapter", "Set-VMNetworkAdapter", "Connect-VMNetworkAdapter", "Set-VMNetworkAdapterVlan", "Add-VMNetworkAdapter",
	"Get-VMDvdDrive", "Add-VMDvdDrive", "Start-VM", guestWait, "Remove-VMDvdDrive",
	"Add-ClusterVirtualMachineRole", "Get-ClusterResource", "Get-ClusterParameter",
}

// basicCalls are those of them that the fake agent makes.
var basicCalls = []string{
	"Get-VMSwitch", "New-VM", "Set-VMProcessor", "Set-VMMemory", "Set-VM", "Add-VMHardDiskDrive", "Set-VMFirmware",
	"Get-VMNetworkAdapter", "Connect-VMNetworkAdapter", "Set-VMNetworkAdapterVlan", "Start-VM",
}

// stepCalls has one cmdlet for each step.
var stepCalls = []string{
	"Get-VMSwitch", "New-VM", "Add-VMHardDiskDrive", "New-VHD", "Set-VMFirmware", "Connect-VMNetworkAdapter", "Add-VMDvdDrive", "Start-VM", guestWait,
	"Remove-VMDvdDrive", "Add-ClusterVirtualMachineRole",
}

// guestWait is not a cmdlet: it stands for the step that waits for a guest that does not respond.
const guestWait = "the wait"

// interruptions are the failures that can occur during a job. Each function returns when the job has ended.
var interruptions = map[string]func(s *fixture){
	"the worker is killed": func(s *fixture) {
		j := s.start()
		s.must(s.server.KillWorker(j.ID()))
		s.release()
		_, err := j.Wait(s.Context())
		var died *hvprov.JobError
		if !errors.As(err, &died) || !errors.Is(err, hvprov.ErrJobFailed) || died.Failure.Code != job.CodeWorkerDied {
			s.Errorf("got %v", err)
		}
		s.wantNothing()
		s.submitAgain(false)
	},
	"the shell is deleted": func(s *fixture) {
		j := s.start()
		s.server.DropShells()
		s.release()
		if _, err := j.Wait(s.Context()); err != nil {
			s.Error(err)
		}
		s.wantVM()
		s.submitAgain(true)
	},
	"the connection is cut": func(s *fixture) {
		j := s.start()
		s.server.DropConnections()
		s.release()
		if _, err := j.Wait(s.Context()); err != nil {
			s.Error(err)
		}
		s.wantVM()
		s.submitAgain(true)
	},
	"the client is killed": func(s *fixture) {
		s.startAndKill()
		s.release()
		second := newAgent(s.T, s.server)
		run, err := second.Attach(s.Context(), fixedJobID, 0)
		s.must(err)
		for seq := int64(1); ; seq++ {
			e, err := run.Next(s.Context())
			s.must(err)
			if e.Seq != seq {
				s.Errorf("event %d, want %d", e.Seq, seq)
			}
			s.checkEvent(e)
			if e.Kind == job.KindResult {
				if e.Outcome != job.Succeeded {
					s.Errorf("outcome is %s: %+v", e.Outcome, e.Error)
				}
				break
			}
		}
		jobs, err := second.Jobs(s.Context())
		if err != nil || len(jobs) != 1 || jobs[0].Job != fixedJobID || jobs[0].Status != protocol.StatusEnded || jobs[0].VMID == "" {
			s.Errorf("jobs are %+v, error %v", jobs, err)
		}
		s.wantVM()
		s.submitAgain(true)
	},
}

// runsCell reports whether a test causes a failure, by its number, before or after a call. The fake agent has each failure in a call of each step,
// and in a full run each failure before and after every call. The real agent, which takes seconds for each, has one failure in each sixth
// step, and in a full run one before and one after every call, so that each failure meets both sides of a quarter of the calls: a sample of pairs,
// not all.
func runsCell(realAgent bool, call, step, failure int, after bool) bool {
	offset := call
	if after {
		offset++
	}
	sampled := step >= 0 && (!realAgent || sample.Takes(step, 6) && after == (step%2 > 0) && (step+failure)%len(interruptions) == 0)
	return sampled || full && (!realAgent || offset%len(interruptions) == failure)
}

// TestAJobSurvivesEverythingExceptTheDeathOfItsWorker causes failures in the calls of a provision: see [runsCell]. Afterwards the virtual
// machine is complete, or nothing is left of it.
func TestAJobSurvivesEverythingExceptTheDeathOfItsWorker(t *testing.T) {
	t.Parallel()
	for backend, opts := range backends(t) {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			calls := provisionCalls
			if opts.PowerShell == "" {
				calls = basicCalls
			} else if !full {
				t.Log("the real agent has one interruption in each sixth step: HYPERVVM_TEST_FULL=1 has one before and one after each call")
			}
			for n, name := range slices.Sorted(maps.Keys(interruptions)) {
				interrupt := interruptions[name]
				for call, cmdlet := range calls {
					for _, after := range []bool{false, true} {
						if after && cmdlet == guestWait || !runsCell(opts.PowerShell != "", call, slices.Index(stepCalls, cmdlet), n, after) {
							continue
						}
						t.Run(fmt.Sprintf("%s in %s, after the call %t", name, cmdlet, after), func(t *testing.T) {
							t.Parallel()
							s := newFixture(t, opts, cmdlet, after)
							interrupt(s)
							s.checkSecrets()
						})
					}
				}
			}
		})
	}
}

// TestTwoServicesNeverCreateTheSameNameTwice submits the same name to two services at the same time, many times.
func TestTwoServicesNeverCreateTheSameNameTwice(t *testing.T) {
	t.Parallel()
	for backend, opts := range backends(t) {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			sampleRealAgent(t, opts)
			rounds := 50
			if backend == "real agent" && !full {
				rounds = 2
			}
			server := startHost(t, opts)
			services := []*hvprov.Service{newSharedHostService(t, server, nil), newSharedHostService(t, server, nil)}
			for round := range rounds {
				name := fmt.Sprintf("web-%02d", round)
				var both sync.WaitGroup
				errs := make([]error, len(services))
				for i, service := range services {
					both.Go(func() { _, errs[i] = provision(t, service, name, nil) })
				}
				both.Wait()
				created := 0
				for _, err := range errs {
					if err == nil {
						created++
					} else if !errors.Is(err, hvprov.ErrNameTaken) {
						t.Errorf("%s: %v", name, err)
					}
				}
				state, err := server.Store().Read()
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, vm := range state.VMs {
					if strings.EqualFold(vm.Name, name) {
						n++
					}
				}
				if created != 1 || n != 1 {
					t.Errorf("%s: %d jobs succeeded and %d virtual machines exist, want 1 and 1", name, created, n)
				}
				updateHost(t, server, func(s *hyperv.State) { s.VMs = nil }) // frees memory for the next round
			}
		})
	}
}
