// SPDX-License-Identifier: MPL-2.0

package pgstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func openQueue(t *testing.T, url, replica string, lease time.Duration) jobstore.Queue {
	t.Helper()
	q, err := pgstore.OpenQueue(t.Context(), pgstore.QueueOptions{Options: pgstore.Options{URL: url}, Replica: replica, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func closeQueue(t *testing.T, q jobstore.Queue) {
	t.Helper()
	if err := q.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestAJobRunsOnTheReplicaThatOwnsItsHostAndMovesWhenThatOneLeaves(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	s := open(t, url)
	ran := make(chan string, 100)
	start := func(replica string) jobstore.Queue {
		q := openQueue(t, url, replica, 3*time.Second)
		if err := q.AddHost(t.Context(), "hv01", 2); err != nil {
			t.Fatal(err)
		}
		err := q.Start(t.Context(), func(ctx context.Context, id string) error {
			ran <- replica + " " + id
			if id != "long" {
				return nil
			}
			<-ctx.Done() // continues on its host
			return ctx.Err()
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	submit := func(q jobstore.Queue, id string) jobstore.Record {
		r := put(t, s, provision(id, "HV01", id))
		for range 2 { // the second one has no effect
			if err := q.Put(t.Context(), "HV01", id); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	first := start("a")
	short := submit(first, "short")
	if got := <-ran; got != "a short" {
		t.Fatalf("ran %s", got)
	}
	short.State = jobstore.Failed
	put(t, s, short)
	submit(first, "long")
	if got := <-ran; got != "a long" {
		t.Fatalf("ran %s", got)
	}
	second := start("b")
	closeQueue(t, first)
	if got := <-ran; got != "b long" {
		t.Errorf("ran %s", got)
	}
	closeQueue(t, second)
}

func TestAJobThatWaitsIsRemoved(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	s := open(t, url)
	accepting, working := openQueue(t, url, "a", time.Hour), openQueue(t, url, "b", 3*time.Second)
	for _, q := range []jobstore.Queue{accepting, working} {
		if err := q.AddHost(t.Context(), "hv01", 1); err != nil {
			t.Fatal(err)
		}
	}
	began, ended := make(chan string, 10), make(chan string, 10)
	err := working.Start(t.Context(), func(ctx context.Context, id string) error {
		began <- id
		<-ctx.Done()
		ended <- id
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		id := fmt.Sprintf("j%d", i)
		put(t, s, provision(id, "hv01", id))
		if err := accepting.Put(t.Context(), "hv01", id); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-began // it has the only place
		}
	}
	for i, want := range []bool{true, false} {
		id := fmt.Sprintf("j%d", 1-i)
		if removed, err := accepting.Remove(t.Context(), id); err != nil || removed != want {
			t.Errorf("job %s: removed %t, %v", id, removed, err)
		}
	}
	select {
	case id := <-ended:
		t.Errorf("the context of job %s ended: it is cancelled by its record", id)
	default:
	}
	closeQueue(t, working)
	closeQueue(t, accepting)
}
