// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// maxJobs is the number of jobs that run at once. Further jobs wait for a slot.
const maxJobs = 4

// Host holds the jobs of a simulated host. They belong to no session: they continue when the session that submitted them ends, and any
// other session can follow them. Host is safe for concurrent use.
type Host struct {
	store *hyperv.Store
	ctx   context.Context // ends with the host
	stop  context.CancelFunc
	work  sync.WaitGroup // jobs and repairs

	mu        sync.Mutex
	jobs      map[string]*hostJob // by id in lower case
	order     []*hostJob          // in the order of submission
	running   int
	installed bool
	bundle    string        // SHA-256 of the installed bundle; empty: none
	freed     chan struct{} // closed, and replaced, when a slot or a place in the queue becomes free
}

// NewHost returns a host without jobs over the state in store.
func NewHost(store *hyperv.Store) *Host {
	h := &Host{store: store, jobs: map[string]*hostJob{}, freed: make(chan struct{})}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

func (h *Host) view(ctx context.Context) *view { return &view{ctx: ctx, store: h.store} }

// Close ends all jobs where they are and waits for their goroutines.
func (h *Host) Close() {
	h.stop()
	h.work.Wait()
}

// Kill ends the worker of a job where it is, and waits for it. It reports whether the job was running.
func (h *Host) Kill(id string) bool {
	j := h.find(id)
	if j == nil || j.currentStage() == ended {
		return false
	}
	j.kill()
	<-j.workerEnded
	return true
}

// Reboot ends all jobs where they are, as a restart of the host does.
func (h *Host) Reboot() {
	for _, j := range h.all() {
		j.kill()
		<-j.workerEnded
	}
}

// install records that the agent is installed: there are no files, since this program runs the jobs.
func (h *Host) install() protocol.InstallResult {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.installed
	h.installed = true
	sum := sha256.Sum256(agent.Bundle())
	return protocol.InstallResult{Version: agent.Version + "-" + hex.EncodeToString(sum[:8]), Was: was}
}

func (h *Host) isInstalled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.installed
}

// hasBundle reports whether the host has the bundle with a SHA-256.
func (h *Host) hasBundle(sha256 string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.EqualFold(h.bundle, sha256)
}

// keepBundle records the bundle that a session received.
func (h *Host) keepBundle(sha256 string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bundle = sha256
}

func (h *Host) find(id string) *hostJob {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.jobs[guid(id)]
}

func (h *Host) all() []*hostJob {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*hostJob(nil), h.order...)
}

// add starts the worker of a job, unless a job with its id is known, which it returns.
func (h *Host) add(j *hostJob) (known *hostJob) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := guid(j.id)
	if known := h.jobs[key]; known != nil {
		return known
	}
	h.jobs[key] = j
	h.order = append(h.order, j)
	h.work.Go(func() {
		defer close(j.workerEnded)
		j.work()
	})
	return nil
}

// acquireSlot waits for a slot for a job, in the order of submission. release frees the slot.
func (h *Host) acquireSlot(j *hostJob) (release func(), err error) {
	reported := false
	for {
		h.mu.Lock()
		h.installed = true // a worker installs the agent
		ahead := 0
		for _, other := range h.order {
			if other == j {
				break
			}
			if other.isWaiting() {
				ahead++
			}
		}
		if ahead == 0 && h.running < maxJobs {
			h.running++
			j.setRunning()
			h.wakeQueue()
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.running--
				h.wakeQueue()
			}, nil
		}
		full, freed := h.running >= maxJobs, h.freed
		h.mu.Unlock()
		if full && !reported { // otherwise the jobs ahead are about to take free slots
			reported = true
			j.log("queue_position", "count", ahead)
		}
		select {
		case <-freed:
		case <-j.cancelRequested:
		case <-j.ctx.Done():
			return nil, j.ctx.Err()
		}
		if err := j.checkCancelled(); err != nil {
			return nil, err
		}
	}
}

// wakeQueue makes waiting jobs check for a slot. h.mu must be held.
func (h *Host) wakeQueue() {
	close(h.freed)
	h.freed = make(chan struct{})
}

// repairAll rolls back every job whose worker has died.
func (h *Host) repairAll() {
	for _, j := range h.all() {
		j.repair()
	}
}

// list returns the jobs, the oldest first.
func (h *Host) list() protocol.JobsResult {
	result := protocol.JobsResult{Jobs: []protocol.JobInfo{}}
	for _, j := range h.all() {
		result.Jobs = append(result.Jobs, j.info())
	}
	return result
}

// guid returns a GUID in lower case, or an empty string if text is not a GUID.
func guid(text string) string {
	if !protocol.IsGUID(text) {
		return ""
	}
	return strings.ToLower(text)
}
