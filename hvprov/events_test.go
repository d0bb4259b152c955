// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func TestSubscribersReceiveEventsOfJobsAndHosts(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	service := newService(t, server, nil)
	all := service.Subscribe(notify.Filter{Host: "HV01"})
	defer all.Close()
	unread := service.Subscribe(notify.Filter{Buffer: 1})
	defer unread.Close()
	var own []int64
	j, err := service.Submit(t.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), OnEvent: func(e job.Event) { own = append(own, e.Seq) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := service.Subscribe(notify.Filter{Job: j.ID(), Replay: true}) // ends after the last event of the job
	defer late.Close()
	var replayed []string
	for e, err := range late.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == notify.KindJobState {
			replayed = append(replayed, e.State)
		}
	}
	if want := []string{"pending", "queued", "running", "succeeded"}; !slices.Equal(replayed, want) {
		t.Errorf("states of the job are %q", replayed)
	}

	var hosts []string
	var seqs []int64
	for {
		e, err := all.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case notify.KindHostState:
			hosts = append(hosts, e.State)
		case notify.KindJobEvent:
			seqs = append(seqs, e.Event.Seq)
		}
		if e.Job == j.ID() && e.Last {
			break
		}
	}
	for _, want := range []string{"agent_checking", "connected"} {
		if n := len(slices.DeleteFunc(slices.Clone(hosts), func(s string) bool { return s != want })); n != 1 {
			t.Errorf("state %s was published %d times: %q", want, n, hosts)
		}
	}
	if !slices.Equal(seqs, own) || len(own) < 10 {
		t.Errorf("subscriber received the events %v, OnEvent %v", seqs, own)
	}
}

func TestViewsAndMetricsShowActiveJobs(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	service := newService(t, h.server, func(o *hvprov.Options) { o.JobsPerHost = 1 })
	runs, diskStep := h.submit(service, "web-01", "disk")
	<-diskStep
	waits, _ := h.submit(service, "web-02", "disk")
	view, err := service.HostView("HV01")
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, vm := range view.VMs {
		states[vm.Name] = vm.State
	}
	if view.State != inventory.StateConnected || len(states) != 2 || states["web-01"] != inventory.VMCreating || states["web-02"] != inventory.VMCreating {
		t.Errorf("host is %s, virtual machines are %v", view.State, states)
	}
	m := service.Metrics()
	if m.Jobs[jobstore.Running] != 1 || m.Jobs[jobstore.Queued] != 1 || m.Hosts[0].Running != 1 || m.Hosts[0].Queued != 1 || m.Pools["job"].Running != 1 {
		t.Errorf("metrics are %+v", m)
	}
	h.release()
	for _, j := range []*hvprov.Job{runs, waits} {
		if _, err := j.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	snapshot, err := service.HostInventory(t.Context(), "hv01")
	if err != nil || len(snapshot.VMs) != 2 {
		t.Errorf("snapshot is %+v, error %v", snapshot, err)
	}
	m = service.Metrics()
	if m.Jobs[jobstore.Succeeded] != 2 || m.Hosts[0].VMs != 2 || m.Hosts[0].Traffic.Requests == 0 || m.Hosts[0].Agent.Sessions != 1 {
		t.Errorf("metrics are %+v", m)
	}
	steps := map[string]uint64{}
	for _, s := range m.Steps {
		steps[s.Step] = s.Durations.Count
	}
	if steps[""] != 2 || steps["disk"] != 2 || steps["start"] != 2 {
		t.Errorf("counts of the steps are %v", steps)
	}
}
