// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// The first replica stops renewing its lease while its job runs and ignores its context, as a process does that has died.
func TestAnotherReplicaTakesTheJobsOfOneThatHasDied(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	s, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ran, revive := make(chan string, 100), make(chan struct{})
	start := func(replica string) *queue {
		q, err := OpenQueue(t.Context(), QueueOptions{Options: Options{URL: url}, Replica: replica, Lease: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := q.AddHost(t.Context(), "hv01", 2); err != nil {
			t.Fatal(err)
		}
		err = q.Start(t.Context(), func(context.Context, string) error {
			ran <- replica
			if replica == "a" {
				<-revive
			}
			return nil
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		started, _ := q.(*queue)
		return started
	}
	dead := start("a")
	_, err = s.Put(t.Context(), jobstore.Record{ID: "j1", Host: "hv01", Operation: job.OperationProvision, VMName: "web", State: jobstore.Queued})
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Put(t.Context(), "hv01", "j1"); err != nil {
		t.Fatal(err)
	}
	if replica := <-ran; replica != "a" {
		t.Fatalf("replica %s ran the job", replica)
	}
	dead.stop()
	alive := start("b")
	if replica := <-ran; replica != "b" {
		t.Errorf("replica %s ran the job", replica)
	}
	close(revive)
	_ = dead.Close(context.WithoutCancel(t.Context())) // reports that it has ended before
	if err := alive.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
