// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// heldHost is a host on which the calls of a cmdlet wait for release.
type heldHost struct {
	*testing.T
	server  *simhost.Server
	release func()
}

func holdCalls(t *testing.T, cmdlet string) *heldHost {
	t.Helper()
	return holdCall(t, cmdlet, hyperv.Call{})
}

func holdCall(t *testing.T, cmdlet string, call hyperv.Call) *heldHost {
	t.Helper()
	server := startHost(t, simhost.Options{})
	return &heldHost{T: t, server: server, release: simtest.HoldCall(t, server, cmdlet, call).Release}
}

// submit submits a virtual machine, and returns a channel that is closed when its job reaches a step.
func (h *heldHost) submit(s *hvprov.Service, name, step string) (*hvprov.Job, <-chan struct{}) {
	h.Helper()
	reached := make(chan struct{})
	var once sync.Once
	j, err := s.Submit(h.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values(name),
		OnEvent: func(e job.Event) {
			if e.Step == step {
				once.Do(func() { close(reached) })
			}
		},
	})
	if err != nil {
		h.Fatal(err)
	}
	return j, reached
}

func (h *heldHost) state(s *hvprov.Service, j *hvprov.Job) jobstore.State {
	h.Helper()
	r, err := s.Job(j.ID())
	if err != nil {
		h.Fatal(err)
	}
	return r.State
}

func TestCloseCancelsQueuedJobsAndWaitsForRunningOnes(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	service := newService(t, h.server, func(o *hvprov.Options) { o.JobsPerHost = 1 })
	runs, diskStep := h.submit(service, "web-01", "disk")
	<-diskStep
	waits, _ := h.submit(service, "web-02", "disk")
	if got := h.state(service, waits); got != jobstore.Queued {
		t.Errorf("state of the second job is %s", got)
	}
	closed := make(chan error)
	go func() { closed <- service.Close(t.Context()) }()
	if _, err := waits.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) || !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("queued job: %v", err)
	}
	h.release()
	if _, err := runs.Wait(t.Context()); err != nil {
		t.Errorf("running job: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	state, err := h.server.Store().Read()
	if err != nil || len(state.VMs) != 1 || state.VMs[0].Name != "web-01" {
		t.Errorf("virtual machines are %+v, error %v", state.VMs, err)
	}
	_, err = service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("a")})
	if !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("request after close: %v", err)
	}
	if _, err := service.HostInventory(t.Context(), "hv01"); !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("request after close: %v", err)
	}
}

func TestQueuedJobsThatAreKeptAreRunByTheNextService(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	store := lastingStore{&jobstore.Memory{}}
	keep := func(o *hvprov.Options) {
		o.Store, o.KeepQueued, o.JobsPerHost, o.StoreKey = store, true, 1, bytes.Repeat([]byte{7}, 32)
	}
	first := newSharedHostService(t, h.server, keep)
	runs, diskStep := h.submit(first, "web-01", "disk")
	<-diskStep
	waits, _ := h.submit(first, "web-02", "disk")
	closed := make(chan error)
	go func() { closed <- first.Close(t.Context()) }()
	if _, err := waits.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobUnknown) {
		t.Errorf("queued job of the closed service: %v", err)
	}
	h.release()
	if _, err := runs.Wait(t.Context()); err != nil {
		t.Errorf("running job: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}

	second := newSharedHostService(t, h.server, keep)
	again, err := second.Attach(t.Context(), "hv01", waits.ID())
	if err != nil {
		t.Fatal(err)
	}
	if result, err := again.Wait(t.Context()); err != nil || result.VM == nil || result.VM.Name != "web-02" {
		t.Errorf("result of the queued job is %+v, error %v", result, err)
	}
}

func TestARunningJobSurvivesItsServiceAndIsResumedByTheNext(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	store := lastingStore{&jobstore.Memory{}}
	first := newSharedHostService(t, h.server, func(o *hvprov.Options) { o.Store = store })
	j, diskStep := h.submit(first, "web-01", "disk")
	<-diskStep
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Close(ctx); !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("close: %v", err)
	}
	if _, err := j.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobUnknown) {
		t.Errorf("job of the closed service: %v", err)
	}

	second := newSharedHostService(t, h.server, func(o *hvprov.Options) { o.Store = store })
	again, err := second.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("WEB-01")})
	if !errors.Is(err, hvprov.ErrNameTaken) {
		t.Errorf("name of the resumed job: %v", err)
	}
	h.release()
	result, err := again.Wait(t.Context())
	if err != nil || result.VM == nil || result.VM.Name != "web-01" {
		t.Errorf("result is %+v, error %v", result, err)
	}
	if got := h.state(second, again); got != jobstore.Succeeded {
		t.Errorf("state of the job is %s", got)
	}
	ended, err := second.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	if result, err := ended.Wait(t.Context()); err != nil || result.VM.Name != "web-01" {
		t.Errorf("ended job: %+v, %v", result, err)
	}
}

func TestAJobOfAnotherClientCanBeAttachedTo(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	service, other := newSharedHostService(t, h.server, nil), newSharedHostService(t, h.server, nil)
	j, diskStep := h.submit(other, "web-01", "disk")
	<-diskStep
	followed, err := service.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Cancel(t.Context(), j.ID()); err != nil {
		t.Fatal(err)
	}
	h.release()
	for name, each := range map[string]*hvprov.Job{"attached": followed, "submitted": j} {
		if _, err := each.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := service.Attach(t.Context(), "hv01", "a0000000-0000-4000-8000-00000000dead"); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("unknown job: %v", err)
	}
}

func TestAJobThatExceedsItsTimeLimitIsRolledBack(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	service := newService(t, h.server, nil)
	j, err := service.Submit(t.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), Limit: time.Nanosecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.release()
	if _, err := j.Wait(t.Context()); !errors.Is(err, hvprov.ErrTimeLimit) || !errors.Is(err, hvprov.ErrJobFailed) {
		t.Errorf("got %v", err)
	}
	if got := h.state(service, j); got != jobstore.Failed {
		t.Errorf("state of the job is %s", got)
	}
	state, err := h.server.Store().Read()
	if err != nil || len(state.VMs) > 0 {
		t.Errorf("virtual machines left: %+v, error %v", state.VMs, err)
	}
}

func TestASecondSubmissionWithTheSameIDReturnsTheSameJob(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	service := newService(t, server, nil)
	sub := hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values("web-01"), JobID: "a0000000-0000-4000-8000-000000000001",
	}
	for range 2 {
		j, err := service.Submit(t.Context(), sub)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	state, err := server.Store().Read()
	if err != nil || len(state.VMs) != 1 {
		t.Errorf("%d virtual machines, error %v", len(state.VMs), err)
	}
	sub.Values = values("web-02")
	if _, err := service.Submit(t.Context(), sub); !errors.Is(err, jobstore.ErrExists) {
		t.Errorf("another submission under the same id: %v", err)
	}
	sub.JobID = "one"
	if _, err := service.Submit(t.Context(), sub); err == nil {
		t.Error("an id that is not a GUID was accepted")
	}
}
