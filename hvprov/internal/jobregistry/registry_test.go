// SPDX-License-Identifier: MPL-2.0

package jobregistry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func open(t *testing.T, opts jobregistry.Options) *jobregistry.Registry {
	t.Helper()
	g, err := jobregistry.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func add(t *testing.T, g *jobregistry.Registry, id string) {
	t.Helper()
	if _, err := g.Add(t.Context(), jobstore.Record{ID: id, Host: "hv01"}); err != nil {
		t.Fatal(err)
	}
}

func transition(t *testing.T, g *jobregistry.Registry, id string, states ...jobstore.State) {
	t.Helper()
	for _, s := range states {
		if _, err := g.Transition(t.Context(), id, s, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryTransitionIsAllowedOrRefused(t *testing.T) {
	t.Parallel()
	allowed := map[jobstore.State][]jobstore.State{
		jobstore.Pending: {jobstore.Queued, jobstore.Failed, jobstore.Cancelled},
		jobstore.Queued:  {jobstore.Running, jobstore.Failed, jobstore.Cancelled},
		jobstore.Running: {jobstore.Succeeded, jobstore.Failed, jobstore.Cancelled, jobstore.Unknown},
		jobstore.Unknown: {jobstore.Running, jobstore.Succeeded, jobstore.Failed, jobstore.Cancelled},
	}
	paths := map[jobstore.State][]jobstore.State{ // from pending to a state
		jobstore.Pending: {}, jobstore.Queued: {jobstore.Queued}, jobstore.Running: {jobstore.Queued, jobstore.Running},
		jobstore.Succeeded: {jobstore.Queued, jobstore.Running, jobstore.Succeeded}, jobstore.Failed: {jobstore.Failed}, jobstore.Cancelled: {jobstore.Cancelled},
		jobstore.Unknown: {jobstore.Queued, jobstore.Running, jobstore.Unknown},
	}
	for from, path := range paths {
		for _, to := range jobstore.States() {
			g := open(t, jobregistry.Options{})
			add(t, g, "j")
			transition(t, g, "j", path...)
			_, err := g.Transition(t.Context(), "J", to, nil)
			if ok := err == nil; ok != slices.Contains(allowed[from], to) || !ok && !errors.Is(err, jobregistry.ErrTransition) {
				t.Errorf("from %s to %s: %v", from, to, err)
			}
		}
	}
}

func TestARegistryReportsTransitionsAndCountsStates(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var reported []string
	store := &jobstore.Memory{}
	g := open(t, jobregistry.Options{
		Store: store, Now: func() time.Time { now = now.Add(time.Second); return now },
		OnTransition: func(r jobstore.Record) { reported = append(reported, r.ID+" "+string(r.State)) },
	})
	add(t, g, "a")
	add(t, g, "b")
	if _, err := g.Add(t.Context(), jobstore.Record{ID: "A"}); !errors.Is(err, jobstore.ErrExists) {
		t.Errorf("same ID in upper case: %v", err)
	}
	transition(t, g, "a", jobstore.Queued, jobstore.Running)
	if err := g.Update(t.Context(), "a", func(r *jobstore.Record) { r.Seq, r.State = 7, jobstore.Failed }); err != nil {
		t.Fatal(err)
	}
	if stored, err := store.Get(t.Context(), "a"); err != nil || stored.Seq != 7 || stored.State != jobstore.Running {
		t.Errorf("stored record is %+v, %v", stored, err)
	}
	transition(t, g, "a", jobstore.Succeeded)
	if want := []string{"a pending", "b pending", "a queued", "a running", "a succeeded"}; !slices.Equal(reported, want) {
		t.Errorf("reported %q", reported)
	}
	r, err := g.Get("A")
	if err != nil || r.Seq != 7 || r.Version != 5 || !r.Submitted.Before(r.Queued) || !r.Queued.Before(r.Started) || !r.Started.Before(r.Ended) {
		t.Errorf("got %+v, %v", r, err)
	}
	if n := g.Counts(); n[jobstore.Pending] != 1 || n[jobstore.Succeeded] != 1 || n[jobstore.Running] != 0 {
		t.Errorf("counts are %v", n)
	}
	if list := g.All(jobstore.Filter{Host: "HV01", States: []jobstore.State{jobstore.Pending}}); len(list) != 1 || list[0].ID != "b" {
		t.Errorf("the list is %+v", list)
	}
	if list := g.All(jobstore.Filter{Host: "other"}); len(list) != 0 {
		t.Errorf("the list is %+v", list)
	}
	if page, next, err := g.List(jobstore.Filter{}, jobstore.Page{Limit: 1}); err != nil || len(page) != 1 || page[0].ID != "a" || next == "" {
		t.Errorf("the page is %+v, next %q, %v", page, next, err)
	}
	if _, err := g.Get("c"); !errors.Is(err, jobstore.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// failingStore is a store whose Put can be made to fail.
type failingStore struct {
	jobstore.Memory
	err error
}

func (s *failingStore) Put(ctx context.Context, r jobstore.Record) (int64, error) {
	if s.err != nil {
		return 0, s.err
	}
	return s.Memory.Put(ctx, r)
}

func TestAChangeThatIsNotStoredHasNoEffect(t *testing.T) {
	t.Parallel()
	store := &failingStore{}
	g := open(t, jobregistry.Options{Store: store})
	add(t, g, "a")
	store.err = errors.New("disk full")
	if _, err := g.Transition(t.Context(), "a", jobstore.Queued, nil); !errors.Is(err, store.err) {
		t.Errorf("got %v", err)
	}
	if _, err := g.Add(t.Context(), jobstore.Record{ID: "b"}); !errors.Is(err, store.err) {
		t.Errorf("got %v", err)
	}
	if r, err := g.Get("a"); err != nil || r.State != jobstore.Pending {
		t.Errorf("got %+v, %v", r, err)
	}
	if n := g.Counts(); n[jobstore.Pending] != 1 || n[jobstore.Queued] != 0 {
		t.Errorf("counts are %v", n)
	}
	store.err = nil
	add(t, g, "b")
}

func TestTwoRegistriesWithOneStoreKeepEachOthersChanges(t *testing.T) {
	t.Parallel()
	store := &jobstore.Memory{}
	first := open(t, jobregistry.Options{Store: store})
	add(t, first, "a")
	second := open(t, jobregistry.Options{Store: store})
	if err := first.Update(t.Context(), "a", func(r *jobstore.Record) { r.CancelRequested = true }); err != nil {
		t.Fatal(err)
	}
	transition(t, second, "a", jobstore.Queued)
	if r, err := second.Get("a"); err != nil || !r.CancelRequested || r.State != jobstore.Queued {
		t.Errorf("got %+v, %v", r, err)
	}
	transition(t, second, "a", jobstore.Cancelled)
	if _, err := first.Transition(t.Context(), "a", jobstore.Queued, nil); !errors.Is(err, jobregistry.ErrTransition) {
		t.Errorf("a job that the other registry cancelled: %v", err)
	}
	if r, err := first.Get("a"); err != nil || r.State != jobstore.Cancelled {
		t.Errorf("got %+v, %v", r, err)
	}
	add(t, first, "b")
	if _, err := second.Add(t.Context(), jobstore.Record{ID: "B"}); !errors.Is(err, jobstore.ErrExists) {
		t.Errorf("an ID that the other registry uses: %v", err)
	}
}

// blockingStore blocks Put until it is released.
type blockingStore struct {
	jobstore.Memory
	entered, release chan struct{}
}

func (s *blockingStore) Put(ctx context.Context, r jobstore.Record) (int64, error) {
	s.entered <- struct{}{}
	<-s.release
	return s.Memory.Put(ctx, r)
}

func TestAChangeThatWaitsForAnotherOneHonoursItsContext(t *testing.T) {
	t.Parallel()
	store := &blockingStore{entered: make(chan struct{}), release: make(chan struct{})}
	g := open(t, jobregistry.Options{Store: store})
	added := make(chan error)
	go func() {
		_, err := g.Add(t.Context(), jobstore.Record{ID: "a"})
		added <- err
	}()
	<-store.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Update(ctx, "a", func(*jobstore.Record) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if r, err := g.Get("a"); err != nil || r.State != jobstore.Pending { // not blocked by the store
		t.Errorf("got %+v, %v", r, err)
	}
	close(store.release)
	if err := <-added; err != nil {
		t.Error(err)
	}
}

func TestTheOldestFinishedJobsAreEvicted(t *testing.T) {
	t.Parallel()
	store := &jobstore.Memory{}
	g := open(t, jobregistry.Options{Store: store, KeepEnded: 3})
	add(t, g, "waits")
	for i := range 10 {
		id := fmt.Sprint("j", i)
		add(t, g, id)
		transition(t, g, id, jobstore.Cancelled)
	}
	for restart := range 2 {
		var ids []string
		for _, r := range g.All(jobstore.Filter{}) {
			ids = append(ids, r.ID)
		}
		if want := []string{"waits", "j7", "j8", "j9"}; !slices.Equal(ids, want) {
			t.Errorf("restart %d: kept %q", restart, ids)
		}
		if n := g.Counts(); n[jobstore.Cancelled] != 3 || n[jobstore.Pending] != 1 {
			t.Errorf("restart %d: counts are %v", restart, n)
		}
		g = open(t, jobregistry.Options{Store: store, KeepEnded: 3})
	}
}

func TestManyJobsConcurrently(t *testing.T) {
	t.Parallel()
	g := open(t, jobregistry.Options{})
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			id := fmt.Sprint("j", i)
			add(t, g, id)
			transition(t, g, id, jobstore.Queued, jobstore.Running)
			for range 10 {
				if err := g.Update(t.Context(), id, func(r *jobstore.Record) { r.Seq++ }); err != nil {
					t.Error(err)
				}
			}
			transition(t, g, id, jobstore.Succeeded)
		})
	}
	group.Wait()
	for _, r := range g.All(jobstore.Filter{}) {
		if r.Seq != 10 || r.State != jobstore.Succeeded {
			t.Errorf("%+v", r)
		}
	}
	if n := g.Counts(); n[jobstore.Succeeded] != 100 || n[jobstore.Running]+n[jobstore.Queued]+n[jobstore.Pending] != 0 {
		t.Errorf("counts are %v", n)
	}
}
