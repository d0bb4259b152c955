// SPDX-License-Identifier: MPL-2.0

package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgtest"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// newService returns a service that runs one job of the host at once.
func newService(t *testing.T, url string, host *simhost.Server) *hvprov.Service {
	t.Helper()
	s, err := hvprov.New(t.Context(), hvprov.Options{
		Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}}, Store: open(t, url), Queue: openQueue(t, url, "", 0),
		StoreKey: bytes.Repeat([]byte{7}, 32), JobsPerHost: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func machine(name string) hvprov.Submission {
	return hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: map[string]any{
		"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": "not a real one",
	}}
}

// follower receives the events of a service.
type follower struct {
	t      *testing.T
	events notify.Subscription
}

// until returns the events of a job up to one that matches.
func (f follower) until(id string, match func(notify.Event) bool) (seen []notify.Event) {
	f.t.Helper()
	for {
		e, err := f.events.Next(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		if e.Job != id {
			continue
		}
		seen = append(seen, e)
		if match(e) {
			return seen
		}
	}
}

func TestServicesShareJobsEventsNamesAndCancellations(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).Database(t)
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	err = host.Store().Update(func(s *hyperv.State) error { s.Behaviour.CopyBytesPerSecond = 1; return nil }) // the first job runs until it is cancelled
	if err != nil {
		t.Fatal(err)
	}
	services := []*hvprov.Service{newService(t, url, host), newService(t, url, host)}
	followers := make([]follower, len(services))
	for i, s := range services {
		followers[i] = follower{t, s.Subscribe(notify.Filter{})}
		defer followers[i].events.Close()
	}

	sub := machine("web")
	var mu sync.Mutex
	var called []int64
	sub.OnEvent = func(e job.Event) {
		mu.Lock()
		defer mu.Unlock()
		called = append(called, e.Seq)
	}
	first, err := services[0].Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	seen := make([][]notify.Event, len(services))
	for i, f := range followers {
		seen[i] = f.until(first.ID(), func(e notify.Event) bool { return e.Event != nil && e.Event.Step == "disk" })
	}

	for i, s := range services {
		if _, err := s.Submit(t.Context(), machine("WEB")); !errors.Is(err, hvprov.ErrNameTaken) {
			t.Errorf("service %d accepts the name of a running job: %v", i, err)
		}
		if view, err := s.HostView("hv01"); err != nil || len(view.VMs) != 1 || view.VMs[0].JobID != first.ID() {
			t.Errorf("service %d shows %+v, %v", i, view.VMs, err)
		}
	}

	waiting, err := services[1].Submit(t.Context(), machine("db"))
	if err != nil {
		t.Fatal(err)
	}
	followers[0].until(waiting.ID(), func(e notify.Event) bool { return e.State == string(jobstore.Queued) })
	if err := services[0].Cancel(t.Context(), waiting.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) {
		t.Errorf("the job that waits ends with %v", err)
	}

	if err := services[1].Cancel(t.Context(), first.ID()); err != nil {
		t.Fatal(err)
	}
	result, err := first.Wait(t.Context())
	if !errors.Is(err, hvprov.ErrJobCancelled) || result == nil || len(result.Undone) == 0 {
		t.Errorf("the running job ends with %+v, %v", result, err)
	}
	var stored []job.Event
	for i, f := range followers {
		seen[i] = append(seen[i], f.until(first.ID(), func(e notify.Event) bool { return e.Last })...)
		var events []job.Event
		for _, e := range seen[i] {
			if e.Event != nil {
				events = append(events, *e.Event)
			}
		}
		for n, e := range events {
			if e.Seq != int64(n)+1 {
				t.Errorf("service %d: event %d has number %d", i, n+1, e.Seq)
			}
		}
		if n := len(events); n == 0 || events[n-1].Kind != job.KindResult {
			t.Errorf("service %d does not see the result before the end: %v", i, events)
		}
		got, err := services[i].JobEvents(t.Context(), first.ID(), 0, 1000)
		if err != nil || len(got) != len(events) {
			t.Errorf("service %d has %d events, sent %d: %v", i, len(got), len(events), err)
		}
		if i == 0 {
			stored = got
		} else if !reflect.DeepEqual(got, stored) {
			t.Errorf("service %d has the events %v, service 0 %v", i, got, stored)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(called) != len(stored) {
		t.Errorf("the callback was called with %v", called)
	}
}
