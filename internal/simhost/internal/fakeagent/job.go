// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// stage is the progress of a job through its life.
type stage int

const (
	waiting stage = iota
	running
	ended
)

// hostJob is one job from its submission to its result. Its context is that of its worker process.
type hostJob struct {
	*view
	host            *Host
	kill            context.CancelFunc
	workerEnded     chan struct{} // closed when the worker has ended
	cancelRequested chan struct{} // closed by cancel
	cancel          func()
	cancelled       atomic.Bool
	repairMu        sync.Mutex

	id              string
	operation       job.Operation
	fields          fields
	changed         []string
	settings        *protocol.Settings
	allowPowerCycle bool
	secretFields    []string
	secrets         []string // the longest first, because one secret may contain another

	// The fields below belong to the worker, and to repair once the worker has ended.
	vmID    string
	steps   []step
	entered []step
	message string // of the result
	plan    plan
	taken   *job.Checkpoint // for the result: the checkpoint that the job took or applied
	placed  *job.Image      // for the result: the image that the job created

	disk         *job.Disk // for the result: the virtual hard disk of a disk job
	created      string    // path of the virtual hard disk that a disk job creates
	stopped      bool      // an update stopped the virtual machine and has to start it again
	replaced     bool      // a checkpoint was applied or removed
	unregistered bool      // a delete removed the virtual machine and has to delete its files
	attached     []string  // data disks that an update attached
	detached     []string  // data disks that an update detached
	done         bool      // all steps succeeded

	virtualSwitch *job.Switch // for the result: the virtual switch of a switch job
	createdSwitch string      // GUID of the virtual switch that a switch job created
	changedSwitch bool        // a switch job changed a virtual switch

	undone []string
	left   []string

	mu      sync.Mutex // guards the fields below
	stage   stage
	shownID string // of the virtual machine
	events  []job.Event
	added   chan struct{} // closed, and replaced, when an event is added
}

// newJob returns the job of a request, which waits.
func (h *Host) newJob(req protocol.Request) (*hostJob, error) {
	d, err := readDefinition(req.Definition, false)
	if err != nil {
		return nil, err
	}
	j := &hostJob{
		host: h, workerEnded: make(chan struct{}), cancelRequested: make(chan struct{}), added: make(chan struct{}), id: req.Job,
		operation: d.operation, fields: d.fields, changed: req.Changed, settings: d.fields.folders(req.Settings), allowPowerCycle: req.AllowPowerCycle,
		secretFields: req.Secrets,
	}
	if d.operation.NeedsVM() {
		if j.vmID = guid(req.VMID); j.vmID == "" {
			return nil, fail("guid_invalid", "", "name", "vm_id")
		}
	}
	for _, name := range req.Secrets {
		for _, secret := range stringsIn(d.fields[name]) {
			if len([]rune(secret)) >= 4 { // a shorter one would also replace parts of words
				j.secrets = append(j.secrets, secret)
			}
		}
	}
	slices.SortStableFunc(j.secrets, func(a, b string) int { return len(b) - len(a) })
	j.shownID = j.vmID
	cancelOnce := sync.OnceFunc(func() { close(j.cancelRequested) })
	j.cancel = func() {
		j.cancelled.Store(true)
		cancelOnce()
	}
	ctx, kill := context.WithCancel(h.ctx)
	j.view, j.kill = h.view(ctx), kill
	return j, nil
}

// stringsIn returns every string within a value of a secret field.
func stringsIn(v any) (all []string) {
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, item := range v {
			all = append(all, stringsIn(item)...)
		}
	case map[string]any:
		for _, item := range v {
			all = append(all, stringsIn(item)...)
		}
	}
	return all
}

// work runs the worker of the job: it waits for a slot, performs the operation, and rolls it back if it fails.
func (j *hostJob) work() {
	release, err := j.host.acquireSlot(j)
	if err != nil {
		j.vmID = "" // the job changed nothing, so the result needs no virtual machine
		j.complete(err)
		return
	}
	defer release()
	err = j.perform(operations[j.operation])
	if j.ctx.Err() != nil {
		return
	}
	j.done = err == nil
	if err != nil {
		j.rollBack()
	}
	j.complete(err)
}

// repair completes a job whose worker has died: it rolls the job back, or keeps its work if that was complete.
func (j *hostJob) repair() {
	j.repairMu.Lock()
	defer j.repairMu.Unlock()
	select {
	case <-j.workerEnded:
	default:
		return
	}
	stage := j.currentStage()
	if stage == ended || j.host.ctx.Err() != nil {
		return
	}
	j.view = j.host.view(j.host.ctx)
	err := fail("worker_died", "")
	if stage != waiting {
		if _, notReady := j.hostState(); notReady != nil {
			return // the next session tries again
		}
		if j.recover() {
			err = nil
		}
	}
	j.complete(err)
}

// recover rolls back a job whose worker has died. It reports whether the work was complete, or could be completed.
func (j *hostJob) recover() bool {
	if j.done || j.completeCheckpoint() {
		return true
	}
	if j.operation != job.OperationDelete {
		j.rollBack()
		return false
	}
	if !j.unregistered {
		return false
	}
	if _, found, err := j.findVM(j.vmID); found || err != nil {
		return false
	}
	return deleteFiles(j) == nil
}

// complete emits the result, which is the last event.
func (j *hostJob) complete(err error) {
	result := &job.Result{Outcome: job.Succeeded, Undone: j.undone, Left: j.left}
	if j.vmID != "" {
		if vm, ok, findErr := j.findVM(j.vmID); ok && findErr == nil {
			shown := showVM(vm, j.hostOrEmpty(), true)
			result.VM = &shown
		}
	}
	if err == nil {
		result.Checkpoint, result.Image, result.Disk, result.Switch = j.taken, j.placed, j.disk, j.virtualSwitch
	}
	if err != nil {
		f := asFailure(err, protocol.CodeStepFailed)
		f.Step = j.stepName()
		f.Message, f.Remedy = j.redact(f.Message), j.redact(f.Remedy)
		result.Outcome, result.Error, j.message = job.Failed, f, f.Message
		if f.Code == protocol.CodeCancelled {
			result.Outcome = job.Cancelled
		}
	} else if result.VM != nil {
		j.message = text("result_vm", "vm", result.VM.Name, "state", result.VM.PowerState)
	}
	j.emit(job.Event{Kind: job.KindResult, Message: j.message, Result: result})
}

// emit adds an event. A dead worker emits none.
func (j *hostJob) emit(e job.Event) {
	if j.ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Job, e.Seq, e.Time, e.Step = j.id, int64(len(j.events)+1), time.Now().UTC().Truncate(time.Millisecond), j.stepName()
	e.Message = j.redact(e.Message)
	j.events = append(j.events, e)
	if e.Kind == job.KindResult {
		j.stage = ended
	}
	close(j.added)
	j.added = make(chan struct{})
}

// log emits a message of the catalogue.
func (j *hostJob) log(id string, values ...any) {
	j.emit(job.Event{Kind: job.KindLog, Message: text(id, values...)})
}

// warn emits a message of the catalogue as a warning.
func (j *hostJob) warn(id string, values ...any) {
	j.emit(job.Event{Kind: job.KindWarning, Message: text(id, values...)})
}

// redact replaces the secrets of the job with asterisks.
func (j *hostJob) redact(text string) string {
	for _, secret := range j.secrets {
		text = strings.ReplaceAll(text, secret, "******")
	}
	return text
}

// since returns the events after a number, whether the job has ended, and a channel that is closed when an event is added.
func (j *hostJob) since(after int64) (events []job.Event, over bool, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if after < int64(len(j.events)) {
		events = j.events[after:]
	}
	return events, j.stage == ended, j.added
}

// checkCancelled returns an error if the job was cancelled and can still be, or if its worker is to end.
func (j *hostJob) checkCancelled() error {
	if j.cancelled.Load() && !j.unregistered {
		return fail("job_cancelled", "")
	}
	return j.ctx.Err()
}

// isWaiting reports whether the job waits for a slot.
func (j *hostJob) isWaiting() bool {
	select {
	case <-j.workerEnded:
		return false
	default:
		return j.currentStage() == waiting
	}
}

func (j *hostJob) currentStage() stage {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stage
}

func (j *hostJob) setRunning() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stage = running
}

func (j *hostJob) setVMID(id string) {
	j.vmID = id
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shownID = id
}

func (j *hostJob) info() protocol.JobInfo {
	j.mu.Lock()
	defer j.mu.Unlock()
	status := map[stage]protocol.Status{waiting: protocol.StatusWaiting, running: protocol.StatusRunning, ended: protocol.StatusEnded}[j.stage]
	return protocol.JobInfo{Job: j.id, Status: status, Operation: j.operation, VMID: j.shownID, Seq: int64(len(j.events))}
}
