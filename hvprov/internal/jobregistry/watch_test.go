// SPDX-License-Identifier: MPL-2.0

package jobregistry_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// sharedStore is a store of several registries. The test reports the changes.
type sharedStore struct {
	jobstore.Memory
	changes chan func(changed func(id string, version int64) error)
}

func (s *sharedStore) Watch(ctx context.Context, changed func(id string, version int64) error) error {
	for {
		select {
		case change := <-s.changes:
			change(changed)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// report reports a change, and returns when it was handled.
func (s *sharedStore) report(t *testing.T, id string, version int64) {
	t.Helper()
	result := make(chan error)
	s.changes <- func(changed func(id string, version int64) error) { result <- changed(id, version) }
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func TestARegistryFollowsTheChangesOfAnother(t *testing.T) {
	t.Parallel()
	store := &sharedStore{changes: make(chan func(func(string, int64) error))}
	here := open(t, jobregistry.Options{Store: store})
	var states []jobstore.State
	there := open(t, jobregistry.Options{Store: store, OnTransition: func(r jobstore.Record) { states = append(states, r.State) }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- there.Watch(ctx) }()

	add(t, here, "j1")
	store.report(t, "j1", 1)
	store.report(t, "J1", 1) // again
	transition(t, here, "j1", jobstore.Queued, jobstore.Running)
	store.report(t, "j1", 2) // the record has version 3 by then
	store.report(t, "j1", 3)
	if r, err := there.Get("j1"); err != nil || r.State != jobstore.Running || r.Version != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
	transition(t, there, "j1", jobstore.Succeeded) // the other one may end it
	store.report(t, "j1", 4)
	if counts := there.Counts(); counts[jobstore.Succeeded] != 1 || counts[jobstore.Running] != 0 {
		t.Errorf("counts %v", counts)
	}
	if want := []jobstore.State{jobstore.Pending, jobstore.Running, jobstore.Succeeded}; !slices.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
	if err := store.Delete(t.Context(), "j1"); err != nil {
		t.Fatal(err)
	}
	store.report(t, "j1", 0)
	store.report(t, "j1", 5) // late
	if _, err := there.Get("j1"); !errors.Is(err, jobstore.ErrNotFound) {
		t.Errorf("a deleted record: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended: %v", err)
	}
}

func TestARecordThatAnotherRegistryAddedIsKnownAfterTheConflict(t *testing.T) {
	t.Parallel()
	store := &sharedStore{}
	here, there := open(t, jobregistry.Options{Store: store}), open(t, jobregistry.Options{Store: store})
	add(t, here, "j1")
	if _, err := there.Add(t.Context(), jobstore.Record{ID: "J1", Host: "hv02"}); !errors.Is(err, jobstore.ErrExists) {
		t.Fatalf("got %v", err)
	}
	if r, err := there.Get("j1"); err != nil || r.Host != "hv01" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestAStoreOfOneServiceIsNotWatched(t *testing.T) {
	t.Parallel()
	if err := open(t, jobregistry.Options{}).Watch(t.Context()); err != nil {
		t.Error(err)
	}
}
