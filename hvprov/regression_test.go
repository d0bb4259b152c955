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
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// The tests in this file cover failures that are known from other tools that provision Hyper-V virtual machines.

// Two hosts of a cluster create virtual machines with the same name on one volume.
func TestADiskWithTheSameNameOnSharedStorageIsNotOverwritten(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		first := c.provision("web-01")
		c.writeFile(first.Disks[0], "data of the first virtual machine")
		second := startHost(c.T, c.opts)
		updateHost(c.T, second, func(s *hyperv.State) { s.Host.Name, s.Host.VirtualHardDiskPath = "OTHER", c.disks() })
		v := values("WEB-01")
		v["image_name"] = "windows-server-2022"
		j, err := newSharedHostService(c.T, second, nil).Submit(c.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: v})
		c.must(err)
		result, err := j.Wait(c.Context())
		c.must(err)
		c.wantFile(first.Disks[0], "data of the first virtual machine")
		if len(result.VM.Disks) != 1 || result.VM.Disks[0] == first.Disks[0] {
			c.Errorf("disks of the second virtual machine are %q, those of the first %q", result.VM.Disks, first.Disks)
		}
		image, err := os.ReadFile(filepath.Join(c.disks(), "Images", "windows-server-2022.vhdx"))
		c.must(err)
		if disk, err := os.ReadFile(result.VM.Disks[0]); err != nil || !bytes.Equal(disk, image) {
			c.Errorf("disk of the second virtual machine is not a copy of its image: %v", err)
		}
	})
}

// The folder of the job exists already.
func TestAnExistingDiskIsNotOverwritten(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		disk := filepath.Join(c.disks(), "hypervvm", fixedJobID, "web-01.vhdx")
		c.writeFile(disk, "foreign")
		_, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-01"), JobID: fixedJobID})
		if !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		c.wantFile(disk, "foreign")
		if len(c.state().VMs) > 0 {
			c.Errorf("virtual machines left: %+v", c.state().VMs)
		}
	})
}

// The worker dies after its last call, before it reports the result.
func TestAJobWithoutAResultHasNotSucceeded(t *testing.T) {
	t.Parallel()
	for backend, opts := range backends(t) {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			sampleRealAgent(t, opts)
			s := newFixture(t, opts, "Start-VM", true)
			j := s.start()
			s.must(s.server.KillWorker(j.ID()))
			s.release()
			result, err := j.Wait(t.Context())
			var died *hvprov.JobError
			if !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied || result != nil && result.Outcome == job.Succeeded {
				t.Errorf("result is %+v, error %v", result, err)
			}
			s.wantNothing()
		})
	}
}

// One name is submitted several times at once, and one job twice.
func TestANameIsReservedBeforeItsJobRuns(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		var all sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			all.Go(func() { _, errs[i] = provision(c.T, c.service, []string{"web-01", "WEB-01"}[i%2], nil) })
		}
		all.Wait()
		created := 0
		for _, err := range errs {
			if err == nil {
				created++
			} else if !errors.Is(err, hvprov.ErrNameTaken) {
				c.Error(err)
			}
		}
		if n := len(c.state().VMs); created != 1 || n != 1 {
			c.Errorf("%d jobs succeeded and %d virtual machines exist, want 1 and 1", created, n)
		}
		for range 2 {
			_, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-02"), JobID: fixedJobID})
			c.must(err)
		}
		if n := len(c.state().VMs); n != 2 {
			c.Errorf("job that was submitted twice ran twice: %d virtual machines", n)
		}
	})
}

// Error messages of the host contain the password.
func TestAnErrorThatContainsThePasswordIsRedacted(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		c.setCalls(map[string]hyperv.Call{"Start-VM": {Fail: "cannot read {\"guest_la_pw\":\"" + secret + "\"}"}, "Remove-VM": {Fail: secret + " is in use"}})
		var output strings.Builder
		_, err := c.run(hvprov.Submission{
			Operation: job.OperationProvision, Values: values("web-01"), OnEvent: func(e job.Event) { fmt.Fprintf(&output, "%+v\n", e) },
		})
		var failed *hvprov.JobError
		if !errors.As(err, &failed) || failed.Result == nil || len(failed.Result.Left) == 0 {
			c.Fatalf("got %v", err)
		}
		text := output.String() + err.Error() + fmt.Sprintf("%+v %+v", failed, *failed.Result)
		if strings.Contains(text, secret) || !strings.Contains(text, "******") {
			c.Errorf("text contains the secret, or no mask:\n%s", text)
		}
		// The agent redacts as well, without the help of the client.
		def := job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 2}, Operation: job.OperationProvision}
		for id, v := range map[string]any{"vm_name": "web-02", "image_name": "ubuntu-24.04", "gb_ram": 2, "cpu_cores": 2, "guest_la_pw": secret} {
			def.Fields = append(def.Fields, job.Field{ID: id, Value: v})
		}
		run, err := newAgent(c.T, c.server).Submit(c.Context(), hostagent.JobRequest{Job: fixedJobID, Definition: def, Secrets: []string{"guest_la_pw"}})
		c.must(err)
		for ended := false; !ended; {
			e, err := run.Next(c.Context())
			c.must(err)
			if raw := fmt.Sprintf("%+v", e); strings.Contains(raw, secret) || e.Result != nil && strings.Contains(fmt.Sprintf("%+v %+v", *e.Result, e.Error), secret) {
				c.Errorf("event of the agent contains the secret: %s", raw)
			}
			ended = e.Kind == job.KindResult
		}
		c.setCalls(nil) // whose state contains the secret
		(&fixture{T: c.T, server: c.server}).checkSecrets()
	})
}

// The last step fails, and the same virtual machine is submitted again.
func TestAFailureLeavesNothingThatPreventsTheNextAttempt(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		c.setCalls(map[string]hyperv.Call{"Start-VM": {Fail: "no power", Times: 1}})
		if _, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-01")}); !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		if files := c.files(); len(files) > 0 || len(c.state().VMs) > 0 {
			c.Errorf("left are the files %q and the virtual machines %+v", files, c.state().VMs)
		}
		c.provision("web-01")
	})
}

// Fractions are not truncated, booleans are not numbers, and names are not paths or patterns.
func TestInvalidValuesAreRefusedAndNotConverted(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		updateHost(c.T, c.server, func(s *hyperv.State) { s.Behaviour.RecordCalls = true })
		invalidValues := map[string][]any{
			"gb_ram": {8.9, true, []any{8}, "0x10"}, "cpu_cores": {1.5, false},
			"vm_name": {strings.Repeat("x", 101), "a\x01b", []any{"a"}, 7}, "image_name": {"../x"},
		}
		for name, list := range invalidValues {
			for _, value := range list {
				v := values("web-01")
				v[name] = value
				var invalid *jobschema.ValidationError
				if _, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: v}); !errors.As(err, &invalid) {
					c.Errorf("%s = %v: %v", name, value, err)
				}
			}
		}
		if calls, err := c.server.Store().Calls(); err != nil || len(calls) > 0 {
			c.Errorf("cmdlets were called: %v, error %v", calls, err)
		}
		for _, name := range []string{`..\..\x`, "a/b", "web*"} { // which an existing virtual machine can have
			if _, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: values(name)}); err == nil || !strings.Contains(err.Error(), "vm_name") {
				c.Errorf("name %s: %v", name, err)
			}
		}
		if files := c.files(); len(files) > 0 || len(c.state().VMs) > 0 {
			c.Errorf("left are the files %q and the virtual machines %+v", files, c.state().VMs)
		}
		// The agent does not rely on the checks of the client.
		agent := newAgent(c.T, c.server)
		for name, value := range map[string]any{"vm_name": `..\..\x`, "image_name": `..\x`, "gb_ram": true, "cpu_cores": 1.5} {
			def := job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 2}, Operation: job.OperationProvision}
			for id, v := range map[string]any{"vm_name": "web-01", "image_name": "ubuntu-24.04", "gb_ram": 2, "cpu_cores": 2} {
				if id == name {
					v = value
				}
				def.Fields = append(def.Fields, job.Field{ID: id, Value: v})
			}
			if _, err := agent.Submit(c.Context(), hostagent.JobRequest{Job: fixedJobID, Definition: def}); err == nil || !strings.Contains(err.Error(), name) {
				c.Errorf("agent accepted %s = %v: %v", name, value, err)
			}
		}
		fields, err := c.service.Schema().Validate(func() map[string]any { v := values("web-01"); v["guest_la_pw"] = "  edge spaces  "; return v }())
		c.must(err)
		if password, _ := fields.Get("guest_la_pw"); password != "  edge spaces  " {
			c.Errorf("password was changed to %q", password)
		}
	})
}

// The virtual machine uses a shared file, and there are files whose names begin with the same text.
func TestADeleteRemovesOnlyFilesOfItsVM(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		vm := c.provision("web-01")
		folder := filepath.Dir(vm.Disks[0])
		library := filepath.Join(c.disks(), "library.iso")
		foreign := []string{
			library, filepath.Join(folder, "web-012.vhdx"), filepath.Join(folder, "web-01-old.vhdx"), filepath.Join(folder, "web-01.iso"),
			filepath.Join(filepath.Dir(folder), "Provisioning.iso"), filepath.Join(c.disks(), "web-01.vhdx"),
		}
		for _, path := range foreign {
			c.writeFile(path, "foreign")
		}
		updateHost(c.T, c.server, func(s *hyperv.State) {
			s.VMs[0].State = "Saved"
			s.VMs[0].Drives = append(s.VMs[0].Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: 1, Path: library})
			s.Behaviour.Calls = map[string]hyperv.Call{"Remove-VM": {Fail: "locked by a backup", Times: 1}}
		})
		if _, err := c.run(hvprov.Submission{Operation: job.OperationDelete, VMID: vm.ID}); !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		if _, err := os.Stat(vm.Disks[0]); err != nil || len(c.state().VMs) != 1 {
			c.Errorf("virtual machine whose delete failed lost its disk: %v", err)
		}
		result, err := c.run(hvprov.Submission{Operation: job.OperationDelete, VMID: vm.ID})
		c.must(err)
		if len(c.state().VMs) > 0 || slices.Contains(c.files(), vm.Disks[0]) || len(result.Left) == 0 {
			c.Errorf("virtual machines are %+v, files %q, reported as left %q", c.state().VMs, c.files(), result.Left)
		}
		for _, path := range foreign {
			c.wantFile(path, "foreign")
		}
		if _, err := c.run(hvprov.Submission{Operation: job.OperationDelete, VMID: vm.ID}); err != nil {
			c.Errorf("delete of a virtual machine that does not exist: %v", err)
		}
	})
}

// If the virtual machine were left, the next attempt would create a second one with the same name.
func TestADiskThatCannotBeAttachedLeavesNoVM(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		c.setCalls(map[string]hyperv.Call{"Add-VMHardDiskDrive": {Fail: "in use", Times: 1}})
		if _, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: values("web-01")}); !errors.Is(err, hvprov.ErrJobFailed) {
			c.Errorf("got %v", err)
		}
		if n := len(c.state().VMs); n != 0 {
			c.Errorf("%d virtual machines are left", n)
		}
		c.provision("web-01")
		if n := len(c.state().VMs); n != 1 {
			c.Errorf("%d virtual machines exist, want 1", n)
		}
	})
}

// The user interrupts the program while Hyper-V creates the virtual machine.
func TestAnInterruptLeavesNoVM(t *testing.T) {
	t.Parallel()
	for backend, opts := range backends(t) {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			sampleRealAgent(t, opts)
			s := newFixture(t, opts, "New-VM", true)
			updateHost(t, s.server, func(state *hyperv.State) { state.Behaviour.CopyBytesPerSecond = 1000 }) // so that the fake agent takes long
			service := newSharedHostService(t, s.server, nil)
			j, err := service.Submit(t.Context(), hvprov.Submission{
				Host: "hv01", Operation: job.OperationProvision, Values: s.values(), JobID: fixedJobID,
			})
			s.must(err)
			s.waitUntilHeld()
			closed := make(chan error, 1)
			go func() { // as the provider does
				j.Cancel()
				closed <- service.Close(context.Background())
			}()
			ctx, stop := context.WithTimeout(t.Context(), deadlockGuard)
			defer stop()
			simtest.WaitFor(ctx, t, "cancellation is recorded", func() bool { return cancelRecorded(s, backend) })
			s.release()
			s.must(<-closed)
			if _, err := j.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) {
				t.Errorf("got %v", err)
			}
			s.wantNothing()
		})
	}
}

// Many large answers arrive without a delay between them.
func TestAnswersAreReadCompletely(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		updateHost(c.T, c.server, func(s *hyperv.State) {
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
						c.Errorf("inventory has %d virtual machines, error %v", len(result.VMs), err)
					}
				}
			})
		}
		all.Wait()
	})
}

// The text ends a PowerShell string and continues with commands.
func TestQuotesInAValueDoNotBecomeCode(t *testing.T) {
	onEachBackend(t, func(c *regression) {
		notes := "it's; \"quoted\" $(Get-VM | Remove-VM -Force) `n '; Get-VM | Remove-VM -Force; '\u2019\n\"@\n'@\nRemove-Item *"
		c.provision("bystander")
		v := values("web-01")
		v["notes"] = notes
		result, err := c.run(hvprov.Submission{Operation: job.OperationProvision, Values: v})
		c.must(err)
		if result.VM.Notes != notes || len(c.state().VMs) != 2 {
			c.Errorf("%d virtual machines exist, and the notes are %q", len(c.state().VMs), result.VM.Notes)
		}
	})
}
