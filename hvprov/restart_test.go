// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// TestARestartOfTheHostRollsBackItsJobs restarts the host during a job.
func TestARestartOfTheHostRollsBackItsJobs(t *testing.T) {
	t.Parallel()
	for backend, opts := range backends(t) {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			sampleRealAgent(t, opts)
			s := newFixture(t, opts, "Set-VMFirmware", false)
			j := s.start()
			s.server.Reboot()
			s.release()
			var died *hvprov.JobError
			if _, err := j.Wait(t.Context()); !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied || died.Failure.Step != "firmware" {
				t.Errorf("got %v", err)
			}
			s.wantNothing()
			s.submitAgain(false)
		})
	}
}

// TestTheNextClientHasADeadJobRolledBack ends a job and the simulator of its host while no client is connected.
func TestTheNextClientHasADeadJobRolledBack(t *testing.T) {
	t.Parallel()
	opts := withPowerShell(t)
	s := newFixture(t, opts, "Add-VMHardDiskDrive", true)
	s.startAndLeave()
	s.must(s.server.Close())
	s.release()

	opts.StateFile = s.server.StateFile()
	s.server = startHost(t, opts)
	second := newAgent(t, s.server)
	jobs, err := second.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].Job != fixedJobID {
		t.Fatalf("jobs are %+v, error %v", jobs, err)
	}
	run, err := second.Attach(t.Context(), fixedJobID, 0)
	s.must(err)
	for {
		e, err := run.Next(t.Context())
		s.must(err)
		if e.Kind == job.KindResult {
			if e.Error == nil || e.Error.Code != job.CodeWorkerDied || len(e.Undone) == 0 {
				t.Errorf("outcome is %s: %+v, rolled back: %q", e.Outcome, e.Error, e.Undone)
			}
			break
		}
	}
	s.wantNothing()
}

// TestASessionRemovesOldJobsAndAgents creates a job folder and an agent folder that are past their retention.
func TestASessionRemovesOldJobsAndAgents(t *testing.T) {
	t.Parallel()
	server := startHost(t, withPowerShell(t))
	service := newSharedHostService(t, server, nil)
	for _, id := range []string{fixedJobID, "a0000000-0000-4000-8000-000000000002"} {
		j, err := service.Submit(t.Context(), hvprov.Submission{
			Host: "hv01", Operation: job.OperationDelete, VMID: "b0000000-0000-4000-8000-000000000001", JobID: id,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(server.ProgramData(), "hypervvm")
	old := time.Now().AddDate(0, 0, -8)
	folder, other := filepath.Join(data, "jobs", fixedJobID), filepath.Join(data, "agent", "0.0.1-0123456789abcdef")
	if err := os.MkdirAll(other, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "state.json"), other} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	second := newAgent(t, server)
	if _, err := second.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), deadlockGuard)
	defer stop()
	simtest.WaitFor(ctx, t, "old job and old agent are removed", func() bool {
		_, errJob := os.Stat(folder)
		_, errAgent := os.Stat(other)
		return errJob != nil && errAgent != nil
	})
	jobs, err := second.Jobs(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Errorf("jobs are %+v, error %v", jobs, err)
	}
	if agents, err := os.ReadDir(filepath.Join(data, "agent")); err != nil || len(agents) != 1 {
		t.Errorf("agents are %v, error %v", agents, err)
	}
}

// TestAModifiedAgentIsNotRun modifies the installed agent.
func TestAModifiedAgentIsNotRun(t *testing.T) {
	t.Parallel()
	server := startHost(t, withPowerShell(t))
	service := newSharedHostService(t, server, nil)
	remove := func() error {
		t.Helper()
		j, err := service.Submit(t.Context(), hvprov.Submission{
			Host: "hv01", Operation: job.OperationDelete, VMID: "b0000000-0000-4000-8000-000000000001",
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Wait(t.Context())
		return err
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(server.ProgramData(), "hypervvm", "agent", "*", "agent.ps1"))
	if err != nil || len(files) != 1 {
		t.Fatalf("agents are %q, error %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("throw 'changed'"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := remove(); !errors.Is(err, hvprov.ErrHostNotReady) {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || string(text) != "throw 'changed'" {
		t.Errorf("file contains %q, error %v", text, err)
	}
}

// withPowerShell returns the options of a host with the real agent, or skips the test.
func withPowerShell(t *testing.T) simhost.Options {
	t.Helper()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH is not set to the path of a PowerShell")
	}
	return simhost.Options{PowerShell: pwsh}
}
