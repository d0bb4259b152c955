// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// addVMs adds virtual machines to a host, and returns their GUIDs.
func addVMs(t *testing.T, server *simhost.Server, n int) []string {
	t.Helper()
	ids := make([]string, n)
	updateHost(t, server, func(s *hyperv.State) {
		for i := range ids {
			ids[i] = fmt.Sprintf("0b5d1c5e-6a1e-4c39-9d0b-%012d", i)
			s.VMs = append(s.VMs, hyperv.VM{
				ID: ids[i], Name: fmt.Sprintf("vm-%03d", i), State: "Running", Generation: 2, MemoryStartupBytes: 4 << 30, ProcessorCount: 2,
				Notes: rand.Text() + rand.Text() + rand.Text() + rand.Text(), // answers are compressed
			})
		}
	})
	return ids
}

func TestAReadOfOneVMOnAHostOf300ReceivesThatOneOnly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		opts func(*testing.T) simhost.Options
	}{
		{"fake agent", func(*testing.T) simhost.Options { return simhost.Options{} }},
		{"real agent", withPowerShell},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opts := test.opts(t)
			sampleRealAgent(t, opts)
			readOneOf300(t, startHost(t, opts))
		})
	}
}

func readOneOf300(t *testing.T, server *simhost.Server) {
	t.Helper()
	ids := addVMs(t, server, 300)
	service := newService(t, server, nil)
	if _, err := service.HostInfo(t.Context(), "hv01"); err != nil { // the session has begun
		t.Fatal(err)
	}
	received := func(read func() error) int64 {
		before := service.Metrics().Hosts[0].Traffic
		if err := read(); err != nil {
			t.Fatal(err)
		}
		return service.Metrics().Hosts[0].Traffic.BytesReceived - before.BytesReceived
	}
	one := received(func() error { _, _, err := service.FindVM(t.Context(), "hv01", ids[7]); return err })
	all := received(func() error { _, err := service.HostInventory(t.Context(), "hv01"); return err })
	t.Logf("one virtual machine: %d bytes; all: %d bytes", one, all)
	if one*5 > all {
		t.Errorf("reading one virtual machine received %d bytes, reading all of them %d", one, all)
	}
}

func TestReading100VMsTakesFewRequests(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	ids := addVMs(t, server, 300)
	service := newService(t, server, nil)
	slots := make(chan struct{}, 10) // Terraform's default parallelism
	var reads sync.WaitGroup
	for _, id := range ids[:100] {
		slots <- struct{}{}
		reads.Go(func() {
			defer func() { <-slots }()
			if _, vm, err := service.FindVM(t.Context(), "hv01", id); err != nil || vm.ID != id {
				t.Errorf("got %+v and %v", vm, err)
			}
		})
	}
	reads.Wait()
	counters := server.Counters()
	requests := counters.POSTs - counters.ByAction[simhost.ActionReceive]
	t.Logf("%d POSTs, %d of them other than Receive", counters.POSTs, requests)
	if counters.Processes != 1 || requests > 20 {
		t.Errorf("%d processes, %d POSTs other than Receive; want 1 and at most 20", counters.Processes, requests)
	}
}

// The agent checks the names itself, during plan and when a job starts.
func TestPlanAndJobsReadNoInventoryIfTheHostChecksTheName(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	service := newService(t, server, nil)
	sub := hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), SkipInventoryCheck: true}
	if _, err := service.Check(t.Context(), hvprov.CheckRequest{Submission: sub}); err != nil {
		t.Fatal(err)
	}
	j, err := service.Submit(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := service.Metrics().Pools["query"].Tasks["inventory"].Submitted; n > 0 {
		t.Errorf("%d requests for virtual machines, want none", n)
	}
}

func TestAPartialAnswerSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	const missing = "the time for reading disks was used up"
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.UnreadDisks = missing })
	ids := addVMs(t, server, 1)
	service := newService(t, server, nil)
	_, vm, err := service.FindVM(t.Context(), "hv01", ids[0])
	if err != nil || len(vm.Partial) != 1 || vm.Partial[0] != missing {
		t.Errorf("virtual machine: got %+v and %v", vm, err)
	}
	snapshot, err := service.HostInventory(t.Context(), "hv01")
	if err != nil || len(snapshot.Partial) != 1 {
		t.Errorf("snapshot: got %+v and %v", snapshot, err)
	}
	view, err := service.HostView("hv01")
	if err != nil || len(view.Partial) != 1 || view.Failure != nil {
		t.Errorf("view: got %+v and %v", view, err)
	}
	if n := service.Metrics().Hosts[0].Partial; n != 2 {
		t.Errorf("%d partial answers, want 2", n)
	}
}

func TestTheLimitOfAQueryIsAnOption(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	ids := addVMs(t, server, 1)
	service := newService(t, server, func(o *hvprov.Options) { o.QueryLimit = time.Nanosecond })
	var host *hvprov.HostError
	if _, _, err := service.FindVM(t.Context(), "hv01", ids[0]); !errors.As(err, &host) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want an exceeded limit", err)
	}
}
