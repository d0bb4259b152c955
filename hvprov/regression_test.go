// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// The tests of this file are each named for a trap that other provisioners of Hyper-V machines fell into, and hold that the
// loss does not happen here.

// TestTrapADiskOfTheSameNameOnSharedStorageIsOverwritten: two hosts of a cluster make machines of one name on one volume.
func TestTrapADiskOfTheSameNameOnSharedStorageIsOverwritten(t *testing.T) {
	onEachSide(t, func(c *trap) {
		first := c.makes("web-01")
		c.plants(first.Disks[0], "what the first machine has written")
		second := startHost(c.T, c.opts)
		onHost(c.T, second, func(s *hyperv.State) { s.Host.Name, s.Host.VirtualHardDiskPath = "OTHER", c.disks() })
		v := values("WEB-01")
		v["image_name"] = "windows-server-2022"
		j, err := oneOfSeveral(c.T, second, nil).Submit(c.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: v})
		c.must(err)
		result, err := j.Wait(c.Context())
		c.must(err)
		c.holds(first.Disks[0], "what the first machine has written")
		if len(result.VM.Disks) != 1 || result.VM.Disks[0] == first.Disks[0] {
			c.Errorf("the second machine's disks are %q, the first's %q", result.VM.Disks, first.Disks)
		}
		image, err := os.ReadFile(filepath.Join(c.disks(), "Images", "windows-server-2022.vhdx"))
		c.must(err)
		if disk, err := os.ReadFile(result.VM.Disks[0]); err != nil || !bytes.Equal(disk, image) {
			c.Errorf("the second machine's disk is no copy of its image: %v", err)
		}
	})
}

// TestTrapADiskThatIsThereIsOverwritten: the folder that a job would use is there already.
func TestTrapADiskThatIsThereIsOverwritten(t *testing.T) {
	onEachSide(t, func(c *trap) {
		disk := filepath.Join(c.disks(), "hypervvm", outliveJob, "web-01.vhdx")
		c.plants(disk, "mine")
		_, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-01"), JobID: outliveJob})
		if !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		c.holds(disk, "mine")
		if len(c.state().VMs) > 0 {
			c.Errorf("left: %+v", c.state().VMs)
		}
	})
}

// TestTrapAJobWithoutAResultCountsAsDone: the worker dies when all is done and nothing of it is said.
func TestTrapAJobWithoutAResultCountsAsDone(t *testing.T) {
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			s := setStage(t, opts, "Start-VM", true)
			j := s.start()
			s.must(s.server.KillWorker(j.ID()))
			s.release()
			result, err := j.Wait(t.Context())
			var died *hvprov.JobError
			if !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied || result != nil && result.Outcome == job.Succeeded {
				t.Errorf("got %+v, %v", result, err)
			}
			s.bare()
		})
	}
}

// TestTrapASecondSubmissionPassesUntilTheFirstRuns: one name, asked for twice at once, and one job, submitted twice.
func TestTrapASecondSubmissionPassesUntilTheFirstRuns(t *testing.T) {
	onEachSide(t, func(c *trap) {
		var all sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			all.Go(func() { _, errs[i] = provision(c.T, c.service, []string{"web-01", "WEB-01"}[i%2], nil) })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !errors.Is(err, hvprov.ErrNameTaken) {
				c.Error(err)
			}
		}
		if n := len(c.state().VMs); made != 1 || n != 1 {
			c.Errorf("%d jobs succeeded, and there are %d machines", made, n)
		}
		for range 2 {
			_, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-02"), JobID: outliveJob})
			c.must(err)
		}
		if n := len(c.state().VMs); n != 2 {
			c.Errorf("the job that was submitted twice ran twice: %d machines", n)
		}
	})
}

// TestTrapAnErrorThatEchoesThePasswordShowsIt: the host's own words hold the secret.
func TestTrapAnErrorThatEchoesThePasswordShowsIt(t *testing.T) {
	onEachSide(t, func(c *trap) {
		c.behaves(map[string]hyperv.Call{"Start-VM": {Fail: "cannot read {\"guest_la_pw\":\"" + secret + "\"}"}, "Remove-VM": {Fail: secret + " is in use"}})
		var said strings.Builder
		_, err := c.does(hvprov.Submission{
			Operation: job.OperationProvision, Values: values("web-01"), OnEvent: func(e job.Event) { fmt.Fprintf(&said, "%+v\n", e) },
		})
		var failed *hvprov.JobError
		if !errors.As(err, &failed) || failed.Result == nil || len(failed.Result.Left) == 0 {
			c.Fatalf("got %v", err)
		}
		text := said.String() + err.Error() + fmt.Sprintf("%+v %+v", failed, *failed.Result)
		if strings.Contains(text, secret) || !strings.Contains(text, "******") {
			c.Errorf("the secret shows, or what struck it out does not:\n%s", text)
		}
		// The client strikes it out as well: the agent alone is to do so already.
		def := job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 1}, Operation: job.OperationProvision}
		for id, v := range map[string]any{"vm_name": "web-02", "image_name": "ubuntu-24.04", "gb_ram": 2, "cpu_cores": 2, "guest_la_pw": secret} {
			def.Fields = append(def.Fields, job.Field{ID: id, Value: v})
		}
		run, err := newAgent(c.T, c.server).Submit(c.Context(), hostagent.Submission{Job: outliveJob, Definition: def, Secrets: []string{"guest_la_pw"}})
		c.must(err)
		for ended := false; !ended; {
			e, err := run.Next(c.Context())
			c.must(err)
			if raw := fmt.Sprintf("%+v", e); strings.Contains(raw, secret) || e.Result != nil && strings.Contains(fmt.Sprintf("%+v %+v", *e.Result, e.Error), secret) {
				c.Errorf("the agent says the secret: %s", raw)
			}
			ended = e.Kind == job.KindResult
		}
		c.behaves(nil) // which has the secret itself
		(&stage{T: c.T, server: c.server}).keepsSecrets()
	})
}

// TestTrapAFailureLeavesPartsThatStopTheNextTry: the last step fails, and the same machine is asked for again.
func TestTrapAFailureLeavesPartsThatStopTheNextTry(t *testing.T) {
	onEachSide(t, func(c *trap) {
		c.behaves(map[string]hyperv.Call{"Start-VM": {Fail: "no power", Times: 1}})
		if _, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-01")}); !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		if files := c.files(); len(files) > 0 || len(c.state().VMs) > 0 {
			c.Errorf("left: %q, %+v", files, c.state().VMs)
		}
		c.makes("web-01")
	})
}

// TestTrapValuesAreBentUntilTheyFit: numbers cut short, truth as one, and names that lead elsewhere.
func TestTrapValuesAreBentUntilTheyFit(t *testing.T) {
	onEachSide(t, func(c *trap) {
		onHost(c.T, c.server, func(s *hyperv.State) { s.Behaviour.RecordCalls = true })
		bent := map[string][]any{
			"gb_ram": {8.9, true, []any{8}, "0x10"}, "cpu_cores": {1.5, false},
			"vm_name": {`..\..\x`, "a/b", "web*", "web[0]", "' or '1'='1", []any{"a"}, 7}, "image_name": {"../x"},
		}
		for name, list := range bent {
			for _, value := range list {
				v := values("web-01")
				v[name] = value
				var invalid *jobschema.ValidationError
				if _, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: v}); !errors.As(err, &invalid) {
					c.Errorf("%s = %v: %v", name, value, err)
				}
			}
		}
		if calls, err := c.server.Store().Calls(); err != nil || len(calls) > 0 {
			c.Errorf("the host was asked: %v, %v", calls, err)
		}
		// The agent trusts no client in this.
		agent := newAgent(c.T, c.server)
		for name, value := range map[string]any{"vm_name": `..\..\x`, "image_name": `..\x`, "gb_ram": true, "cpu_cores": 1.5} {
			def := job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 1}, Operation: job.OperationProvision}
			for id, v := range map[string]any{"vm_name": "web-01", "image_name": "ubuntu-24.04", "gb_ram": 2, "cpu_cores": 2} {
				if id == name {
					v = value
				}
				def.Fields = append(def.Fields, job.Field{ID: id, Value: v})
			}
			if _, err := agent.Submit(c.Context(), hostagent.Submission{Job: outliveJob, Definition: def}); err == nil || !strings.Contains(err.Error(), name) {
				c.Errorf("the agent took %s = %v: %v", name, value, err)
			}
		}
		fields, err := c.service.Schema().Validate(func() map[string]any { v := values("web-01"); v["guest_la_pw"] = "  edge spaces  "; return v }())
		c.must(err)
		if password, _ := fields.Get("guest_la_pw"); password != "  edge spaces  " {
			c.Errorf("the password became %q", password)
		}
	})
}

// TestTrapARemovalTakesWhatIsNotTheMachines: shared files, and neighbours whose names begin the same.
func TestTrapARemovalTakesWhatIsNotTheMachines(t *testing.T) {
	onEachSide(t, func(c *trap) {
		vm := c.makes("web-01")
		folder := filepath.Dir(vm.Disks[0])
		library := filepath.Join(c.disks(), "library.iso")
		foreign := []string{
			library, filepath.Join(folder, "web-012.vhdx"), filepath.Join(folder, "web-01-old.vhdx"), filepath.Join(folder, "web-01.iso"),
			filepath.Join(filepath.Dir(folder), "Provisioning.iso"), filepath.Join(c.disks(), "web-01.vhdx"),
		}
		for _, path := range foreign {
			c.plants(path, "mine")
		}
		onHost(c.T, c.server, func(s *hyperv.State) {
			s.VMs[0].State = "Saved"
			s.VMs[0].Drives = append(s.VMs[0].Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: 1, Path: library})
			s.Behaviour.Calls = map[string]hyperv.Call{"Remove-VM": {Fail: "locked by a backup", Times: 1}}
		})
		if _, err := c.does(hvprov.Submission{Operation: job.OperationDelete, VMID: vm.ID}); !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		if _, err := os.Stat(vm.Disks[0]); err != nil || len(c.state().VMs) != 1 {
			c.Errorf("a machine that is there lost its disk: %v", err)
		}
		result, err := c.does(hvprov.Submission{Operation: job.OperationDelete, VMID: vm.ID})
		c.must(err)
		if len(c.state().VMs) > 0 || slices.Contains(c.files(), vm.Disks[0]) || len(result.Left) == 0 {
			c.Errorf("%+v; files %q; left %q", c.state().VMs, c.files(), result.Left)
		}
		for _, path := range foreign {
			c.holds(path, "mine")
		}
		if _, err := c.does(hvprov.Submission{Operation: job.OperationDelete, VMID: vm.ID}); err != nil {
			c.Errorf("a machine that is gone: %v", err)
		}
	})
}

// TestTrapADiskThatCannotBeAttachedLeavesAMachineThatNobodyKnows: and the next try makes a second of the name.
func TestTrapADiskThatCannotBeAttachedLeavesAMachineThatNobodyKnows(t *testing.T) {
	onEachSide(t, func(c *trap) {
		c.behaves(map[string]hyperv.Call{"Add-VMHardDiskDrive": {Fail: "in use", Times: 1}})
		if _, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-01")}); !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		if n := len(c.state().VMs); n != 0 {
			c.Errorf("%d machines are left", n)
		}
		c.makes("web-01")
		if n := len(c.state().VMs); n != 1 {
			c.Errorf("%d machines", n)
		}
	})
}

// TestTrapAnInterruptOrphansTheMachine: Ctrl-C, while Hyper-V makes it.
func TestTrapAnInterruptOrphansTheMachine(t *testing.T) {
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			s := setStage(t, opts, "New-VM", true)
			onHost(t, s.server, func(state *hyperv.State) { state.Behaviour.CopyBytesPerSecond = 1000 }) // so that the double does not get far
			service := oneOfSeveral(t, s.server, nil)
			j, err := service.Submit(t.Context(), hvprov.Submission{
				Host: "hv01", Operation: job.OperationProvision, Values: s.values(), JobID: outliveJob,
			})
			s.must(err)
			s.reached()
			closed := make(chan error, 1)
			go func() { // as the provider does
				j.Cancel()
				closed <- service.Close(context.Background())
			}()
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			until(ctx, t, "the host knows of the cancel", func() bool { return cancelled(s, side) })
			s.release()
			s.must(<-closed)
			if _, err := j.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) {
				t.Errorf("got %v", err)
			}
			s.bare()
		})
	}
}

// TestTrapAnAnswerIsReadBeforeItIsWhole: many large answers, with no delay between them.
func TestTrapAnAnswerIsReadBeforeItIsWhole(t *testing.T) {
	onEachSide(t, func(c *trap) {
		onHost(c.T, c.server, func(s *hyperv.State) {
			for n := range 60 {
				s.VMs = append(s.VMs, hyperv.VM{
					ID: fmt.Sprintf("0b5d1c5e-6a1e-4c39-9d0b-%012d", n), Name: fmt.Sprintf("vm-%02d", n), State: "Off", Generation: 2, Notes: strings.Repeat("n", 2000),
				})
			}
		})
		agent := newAgent(c.T, c.server)
		rounds := 100
		if c.opts.PowerShell != "" {
			rounds = 8
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range rounds / 4 {
					result, err := agent.Inventory(c.Context())
					if err != nil || len(result.VMs) != 60 || len(result.VMs[59].Notes) != 2000 {
						c.Errorf("%d machines, %v", len(result.VMs), err)
					}
				}
			})
		}
		all.Wait()
	})
}

// TestTrapAQuoteInAValueBecomesCode: text that ends a string of PowerShell's, and goes on.
func TestTrapAQuoteInAValueBecomesCode(t *testing.T) {
	onEachSide(t, func(c *trap) {
		notes := "it's; \"quoted\" $(Get-VM | Remove-VM -Force) `n '; Get-VM | Remove-VM -Force; '\u2019\n\"@\n'@\nRemove-Item *"
		c.makes("bystander")
		v := values("web-01")
		v["notes"] = notes
		result, err := c.does(hvprov.Submission{Operation: job.OperationProvision, Values: v})
		c.must(err)
		if result.VM.Notes != notes || len(c.state().VMs) != 2 {
			c.Errorf("%d machines, and the notes are %q", len(c.state().VMs), result.VM.Notes)
		}
	})
}
