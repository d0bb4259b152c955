// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// lastingStore is a store that a second service can be given after the first one has closed it.
type lastingStore struct{ jobstore.Store }

func (lastingStore) Close() error { return nil }

// gatedStore is a store whose writes call a function first.
type gatedStore struct {
	jobstore.Memory
	put func(ctx context.Context, r jobstore.Record) error
}

func (s *gatedStore) Put(ctx context.Context, r jobstore.Record) (int64, error) {
	if err := s.put(ctx, r); err != nil {
		return 0, err
	}
	return s.Memory.Put(ctx, r)
}

func TestSubmissionsAreWrittenToTheStoreConcurrently(t *testing.T) {
	t.Parallel()
	const jobs = 8
	server := startHost(t, simhost.Options{})
	var all sync.WaitGroup // of first writes
	all.Add(jobs)
	store := &gatedStore{put: func(_ context.Context, r jobstore.Record) error {
		if r.Version == 0 {
			all.Done()
			all.Wait() // for ever, if one writes after another
		}
		return nil
	}}
	service := newService(t, server, func(o *hvprov.Options) { o.Store = store })
	var submitted sync.WaitGroup
	for i := range jobs {
		submitted.Go(func() {
			if _, err := provision(t, service, fmt.Sprint("web-", i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	submitted.Wait()
}

func TestASlowStoreDelaysNothingElse(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	writing, proceed := make(chan struct{}), make(chan struct{})
	errFull := errors.New("disk full")
	store := &gatedStore{put: func(_ context.Context, r jobstore.Record) error {
		if r.VMName != "web-01" {
			return nil
		}
		close(writing)
		<-proceed
		return errFull
	}}
	service := newService(t, server, func(o *hvprov.Options) { o.Store = store })
	failed := make(chan error)
	id := "a0000000-0000-4000-8000-000000000001"
	go func() {
		_, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), JobID: id})
		failed <- err
	}()
	<-writing
	if err := service.Cancel(t.Context(), "a0000000-0000-4000-8000-000000000002"); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("cancellation of an unknown job: %v", err)
	}
	if _, err := provision(t, service, "web-02", nil); err != nil {
		t.Errorf("another job: %v", err)
	}
	if _, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("WEB-01")}); !errors.Is(err, hvprov.ErrNameTaken) {
		t.Errorf("name of the job that is being written: %v", err)
	}
	close(proceed)
	if err := <-failed; !errors.Is(err, errFull) {
		t.Errorf("job that could not be written: %v", err)
	}
	if _, err := service.Job(id); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("record of the job that could not be written: %v", err)
	}
}

func TestCloseDoesNotWaitForAStoreThatHangs(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	store := &gatedStore{put: func(ctx context.Context, r jobstore.Record) error {
		if r.State.Ended() {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	service := newService(t, h.server, func(o *hvprov.Options) { o.Store, o.JobsPerHost = store, 1 })
	_, diskStep := h.submit(service, "web-01", "disk")
	<-diskStep
	waiting, _ := h.submit(service, "web-02", "disk")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := service.Close(ctx); !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("close: %v", err)
	}
	if _, err := waiting.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) {
		t.Errorf("waiting job: %v", err)
	}
	h.release()
}

func TestNewClosesTheStoreWhenItFails(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]hvprov.Options{
		"host without a name":    {Hosts: map[string]hvprov.Host{"": {WinRM: connectionInfo{Address: "hv01.lab.example", Username: "u", Password: "p"}.config()}}},
		"host without a address": {Hosts: map[string]hvprov.Host{"hv01": {}}},
		"short key":              {StoreKey: []byte("short")},
		"store that fails":       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &closedStore{fail: name == "store that fails"}
			opts.Store = store
			if service, err := hvprov.New(t.Context(), opts); err == nil {
				t.Errorf("New returned %v without an error", service)
			}
			if store.closed != 1 {
				t.Errorf("store was closed %d times", store.closed)
			}
		})
	}
}

// closedStore counts how often it is closed.
type closedStore struct {
	jobstore.Memory
	fail   bool
	closed int
}

func (s *closedStore) List(ctx context.Context, f jobstore.Filter, p jobstore.Page) ([]jobstore.Record, string, error) {
	if s.fail {
		return nil, "", errors.New("disk failed")
	}
	return s.Memory.List(ctx, f, p)
}

func (s *closedStore) Close() error {
	s.closed++
	return nil
}

func TestAnErrorMatchesTheSameSentinelsAfterARestart(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	store := lastingStore{&jobstore.Memory{}}
	first := newSharedHostService(t, h.server, func(o *hvprov.Options) { o.Store = store })
	j, err := first.Submit(t.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), Limit: 1, Requester: "alice",
	})
	if err != nil {
		t.Fatal(err)
	}
	h.release()
	_, before := j.Wait(t.Context())
	if !errors.Is(before, hvprov.ErrTimeLimit) {
		t.Fatal(before)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := newSharedHostService(t, h.server, func(o *hvprov.Options) { o.Store = store })
	again, err := second.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	_, after := again.Wait(t.Context())
	if !errors.Is(after, hvprov.ErrTimeLimit) || !errors.Is(after, hvprov.ErrJobFailed) || after.Error() != before.Error() || hvprov.Code(after) != hvprov.Code(before) {
		t.Errorf("error is %v (%s) after the restart, and was %v (%s)", after, hvprov.Code(after), before, hvprov.Code(before))
	}
	if got := records(t, second, jobstore.Filter{Requester: "alice"}); len(got) != 1 || len(records(t, second, jobstore.Filter{Requester: "bob"})) != 0 {
		t.Errorf("records of the requester are %+v", got)
	}
}
