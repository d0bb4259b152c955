// SPDX-License-Identifier: MPL-2.0

// Package storetest tests implementations of [jobstore.Store].
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Run tests a store. open opens the same empty store each time; Run removes what it adds. If durable is set, records must still be
// there after the store was closed and opened again.
func Run(t *testing.T, durable bool, open func(t *testing.T) jobstore.Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, jobstore.Store){
		"a record is read as it was stored":                testRoundTrip,
		"an outdated version is a conflict":                testConflict,
		"concurrent writers lose no change":                testConcurrentWriters,
		"a list is filtered, ordered and divided in pages": testList,
		"a cancelled context ends every call":              testContext,
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			defer func() { noError(t, store.Close()) }()
			test(t, store)
		})
	}
	if durable {
		t.Run("a record is there after a restart", func(t *testing.T) {
			store := open(t)
			want := put(t, store, sample("durable"))
			noError(t, store.Close())
			store = open(t)
			defer func() { noError(t, store.Close()) }()
			wantRecord(t, store, want)
			noError(t, store.Delete(t.Context(), want.ID))
		})
	}
}

func testRoundTrip(t *testing.T, store jobstore.Store) {
	r := put(t, store, sample("one"))
	wantRecord(t, store, r)
	r.State, r.Error, r.Causes, r.EncryptedValues = jobstore.Failed, "job exceeded its time limit", []string{"time_limit"}, nil
	r = put(t, store, r)
	wantRecord(t, store, r)
	if got, err := store.Get(t.Context(), "ONE"); err != nil || got.ID != r.ID {
		t.Errorf("the same ID in upper case: %+v, %v", got, err)
	}
	noError(t, store.Delete(t.Context(), "One"))
	noError(t, store.Delete(t.Context(), r.ID))
	if _, err := store.Get(t.Context(), r.ID); !errors.Is(err, jobstore.ErrNotFound) {
		t.Errorf("a deleted record: %v", err)
	}
}

func testConflict(t *testing.T, store jobstore.Store) {
	outdated := put(t, store, sample("conflict"))
	current := outdated
	current.Step = "disks"
	current = put(t, store, current)
	for name, version := range map[string]int64{"an outdated version": outdated.Version, "no version": 0, "a version to come": current.Version + 1} {
		r := outdated
		r.Version, r.Step = version, "network"
		if _, err := store.Put(t.Context(), r); !errors.Is(err, jobstore.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantRecord(t, store, current)
	noError(t, store.Delete(t.Context(), current.ID))
	if _, err := store.Put(t.Context(), current); !errors.Is(err, jobstore.ErrConflict) {
		t.Errorf("a deleted record: %v", err)
	}
}

func testConcurrentWriters(t *testing.T, store jobstore.Store) {
	const jobs, writers, changes = 20, 3, 4
	increment := func(id string) error {
		for {
			r, err := store.Get(t.Context(), id)
			if err != nil {
				return err
			}
			r.Seq++
			if _, err := store.Put(t.Context(), r); !errors.Is(err, jobstore.ErrConflict) {
				return err
			}
		}
	}
	var group sync.WaitGroup
	for i := range jobs {
		r := put(t, store, sample(fmt.Sprintf("concurrent-%d", i)))
		for range writers {
			group.Go(func() {
				for range changes {
					if err := increment(r.ID); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	group.Wait()
	records, _, err := store.List(t.Context(), jobstore.Filter{}, jobstore.Page{})
	noError(t, err)
	if len(records) != jobs {
		t.Fatalf("%d records", len(records))
	}
	for _, r := range records {
		if r.Seq != writers*changes || r.Version != writers*changes+1 {
			t.Errorf("%s has sequence number %d and version %d", r.ID, r.Seq, r.Version)
		}
		noError(t, store.Delete(t.Context(), r.ID))
	}
}

func testList(t *testing.T, store jobstore.Store) {
	var all []string
	for i := range 7 {
		r := sample(fmt.Sprintf("list-%d", i))
		r.Submitted = r.Submitted.Add(time.Duration(i/2) * time.Second) // pairs with the same time are ordered by ID
		if i%2 == 1 {
			r.Host, r.State, r.Requester = "hv02", jobstore.Running, "alice"
		}
		put(t, store, r)
		all = append(all, r.ID)
	}
	odd := []string{all[1], all[3], all[5]}
	for _, c := range []struct {
		name   string
		filter jobstore.Filter
		want   []string
	}{
		{"all", jobstore.Filter{}, all},
		{"by host", jobstore.Filter{Host: "HV02"}, odd},
		{"by state", jobstore.Filter{States: []jobstore.State{jobstore.Running, jobstore.Failed}}, odd},
		{"by requester", jobstore.Filter{Requester: "alice"}, odd},
		{"by host and state", jobstore.Filter{Host: "hv01", States: []jobstore.State{jobstore.Running}}, nil},
	} {
		for limit := range 4 {
			if got := listPages(t, store, c.filter, limit); !slices.Equal(got, c.want) {
				t.Errorf("%s in pages of %d: %s", c.name, limit, strings.Join(got, " "))
			}
		}
	}
	first, next, err := store.List(t.Context(), jobstore.Filter{}, jobstore.Page{Limit: 2})
	noError(t, err)
	noError(t, store.Delete(t.Context(), first[1].ID)) // the cursor does not need the record that it names
	rest, _, err := store.List(t.Context(), jobstore.Filter{}, jobstore.Page{After: next})
	if err != nil || len(rest) != 5 || rest[0].ID != all[2] {
		t.Errorf("after a deleted record: %+v, %v", rest, err)
	}
	if _, _, err := store.List(t.Context(), jobstore.Filter{}, jobstore.Page{After: "?"}); err == nil {
		t.Error("an invalid cursor is accepted")
	}
	for _, id := range all {
		noError(t, store.Delete(t.Context(), id))
	}
}

// listPages returns the IDs of all pages.
func listPages(t *testing.T, store jobstore.Store, f jobstore.Filter, limit int) (ids []string) {
	t.Helper()
	p := jobstore.Page{Limit: limit}
	for {
		records, next, err := store.List(t.Context(), f, p)
		noError(t, err)
		if limit > 0 && len(records) > limit {
			t.Errorf("a page of %d has %d records", limit, len(records))
		}
		for _, r := range records {
			ids = append(ids, r.ID)
		}
		if next == "" {
			return ids
		}
		p.After = next
	}
}

func testContext(t *testing.T, store jobstore.Store) {
	want := put(t, store, sample("context"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, putErr := store.Put(ctx, want)
	_, getErr := store.Get(ctx, want.ID)
	_, _, listErr := store.List(ctx, jobstore.Filter{}, jobstore.Page{})
	for name, err := range map[string]error{"Put": putErr, "Get": getErr, "List": listErr, "Delete": store.Delete(ctx, want.ID)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantRecord(t, store, want)
	noError(t, store.Delete(t.Context(), want.ID))
}

// sample returns a record of a job with its own virtual machine: a store may reserve its name.
func sample(id string) jobstore.Record {
	at := time.Date(2026, 11, 25, 1, 2, 3, 4_000_000, time.UTC)
	return jobstore.Record{
		ID: id, Host: "hv01", Operation: job.OperationProvision, VMName: "wéb-" + id, Schema: job.SchemaRef{ID: "s", Version: 1},
		Values: map[string]any{"notes": "Größe <&>\n", "on": true, "list": []any{"a", "b"}}, Changed: []string{"notes"},
		State: jobstore.Queued, Submitted: at, Queued: at.Add(time.Second), Limit: time.Hour, EncryptedValues: []byte{0, 1, 255},
		Result:  &job.Result{Outcome: job.Failed, Error: &job.Failure{Code: "c", Message: "m"}, Left: []string{"x"}},
		Failure: &job.Failure{Code: "c", Message: "m"},
	}
}

// put stores a record and returns it with its new version.
func put(t *testing.T, store jobstore.Store, r jobstore.Record) jobstore.Record {
	t.Helper()
	version, err := store.Put(t.Context(), r)
	noError(t, err)
	if version != r.Version+1 {
		t.Fatalf("the version of %s changed from %d to %d", r.ID, r.Version, version)
	}
	r.Version = version
	return r
}

// wantRecord checks that want is the only record of the store.
func wantRecord(t *testing.T, store jobstore.Store, want jobstore.Record) {
	t.Helper()
	got, err := store.Get(t.Context(), want.ID)
	noError(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	list, _, err := store.List(t.Context(), jobstore.Filter{}, jobstore.Page{})
	noError(t, err)
	if len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("the list is %+v", list)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
