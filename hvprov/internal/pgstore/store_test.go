// SPDX-License-Identifier: MPL-2.0

package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
	notificationtest "github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func open(t *testing.T, url string) jobstore.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), pgstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s jobstore.Store, r jobstore.Record) jobstore.Record {
	t.Helper()
	version, err := s.Put(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = version
	return r
}

func provision(id, host, name string) jobstore.Record {
	return jobstore.Record{ID: id, Host: host, Operation: job.OperationProvision, VMName: name, State: jobstore.Queued, Submitted: time.Now().UTC()}
}

func TestTheDatabaseImplementsStore(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	storetest.Run(t, true, func(t *testing.T) jobstore.Store { return open(t, url) })
}

func TestTheDatabaseImplementsNotificationStore(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	urls := map[notifications.Store]string{}
	openAt := func(t *testing.T, url string) notifications.Store {
		t.Helper()
		s, err := pgstore.OpenNotifications(t.Context(), pgstore.Options{URL: url}, 20)
		if err != nil {
			t.Fatal(err)
		}
		urls[s] = url
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	notificationtest.Run(t, 20, func(t *testing.T) notifications.Store { return openAt(t, server.Database(t)) },
		func(t *testing.T, s notifications.Store) notifications.Store {
			_ = s.Close()
			return openAt(t, urls[s])
		})
}

func TestAStoreWithTextThatPostgreSQLRefusesInItsColumnsReturnsTheRecordUnchanged(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.Shared(t).Database(t))
	r := provision("j1", "hv\x0001", "a\x00b")
	r.Requester = "eve\x00"
	put(t, s, r)
	list, _, err := s.List(t.Context(), jobstore.Filter{Host: "HV\x0001", Requester: "eve\x00"}, jobstore.Page{})
	if err != nil || len(list) != 1 || list[0].VMName != "a\x00b" || list[0].Requester != "eve\x00" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestANameIsReservedFromTheRecordOfItsJobToTheEndOfTheJob(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	a, b := open(t, url), open(t, url) // two replicas
	first := put(t, a, provision("j1", "hv01", "Web-Σ"))
	_, err := b.Put(t.Context(), provision("j2", "HV01", " web-ς"))
	var taken *inventory.NameTakenError
	if !errors.As(err, &taken) || taken.JobID != "j1" || taken.Name != "Web-Σ" || taken.Host != "HV01" {
		t.Fatalf("the name in another letter case: %v", err)
	}
	put(t, b, provision("j3", "hv02", "Web-Σ")) // another host
	first.State = jobstore.Running
	first = put(t, b, first)
	if _, err := a.Put(t.Context(), provision("j2", "hv01", "Web-Σ")); !errors.As(err, &taken) {
		t.Fatalf("the name of a running job: %v", err)
	}
	first.State = jobstore.Succeeded
	put(t, b, first)
	second := put(t, a, provision("j2", "hv01", "Web-Σ"))
	if err := a.Delete(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	put(t, b, provision("j4", "hv01", "Web-Σ"))
}

func TestAVirtualMachineIsReservedForOneJob(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	a, b := open(t, url), open(t, url)
	update := jobstore.Record{ID: "j1", Host: "hv01", Operation: job.OperationUpdate, VMID: "AB", VMName: "web", Changed: []string{"notes"}, State: jobstore.Queued}
	put(t, a, update)
	remove := jobstore.Record{ID: "j2", Host: "hv01", Operation: job.OperationDelete, VMID: "ab", State: jobstore.Queued}
	_, err := b.Put(t.Context(), remove)
	var busy *inventory.VMBusyError
	if !errors.As(err, &busy) || busy.JobID != "j1" || busy.Operation != job.OperationUpdate || busy.VMID != "AB" {
		t.Fatalf("got %v", err)
	}
	rename := jobstore.Record{ID: "j3", Host: "hv01", Operation: job.OperationUpdate, VMID: "cd", VMName: "db", Changed: []string{"vm_name"}, State: jobstore.Queued}
	put(t, b, rename)
	if _, err := a.Put(t.Context(), provision("j4", "hv01", "DB")); !errors.As(err, new(*inventory.NameTakenError)) {
		t.Errorf("the name of a rename: %v", err)
	}
}

func TestOneOfManyReplicasReservesAName(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	stores := []jobstore.Store{open(t, url), open(t, url), open(t, url)}
	var group sync.WaitGroup
	errs := make([]error, 30)
	for i := range errs {
		group.Go(func() { _, errs[i] = stores[i%3].Put(t.Context(), provision(fmt.Sprintf("j%d", i), "hv01", "web")) })
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.As(err, new(*inventory.NameTakenError)) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d jobs have the name", won)
	}
}

func TestAReplicaThatAddsTheSameRecordFindsAConflict(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	a, b := open(t, url), open(t, url)
	for i := range 20 {
		r := provision(fmt.Sprintf("j%d", i), "hv01", fmt.Sprintf("web-%d", i))
		results := make(chan error, 2)
		for _, s := range []jobstore.Store{a, b} {
			go func() { _, err := s.Put(t.Context(), r); results <- err }()
		}
		x, y := <-results, <-results
		if (x == nil) == (y == nil) || !errors.Is(errors.Join(x, y), jobstore.ErrConflict) {
			t.Errorf("got %v and %v", x, y)
		}
	}
}

func TestChangesOfOneReplicaReachAnother(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	a, b := open(t, url), open(t, url)
	before := put(t, a, provision("before", "hv01", "old"))
	changes := make(chan string, 100)
	watch(t, b, changes)
	want(t, changes, "before 1") // the first poll
	before.State = jobstore.Running
	put(t, a, before)
	want(t, changes, "before 2")
	put(t, a, provision("after", "hv01", "new"))
	want(t, changes, "after 1")
	if err := a.Delete(t.Context(), "BEFORE"); err != nil {
		t.Fatal(err)
	}
	want(t, changes, "before 0")
}

// It has a separate server, because it ends all connections.
func TestAStoreOutlivesARestartOfTheDatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	url := server.Database(t)
	a, b := open(t, url), open(t, url)
	r := put(t, a, provision("j1", "hv01", "web"))
	changes := make(chan string, 100)
	watch(t, b, changes)
	want(t, changes, "j1 1")
	server.Restart(t)
	r.State = jobstore.Running
	put(t, a, r)
	want(t, changes, "j1 2")
	if got, err := b.Get(t.Context(), "j1"); err != nil || got.State != jobstore.Running {
		t.Errorf("got %+v, %v", got, err)
	}
}

// watch sends the changes of a store to a channel until the end of the test.
func watch(t *testing.T, s jobstore.Store, changes chan<- string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.(jobstore.Watcher).Watch(ctx, func(id string, version int64) error {
			changes <- fmt.Sprintf("%s %d", id, version)
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ended: %v", err)
		}
	})
}

// want waits for a change. Others may be reported more than once.
func want(t *testing.T, changes <-chan string, text string) {
	t.Helper()
	for change := range changes {
		if change == text {
			return
		}
	}
}

func TestAnErrorNamesTheDatabaseAndNoPassword(t *testing.T) {
	t.Parallel()
	_, err := pgstore.Open(t.Context(), pgstore.Options{URL: "postgres://hvprovd:hunter2@/jobs?host=" + filepath.Join(t.TempDir(), "none")})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "open job database jobs") {
		t.Errorf("got %v", err)
	}
	_, err = pgstore.Open(t.Context(), pgstore.Options{URL: "postgres://hvprovd:hunter2@db:port/jobs"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestADatabaseOfALaterVersionIsRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	_ = open(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "INSERT INTO hvprov_migration (number) VALUES (1000)"); err != nil {
		t.Fatal(err)
	}
	if _, err := pgstore.Open(t.Context(), pgstore.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "upgrade the program") {
		t.Errorf("got %v", err)
	}
}

func TestManyReplicasMigrateADatabaseOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s, err := pgstore.Open(t.Context(), pgstore.Options{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			_ = s.Close()
		})
	}
	group.Wait()
}
