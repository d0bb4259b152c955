// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// maxJobs is how many jobs run at once; more wait for a place.
const maxJobs = 4

// Host holds the jobs of a simulated host. They belong to no session: they go on when the one that began them is gone, and
// any other can follow them. Its methods may be called from many goroutines.
type Host struct {
	store *hyperv.Store
	ctx   context.Context // the host itself
	stop  context.CancelFunc
	work  sync.WaitGroup // jobs, and what undoes them

	mu      sync.Mutex
	jobs    map[string]*run // by their ids in lower case
	order   []*run          // as they came
	running int
	agent   bool          // what jobs run is there
	freed   chan struct{} // closed, and replaced, when a job has left its place or the queue
}

// NewHost gives the host of a state file. It knows no job.
func NewHost(stateFile string) (*Host, error) {
	store, err := hyperv.Open(stateFile)
	if err != nil {
		return nil, err
	}
	return HostOf(store), nil
}

// HostOf gives the host of a store that is open. It knows no job.
func HostOf(store *hyperv.Store) *Host {
	h := &Host{store: store, jobs: map[string]*run{}, freed: make(chan struct{})}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends all jobs where they are, and returns when they are gone.
func (h *Host) Close() {
	h.stop()
	h.work.Wait()
}

// Kill ends the worker of a job where it is, and returns when it is gone. It gives false when there is none.
func (h *Host) Kill(id string) bool {
	r := h.find(id)
	if r == nil || r.now() == ended {
		return false
	}
	r.kill()
	<-r.gone
	return true
}

// Reboot does to jobs what a restart of the host does: all that run are ended where they are.
func (h *Host) Reboot() {
	for _, r := range h.all() {
		r.kill()
		<-r.gone
	}
}

// install has what jobs run be there. There is nothing to put there: it is this program.
func (h *Host) install() protocol.InstallResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.agent
	h.agent = true
	sum := sha256.Sum256(agent.Bundle())
	return protocol.InstallResult{Version: agent.Version + "-" + hex.EncodeToString(sum[:8]), Was: was}
}

func (h *Host) isInstalled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.agent
}

func (h *Host) find(id string) *run {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.jobs[guid(id)]
}

func (h *Host) all() []*run {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*run(nil), h.order...)
}

// add takes a job on, unless one of its id is known, which it then gives.
func (h *Host) add(r *run) (known *run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := guid(r.id)
	if known := h.jobs[key]; known != nil {
		return known
	}
	h.jobs[key] = r
	h.order = append(h.order, r)
	h.work.Go(func() {
		defer close(r.gone)
		r.live()
	})
	return nil
}

// enter waits for a place for a job; the oldest comes first. leave gives it back.
func (h *Host) enter(r *run) (leave func(), err error) {
	told := false
	for {
		h.mu.Lock()
		h.agent = true // a worker brings it
		before := 0
		for _, other := range h.order {
			if other == r {
				break
			}
			if other.waits() {
				before++
			}
		}
		if before == 0 && h.running < maxJobs {
			h.running++
			r.begin()
			h.wakeAll()
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.running--
				h.wakeAll()
			}, nil
		}
		full, freed := h.running >= maxJobs, h.freed
		h.mu.Unlock()
		if full && !told { // else those before it are on their way to places that are free
			told = true
			r.log("waiting for a free place: %d before it", before)
		}
		select {
		case <-freed:
		case <-r.asked:
		case <-r.ctx.Done():
			return nil, r.ctx.Err()
		}
		if err := r.goesOn(); err != nil {
			return nil, err
		}
	}
}

// wakeAll has the jobs that wait look again. h.mu is held.
func (h *Host) wakeAll() {
	close(h.freed)
	h.freed = make(chan struct{})
}

// sweep has every job whose worker died undone.
func (h *Host) sweep() {
	for _, r := range h.all() {
		r.repair()
	}
}

// list gives the jobs, the oldest first.
func (h *Host) list() protocol.JobsResult {
	result := protocol.JobsResult{Jobs: []protocol.JobInfo{}}
	for _, r := range h.all() {
		result.Jobs = append(result.Jobs, r.info())
	}
	return result
}

func (r *run) info() protocol.JobInfo {
	r.gate.Lock()
	defer r.gate.Unlock()
	status := map[stage]protocol.Status{waiting: protocol.StatusWaiting, running: protocol.StatusRunning, ended: protocol.StatusEnded}[r.stage]
	return protocol.JobInfo{Job: r.id, Status: status, Operation: r.operation, VMID: r.shownID, Seq: int64(len(r.events))}
}
