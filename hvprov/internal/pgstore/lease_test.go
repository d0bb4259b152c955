// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
)

func TestALeaseBelongsToOneReplicaUntilItExpires(t *testing.T) {
	t.Parallel()
	d, err := open(t.Context(), Options{URL: pgtest.Shared(t).Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	ctx := t.Context()
	a, b := &leases{d, "a", time.Hour}, &leases{d, "b", time.Hour}
	for range 2 {
		if err := a.add(ctx, "HV01"); err != nil {
			t.Fatal(err)
		}
	}
	take := func(l *leases, wantTerm int64) {
		t.Helper()
		term, taken, err := l.take(ctx, "HV01", 0)
		if err != nil || taken != (wantTerm > 0) || term != wantTerm {
			t.Fatalf("replica %s: term %d, taken %t, error %v; want term %d", l.replica, term, taken, err, wantTerm)
		}
	}
	take(a, 1)
	take(b, 0)
	if terms, err := a.renew(ctx); err != nil || len(terms) != 1 || terms["HV01"] != 1 {
		t.Fatalf("renewed %v, error %v", terms, err)
	}
	if _, err := d.pool.Exec(ctx, "UPDATE hvprov_host SET expires = clock_timestamp() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	if _, taken, err := b.take(ctx, "HV01", time.Hour); taken || err != nil {
		t.Fatalf("a lease that has just expired is taken by a replica that is not preferred: %v", err)
	}
	take(b, 2)
	if terms, err := a.renew(ctx); err != nil || len(terms) != 0 {
		t.Fatalf("the late owner renewed %v, error %v", terms, err)
	}
	if err := a.release(ctx, "HV01", 1); err != nil { // late: has no effect
		t.Fatal(err)
	}
	take(a, 0)
	if err := b.release(ctx, "HV01", 2); err != nil {
		t.Fatal(err)
	}
	take(a, 3)
	if err := a.leave(ctx); err != nil {
		t.Fatal(err)
	}
	take(b, 4)
}

func TestAReplicaThatLeavesIsNotAlive(t *testing.T) {
	t.Parallel()
	d, err := open(t.Context(), Options{URL: pgtest.Shared(t).Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	a, b := &leases{d, "a", time.Hour}, &leases{d, "b", time.Hour}
	if _, err := a.alive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ids, err := b.alive(t.Context()); err != nil || len(ids) != 2 {
		t.Fatalf("alive: %v, %v", ids, err)
	}
	if err := a.leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ids, err := b.alive(t.Context()); err != nil || fmt.Sprint(ids) != "[b]" {
		t.Errorf("alive: %v, %v", ids, err)
	}
}

func TestHostsAreSpreadOverTheReplicasAndFewMove(t *testing.T) {
	t.Parallel()
	all, fewer := []string{"a", "b", "c"}, []string{"c", "a"}
	owned := map[string]int{}
	for i := range 300 {
		host := fmt.Sprintf("HV%03d", i)
		owner := preferred(host, all)
		owned[owner]++
		if moved := preferred(host, fewer); owner != "b" && moved != owner {
			t.Errorf("%s moved from %s to %s", host, owner, moved)
		}
	}
	for _, replica := range all {
		if owned[replica] < 60 {
			t.Errorf("replica %s owns %d of 300 hosts", replica, owned[replica])
		}
	}
	if preferred("HV01", nil) != "" {
		t.Error("no replica owns a host")
	}
}
