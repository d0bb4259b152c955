// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// held is a host on which the calls of a cmdlet wait until they are let go.
type held struct {
	*testing.T
	server *simhost.Server
	file   string
}

func hold(t *testing.T, cmdlet string) *held {
	t.Helper()
	h := &held{T: t, server: startHost(t, simhost.Options{}), file: filepath.Join(t.TempDir(), "hold")}
	if err := os.WriteFile(h.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	onHost(t, h.server, func(s *hyperv.State) { s.Behaviour.Calls = map[string]hyperv.Call{cmdlet: {Hold: h.file}} })
	return h
}

func (h *held) release() {
	h.Helper()
	if err := os.Remove(h.file); err != nil {
		h.Fatal(err)
	}
}

// submit submits a machine, and gives what is closed when its job comes to a step.
func (h *held) submit(s *hvprov.Service, name, step string) (*hvprov.Job, <-chan struct{}) {
	h.Helper()
	there := make(chan struct{})
	var once sync.Once
	j, err := s.Submit(h.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: values(name),
		OnEvent: func(e job.Event) {
			if e.Step == step {
				once.Do(func() { close(there) })
			}
		},
	})
	if err != nil {
		h.Fatal(err)
	}
	return j, there
}

func (h *held) state(s *hvprov.Service, j *hvprov.Job) jobstore.State {
	h.Helper()
	r, err := s.Job(j.ID())
	if err != nil {
		h.Fatal(err)
	}
	return r.State
}

func TestCloseCancelsWhatWaitsAndLetsFinishWhatRuns(t *testing.T) {
	t.Parallel()
	h := hold(t, "Add-VMHardDiskDrive")
	service := newService(t, h.server, func(o *hvprov.Options) { o.JobsPerHost = 1 })
	runs, there := h.submit(service, "web-01", "disk")
	<-there
	waits, _ := h.submit(service, "web-02", "disk")
	if got := h.state(service, waits); got != jobstore.Queued {
		t.Errorf("the second is %s", got)
	}
	closed := make(chan error)
	go func() { closed <- service.Close(t.Context()) }()
	if _, err := waits.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) || !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("what waited: %v", err)
	}
	h.release()
	if _, err := runs.Wait(t.Context()); err != nil {
		t.Errorf("what ran: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	state, err := h.server.Store().Read()
	if err != nil || len(state.VMs) != 1 || state.VMs[0].Name != "web-01" {
		t.Errorf("the host has %+v, %v", state.VMs, err)
	}
	_, err = service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("a")})
	if !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	if _, err := service.HostInventory(t.Context(), "hv01"); !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestWhatRunsOutlivesTheServiceAndIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	h := hold(t, "Add-VMHardDiskDrive")
	store := lastingStore{&jobstore.Memory{}}
	first := oneOfSeveral(t, h.server, func(o *hvprov.Options) { o.Store = store })
	j, there := h.submit(first, "web-01", "disk")
	<-there
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Close(ctx); !errors.Is(err, hvprov.ErrClosed) {
		t.Errorf("close: %v", err)
	}
	if _, err := j.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobUnknown) {
		t.Errorf("for the first service it is %v", err)
	}

	second := oneOfSeveral(t, h.server, func(o *hvprov.Options) { o.Store = store })
	again, err := second.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("WEB-01")})
	if !errors.Is(err, hvprov.ErrNameTaken) {
		t.Errorf("the name of a job that goes on: %v", err)
	}
	h.release()
	result, err := again.Wait(t.Context())
	if err != nil || result.VM == nil || result.VM.Name != "web-01" {
		t.Errorf("got %+v, %v", result, err)
	}
	if got := h.state(second, again); got != jobstore.Succeeded {
		t.Errorf("it is %s", got)
	}
	ended, err := second.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	if result, err := ended.Wait(t.Context()); err != nil || result.VM.Name != "web-01" {
		t.Errorf("a job that has ended: %+v, %v", result, err)
	}
}

func TestAJobOfAnotherClientIsFollowed(t *testing.T) {
	t.Parallel()
	h := hold(t, "Add-VMHardDiskDrive")
	mine, other := oneOfSeveral(t, h.server, nil), oneOfSeveral(t, h.server, nil)
	j, there := h.submit(other, "web-01", "disk")
	<-there
	followed, err := mine.Attach(t.Context(), "hv01", j.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := mine.Cancel(t.Context(), j.ID()); err != nil {
		t.Fatal(err)
	}
	h.release()
	for name, each := range map[string]*hvprov.Job{"mine": followed, "the other's": j} {
		if _, err := each.Wait(t.Context()); !errors.Is(err, hvprov.ErrJobCancelled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := mine.Attach(t.Context(), "hv01", "a0000000-0000-4000-8000-00000000dead"); !errors.Is(err, hvprov.ErrJobNotFound) {
		t.Errorf("a job that nobody knows: %v", err)
	}
}

func TestAJobThatTakesTooLongIsStoppedAndUndone(t *testing.T) {
	t.Parallel()
	h := hold(t, "Add-VMHardDiskDrive")
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
		t.Errorf("it is %s", got)
	}
	state, err := h.server.Store().Read()
	if err != nil || len(state.VMs) > 0 {
		t.Errorf("left: %+v, %v", state.VMs, err)
	}
}

func TestTheSameIDIsTheSameJob(t *testing.T) {
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
		t.Errorf("%d machines, %v", len(state.VMs), err)
	}
	sub.Values = values("web-02")
	if _, err := service.Submit(t.Context(), sub); !errors.Is(err, jobstore.ErrExists) {
		t.Errorf("something else under the same id: %v", err)
	}
	sub.JobID = "one"
	if _, err := service.Submit(t.Context(), sub); err == nil {
		t.Error("an id that is no GUID is taken")
	}
}
