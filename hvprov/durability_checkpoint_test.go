// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// deadCheckpointJob is a checkpoint job whose worker is killed while a cmdlet is held.
type deadCheckpointJob struct {
	cmdlet   string
	after    bool // the cmdlet has acted
	values   map[string]any
	succeeds bool
	undone   int
	names    string // checkpoints afterwards
	state    string // of the virtual machine
	parent   string // name of the checkpoint that it continues from
	reported string // name of the checkpoint in the result
}

var (
	applyFirst  = map[string]any{"checkpoint_action": "apply", "checkpoint_name": "first", "checkpoint_start": true}
	removeFirst = map[string]any{"checkpoint_action": "remove", "checkpoint_name": "first"}
	takeThird   = map[string]any{"checkpoint_action": "take", "checkpoint_name": "third"}
)

// An apply or a removal cannot be undone: a job whose worker died after it has succeeded.
var deadCheckpointJobs = map[string]deadCheckpointJob{
	"before an apply":  {cmdlet: "Restore-VMSnapshot", values: applyFirst, undone: 1, names: "first second", state: "Running", parent: "second"},
	"after an apply":   {cmdlet: "Restore-VMSnapshot", after: true, values: applyFirst, succeeds: true, names: "first second", state: "Running", parent: "first", reported: "first"},
	"before a removal": {cmdlet: "Remove-VMSnapshot", values: removeFirst, names: "first second", state: "Running", parent: "second"},
	"after a removal":  {cmdlet: "Remove-VMSnapshot", after: true, values: removeFirst, succeeds: true, names: "second", state: "Running", parent: "second"},
	"after a new one":  {cmdlet: "Checkpoint-VM", after: true, values: takeThird, undone: 1, names: "first second", state: "Running", parent: "second"},
	"before a new one": {cmdlet: "Checkpoint-VM", values: takeThird, names: "first second", state: "Running", parent: "second"},
}

func TestTheOutcomeOfACheckpointJobWhoseWorkerDiedIsWhatTheHostHas(t *testing.T) {
	t.Parallel()
	for name, c := range deadCheckpointJobs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("double", func(t *testing.T) { t.Parallel(); c.run(t, simhost.Options{}) })
			t.Run("real", func(t *testing.T) {
				t.Parallel()
				if !full && name != "after an apply" {
					t.Skip("the real agent runs one case; FULL=1 runs all")
				}
				c.run(t, withPowerShell(t))
			})
		})
	}
}

func (c deadCheckpointJob) run(t *testing.T, opts simhost.Options) {
	dir := t.TempDir()
	opts.StateFile = filepath.Join(dir, "state.json")
	s := &fixture{T: t, server: startHost(t, opts), hold: filepath.Join(dir, "hold")}
	service := newSharedHostService(t, s.server, nil)
	created, err := provision(t, service, "web-01", nil)
	s.must(err)
	submit := func(values map[string]any, id string) *hvprov.Job {
		j, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationCheckpoint, VMID: created.VM.ID, Values: maps.Clone(values), JobID: id})
		s.must(err)
		return j
	}
	updateHost(t, s.server, func(state *hyperv.State) { state.VMs[0].CheckpointType = "Production" })
	for _, name := range []string{"first", "second"} {
		_, err := submit(map[string]any{"checkpoint_action": "take", "checkpoint_name": name}, "").Wait(t.Context())
		s.must(err)
	}
	s.must(os.WriteFile(s.hold, nil, 0o600))
	updateHost(t, s.server, func(state *hyperv.State) {
		state.Behaviour.Calls = map[string]hyperv.Call{c.cmdlet: {Hold: s.hold, After: c.after, Times: 1}}
	})
	j := submit(c.values, fixedJobID)
	ctx, stop := context.WithTimeout(t.Context(), deadlockGuard)
	defer stop()
	simtest.WaitFor(ctx, t, "checkpoint job is held", func() bool {
		_, err := os.Stat(s.hold + ".reached")
		return err == nil
	})
	s.must(s.server.KillWorker(j.ID()))
	s.must(os.Remove(s.hold))

	result, err := j.Wait(t.Context())
	var died *hvprov.JobError
	switch {
	case c.succeeds && err != nil:
		t.Errorf("got %v", err)
	case c.succeeds:
		if got := result.Checkpoint; c.reported != "" && (got == nil || got.Name != c.reported) {
			t.Errorf("the result has the checkpoint %+v", got)
		}
	case !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied || len(died.Result.Undone) != c.undone:
		t.Errorf("got %v", err)
	}
	state, err := s.server.Store().Read()
	s.must(err)
	vm := state.VMs[0]
	var names []string
	parent := ""
	for _, checkpoint := range vm.Checkpoints {
		names = append(names, checkpoint.Name)
		if checkpoint.ID == vm.ParentCheckpoint {
			parent = checkpoint.Name
		}
	}
	if got := strings.Join(names, " "); got != c.names || vm.State != c.state || parent != c.parent {
		t.Errorf("the virtual machine is %s after %s, with the checkpoints %s", vm.State, parent, got)
	}
}
