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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

// TestAHostThatRestartsUndoesWhatItsJobsHadMade restarts it while a job is in the middle of its work.
func TestAHostThatRestartsUndoesWhatItsJobsHadMade(t *testing.T) {
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			s := setStage(t, opts, "Set-VMFirmware", false)
			j := s.start()
			s.server.Reboot()
			s.release()
			var died *hvprov.JobError
			if _, err := j.Wait(t.Context()); !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied || died.Failure.Step != "firmware" {
				t.Errorf("got %v", err)
			}
			s.bare()
			s.again(false)
		})
	}
}

// TestTheFirstToComeUndoesAJobThatDied has no client watch as a job dies, and its host's simulator end as well.
func TestTheFirstToComeUndoesAJobThatDied(t *testing.T) {
	t.Parallel()
	opts := withPowerShell(t)
	s := setStage(t, opts, "Add-VMHardDiskDrive", true)
	s.startAndGo()
	s.must(s.server.Close())
	s.release()

	opts.StateFile = s.server.StateFile()
	s.server = startHost(t, opts)
	second := newAgent(t, s.server)
	jobs, err := second.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].Job != outliveJob {
		t.Fatalf("the jobs are %+v, %v", jobs, err)
	}
	run, err := second.Attach(t.Context(), outliveJob, 0)
	s.must(err)
	for {
		e, err := run.Next(t.Context())
		s.must(err)
		if e.Kind == job.KindResult {
			if e.Error == nil || e.Error.Code != job.CodeWorkerDied || len(e.Undone) == 0 {
				t.Errorf("the job ended as %s: %+v, undone: %q", e.Outcome, e.Error, e.Undone)
			}
			break
		}
	}
	s.bare()
}

// TestASessionRemovesWhatIsOld has a job and an agent on the host that nobody needs any more.
func TestASessionRemovesWhatIsOld(t *testing.T) {
	t.Parallel()
	server := startHost(t, withPowerShell(t))
	service := oneOfSeveral(t, server, nil)
	for _, id := range []string{outliveJob, "a0000000-0000-4000-8000-000000000002"} {
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
	folder, other := filepath.Join(data, "jobs", outliveJob), filepath.Join(data, "agent", "0.0.1-0123456789abcdef")
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
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	until(ctx, t, "the old job and the old agent go", func() bool {
		_, errJob := os.Stat(folder)
		_, errAgent := os.Stat(other)
		return errJob != nil && errAgent != nil
	})
	jobs, err := second.Jobs(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Errorf("the jobs are %+v, %v", jobs, err)
	}
	if agents, err := os.ReadDir(filepath.Join(data, "agent")); err != nil || len(agents) != 1 {
		t.Errorf("the agents are %v, %v", agents, err)
	}
}

// TestAnInstalledAgentThatWasChangedIsNotRun changes it.
func TestAnInstalledAgentThatWasChangedIsNotRun(t *testing.T) {
	t.Parallel()
	server := startHost(t, withPowerShell(t))
	service := oneOfSeveral(t, server, nil)
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
		t.Fatalf("the agents are %q, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("throw 'changed'"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := remove(); !errors.Is(err, hvprov.ErrHostNotReady) {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || string(text) != "throw 'changed'" {
		t.Errorf("the file now holds %q, %v", text, err)
	}
}

// withPowerShell gives a host with the agent itself, or skips the test.
func withPowerShell(t *testing.T) simhost.Options {
	t.Helper()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH names no PowerShell to run the agent with")
	}
	return simhost.Options{PowerShell: pwsh}
}

// until waits for something that no other process tells of.
func until(ctx context.Context, t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
