// SPDX-License-Identifier: MPL-2.0

package dispatch

import (
	"context"
	"log/slog"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

type noInventory struct{}

func (noInventory) Reserve(inventorycache.Reservation) (func(), error) { return func() {}, nil }
func (noInventory) InvalidateVM(string, string)                        {}
func (noInventory) VMName(string, string) string                       { return "" }

const jobID = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"

// newRunning returns a dispatcher with the record of a running job, which is not active.
func newRunning(ctx context.Context, t *testing.T) (d *Dispatcher, h *hostset.Host, running jobstore.Record) {
	t.Helper()
	schema, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	translation, err := jobschema.Translate(schema, schema)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := jobregistry.Open(ctx, jobregistry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pools, err := taskpool.NewPools(taskpool.PoolsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hosts := &hostset.Set{}
	h = &hostset.Host{Name: "hv01"}
	if err := hosts.Add(h); err != nil {
		t.Fatal(err)
	}
	d = New(Options{
		Hosts: hosts, Specs: &jobspec.Builder{Schema: schema, Translation: translation}, Jobs: jobs, Pool: pools.Job,
		Inventory: noInventory{}, Logger: slog.New(slog.DiscardHandler), AddSecrets: func(...string) func() { return func() {} },
	})
	running = jobstore.Record{ID: jobID, Host: h.Name, Operation: job.OperationDelete, VMID: jobID, HostAccepted: true}
	if _, err := jobs.Add(ctx, running); err != nil {
		t.Fatal(err)
	}
	for _, state := range []jobstore.State{jobstore.Queued, jobstore.Running} {
		if running, err = jobs.Transition(ctx, jobID, state, nil); err != nil {
			t.Fatal(err)
		}
	}
	return d, h, running
}

// Attach reads the record of a job, and the job may end before Attach makes it active again.
func TestAJobThatEndsWhileItIsAttachedKeepsItsOutcome(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d, _, running := newRunning(ctx, t)
	if _, err := d.Jobs.Transition(ctx, jobID, jobstore.Succeeded, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Pool.Close(ctx); err != nil { // a job that is queued again ends at once
		t.Fatal(err)
	}
	j, err := d.restore(ctx, running)
	if err != nil {
		t.Fatalf("job that has succeeded was queued again: %v", err)
	}
	if _, err := j.Wait(ctx); err != nil {
		t.Errorf("job that has succeeded ended with %v", err)
	}
	if d.Active(jobID) != nil {
		t.Error("job that has ended is active")
	}
}

func TestCancellingAJobThatIsNoLongerFollowedDoesNotChangeItsRecord(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d, h, running := newRunning(ctx, t)
	j := d.newJob(h, jobspec.Spec{Record: running})
	j.finish(nil, j.runner.Failed(cause.ErrJobUnknown, nil, jobrun.ErrDetached))
	j.cancel(ctx)
	if r, err := d.Jobs.Get(jobID); err != nil || r.CancelRequested {
		t.Errorf("cancel requested: %t, %v", r.CancelRequested, err)
	}
}
