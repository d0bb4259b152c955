// SPDX-License-Identifier: MPL-2.0

// Package storetest holds an implementation of [jobstore.Store] to what the interface asks of it.
package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Run tests a store. open gives the store of one place: what it was given is there after it was closed and opened again,
// unless lasting is false.
func Run(t *testing.T, lasting bool, open func(t *testing.T) jobstore.Store) {
	t.Helper()
	t.Run("a record comes back as it was", func(t *testing.T) {
		store := open(t)
		defer closed(t, store)
		want := sample("one")
		must(t, store.Put(t.Context(), want))
		same(t, store, want)
		want.State, want.Error, want.Sealed = jobstore.Failed, "no room", nil
		must(t, store.Put(t.Context(), want))
		same(t, store, want)
		must(t, store.Delete(t.Context(), want.ID))
		must(t, store.Delete(t.Context(), want.ID))
		if _, err := store.Get(t.Context(), want.ID); !errors.Is(err, jobstore.ErrNotFound) {
			t.Errorf("a record that was deleted: %v", err)
		}
	})
	t.Run("many write at once", func(t *testing.T) {
		store := open(t)
		defer closed(t, store)
		var writers sync.WaitGroup
		for i := range 50 {
			writers.Go(func() {
				r := sample(fmt.Sprintf("many-%d", i))
				for range 4 {
					r.Seq++
					if err := store.Put(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		records, err := store.List(t.Context())
		must(t, err)
		if len(records) != 50 {
			t.Fatalf("%d records", len(records))
		}
		for _, r := range records {
			if r.Seq != 4 {
				t.Errorf("%s has %d", r.ID, r.Seq)
			}
			must(t, store.Delete(t.Context(), r.ID))
		}
	})
	if !lasting {
		return
	}
	t.Run("a record lasts", func(t *testing.T) {
		store := open(t)
		want := sample("lasting")
		must(t, store.Put(t.Context(), want))
		closed(t, store)
		store = open(t)
		defer closed(t, store)
		same(t, store, want)
		must(t, store.Delete(t.Context(), want.ID))
	})
}

func sample(id string) jobstore.Record {
	at := time.Date(2026, 11, 25, 1, 2, 3, 4_000_000, time.UTC)
	return jobstore.Record{
		ID: id, Host: "hv01", Operation: job.OperationProvision, VMName: "wéb-01", Schema: job.SchemaRef{ID: "s", Version: 1},
		Values: map[string]any{"notes": "Größe <&>\n", "on": true, "list": []any{"a", "b"}}, Changed: []string{"notes"},
		State: jobstore.Queued, Submitted: at, Queued: at.Add(time.Second), Limit: time.Hour, Sealed: []byte{0, 1, 255},
		Result: &job.Result{Outcome: job.Failed, Error: &job.Failure{Code: "c", Message: "m"}, Left: []string{"x"}},
	}
}

func same(t *testing.T, store jobstore.Store, want jobstore.Record) {
	t.Helper()
	got, err := store.Get(t.Context(), want.ID)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	list, err := store.List(t.Context())
	must(t, err)
	if len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("the list is %+v", list)
	}
}

func closed(t *testing.T, store jobstore.Store) {
	t.Helper()
	must(t, store.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
