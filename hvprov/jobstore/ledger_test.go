// SPDX-License-Identifier: MPL-2.0

package jobstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest"
)

func TestMemoryIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, false, func(*testing.T) jobstore.Store { return &jobstore.Memory{} })
}

func open(t *testing.T, opts jobstore.Options) *jobstore.Ledger {
	t.Helper()
	l, err := jobstore.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func add(t *testing.T, l *jobstore.Ledger, id string) {
	t.Helper()
	if _, err := l.Add(t.Context(), jobstore.Record{ID: id, Host: "hv01"}); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, l *jobstore.Ledger, id string, states ...jobstore.State) {
	t.Helper()
	for _, s := range states {
		if _, err := l.Move(t.Context(), id, s, nil); err != nil {
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
	ways := map[jobstore.State][]jobstore.State{ // that lead to a state
		jobstore.Pending: {}, jobstore.Queued: {jobstore.Queued}, jobstore.Running: {jobstore.Queued, jobstore.Running},
		jobstore.Succeeded: {jobstore.Queued, jobstore.Running, jobstore.Succeeded}, jobstore.Failed: {jobstore.Failed}, jobstore.Cancelled: {jobstore.Cancelled},
		jobstore.Unknown: {jobstore.Queued, jobstore.Running, jobstore.Unknown},
	}
	for from, way := range ways {
		for _, to := range jobstore.States() {
			l := open(t, jobstore.Options{})
			add(t, l, "j")
			move(t, l, "j", way...)
			_, err := l.Move(t.Context(), "J", to, nil)
			if ok := err == nil; ok != slices.Contains(allowed[from], to) || !ok && !errors.Is(err, jobstore.ErrTransition) {
				t.Errorf("from %s to %s: %v", from, to, err)
			}
		}
	}
}

func TestALedgerTellsChangesAndCounts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var told []string
	store := &jobstore.Memory{}
	l := open(t, jobstore.Options{
		Store: store, Now: func() time.Time { now = now.Add(time.Second); return now },
		OnChange: func(r jobstore.Record) { told = append(told, r.ID+" "+string(r.State)) },
	})
	add(t, l, "a")
	add(t, l, "b")
	if _, err := l.Add(t.Context(), jobstore.Record{ID: "A"}); !errors.Is(err, jobstore.ErrExists) {
		t.Errorf("the same id in other letters: %v", err)
	}
	move(t, l, "a", jobstore.Queued, jobstore.Running)
	if err := l.Update(t.Context(), "a", false, func(r *jobstore.Record) { r.Seq, r.State = 7, jobstore.Failed }); err != nil {
		t.Fatal(err)
	}
	if kept, err := store.Get(t.Context(), "a"); err != nil || kept.Seq != 0 {
		t.Errorf("the store has %+v, %v", kept, err)
	}
	move(t, l, "a", jobstore.Succeeded)
	if want := []string{"a pending", "b pending", "a queued", "a running", "a succeeded"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	r, err := l.Get("A")
	if err != nil || r.Seq != 7 || !r.Submitted.Before(r.Queued) || !r.Queued.Before(r.Started) || !r.Started.Before(r.Ended) {
		t.Errorf("got %+v, %v", r, err)
	}
	if kept, err := store.Get(t.Context(), "a"); err != nil || kept.Seq != 7 || kept.State != jobstore.Succeeded {
		t.Errorf("the store has %+v, %v", kept, err)
	}
	if n := l.Counts(); n[jobstore.Pending] != 1 || n[jobstore.Succeeded] != 1 || n[jobstore.Running] != 0 {
		t.Errorf("counts are %v", n)
	}
	if list := l.List(jobstore.Filter{Host: "HV01", States: []jobstore.State{jobstore.Pending}}); len(list) != 1 || list[0].ID != "b" {
		t.Errorf("the list is %+v", list)
	}
	if list := l.List(jobstore.Filter{Host: "other"}); len(list) != 0 {
		t.Errorf("the list is %+v", list)
	}
	if _, err := l.Get("c"); !errors.Is(err, jobstore.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// broken is a store that fails on request.
type broken struct {
	jobstore.Memory
	fail error
}

func (b *broken) Put(ctx context.Context, r jobstore.Record) error {
	if b.fail != nil {
		return b.fail
	}
	return b.Memory.Put(ctx, r)
}

func TestWhatTheStoreDoesNotKeepDidNotHappen(t *testing.T) {
	t.Parallel()
	store := &broken{}
	l := open(t, jobstore.Options{Store: store})
	add(t, l, "a")
	store.fail = errors.New("disk full")
	if _, err := l.Move(t.Context(), "a", jobstore.Queued, nil); !errors.Is(err, store.fail) {
		t.Errorf("got %v", err)
	}
	if _, err := l.Add(t.Context(), jobstore.Record{ID: "b"}); !errors.Is(err, store.fail) {
		t.Errorf("got %v", err)
	}
	if r, err := l.Get("a"); err != nil || r.State != jobstore.Pending {
		t.Errorf("got %+v, %v", r, err)
	}
	if n := l.Counts(); n[jobstore.Pending] != 1 || n[jobstore.Queued] != 0 {
		t.Errorf("counts are %v", n)
	}
	store.fail = nil
	add(t, l, "b")
}

func TestTheOldestThatEndedAreLetGoOf(t *testing.T) {
	t.Parallel()
	store := &jobstore.Memory{}
	l := open(t, jobstore.Options{Store: store, KeepEnded: 3})
	add(t, l, "waits")
	for i := range 10 {
		id := fmt.Sprint("j", i)
		add(t, l, id)
		move(t, l, id, jobstore.Cancelled)
	}
	for round := range 2 { // and once more after a restart
		var ids []string
		for _, r := range l.List(jobstore.Filter{}) {
			ids = append(ids, r.ID)
		}
		if want := []string{"waits", "j7", "j8", "j9"}; !slices.Equal(ids, want) {
			t.Errorf("round %d: kept are %q", round, ids)
		}
		if n := l.Counts(); n[jobstore.Cancelled] != 3 || n[jobstore.Pending] != 1 {
			t.Errorf("round %d: counts are %v", round, n)
		}
		l = open(t, jobstore.Options{Store: store, KeepEnded: 3})
	}
}

func TestManyJobsAtOnce(t *testing.T) {
	t.Parallel()
	l := open(t, jobstore.Options{})
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			id := fmt.Sprint("j", i)
			add(t, l, id)
			move(t, l, id, jobstore.Queued, jobstore.Running)
			for range 10 {
				if err := l.Update(t.Context(), id, false, func(r *jobstore.Record) { r.Seq++ }); err != nil {
					t.Error(err)
				}
			}
			move(t, l, id, jobstore.Succeeded)
		})
	}
	group.Wait()
	for _, r := range l.List(jobstore.Filter{}) {
		if r.Seq != 10 || r.State != jobstore.Succeeded {
			t.Errorf("%+v", r)
		}
	}
	if n := l.Counts(); n[jobstore.Succeeded] != 100 || n[jobstore.Running]+n[jobstore.Queued]+n[jobstore.Pending] != 0 {
		t.Errorf("counts are %v", n)
	}
}

func TestWhatIsSealedOpensForItsJobOnly(t *testing.T) {
	t.Parallel()
	key := make([]byte, jobstore.KeySize)
	s, err := jobstore.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.Seal("a", []byte("text"))
	if text, err := s.Open("a", sealed); err != nil || string(text) != "text" {
		t.Errorf("got %q, %v", text, err)
	}
	changed := slices.Clone(sealed)
	changed[len(changed)-1] ^= 1
	other, err := jobstore.NewSealer(append(key[1:], 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another job": func() ([]byte, error) { return s.Open("b", sealed) },
		"changed":     func() ([]byte, error) { return s.Open("a", changed) },
		"cut off":     func() ([]byte, error) { return s.Open("a", sealed[:5]) },
		"another key": func() ([]byte, error) { return other.Open("a", sealed) },
	} {
		if text, err := open(); !errors.Is(err, jobstore.ErrSeal) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := jobstore.NewSealer([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
