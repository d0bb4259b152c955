// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// stage is where a job is in its life.
type stage int

const (
	waiting stage = iota
	running
	ended
)

// run is one job from its beginning to its result.
type run struct {
	*view // its ctx is the worker: its end is a worker that died
	home  *Host
	kill  context.CancelFunc
	gone  chan struct{} // closed when the worker is no more

	id        string
	operation job.Operation
	fields    fields
	changed   []string
	settings  *protocol.Settings
	cycle     bool // the virtual machine may be stopped and started

	secretNames []string
	secrets     []string // the longest first: one secret may be part of another

	cancelled atomic.Bool
	asked     chan struct{} // closed with it
	ask       func()
	mending   sync.Mutex

	// What follows belongs to the goroutine that does the job, and then to who undoes it.
	vmID       string
	generation int // of the virtual machine that is made
	steps      []string
	step       string
	message    string
	committed  bool // too late to cancel
	made       made
	undone     []string
	left       []string

	gate    sync.Mutex // guards what follows
	stage   stage
	shownID string // of the virtual machine
	events  []job.Event
	more    chan struct{} // closed, and replaced, when an event is added
}

// newRun reads a request into a job that waits.
func (h *Host) newRun(req protocol.Request) (*run, error) {
	d, err := readDefinition(req.Definition, false)
	if err != nil {
		return nil, err
	}
	r := &run{
		home: h, gone: make(chan struct{}), asked: make(chan struct{}), more: make(chan struct{}), id: req.Job, operation: d.operation, fields: d.fields, changed: req.Changed, settings: req.Settings,
		cycle: req.AllowPowerCycle, secretNames: req.Secrets,
	}
	if d.operation != job.OperationProvision {
		if r.vmID = guid(req.VMID); r.vmID == "" {
			return nil, fail(protocol.CodeBadRequest, "vm_id must be the GUID of a virtual machine", "", "")
		}
	}
	for _, name := range req.Secrets {
		for _, secret := range texts(d.fields.values[name]) {
			if len([]rune(secret)) >= 4 { // less would strike out innocent words
				r.secrets = append(r.secrets, secret)
			}
		}
	}
	slices.SortStableFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	r.shownID = r.vmID
	r.ask = sync.OnceFunc(func() { close(r.asked) })
	ctx, kill := context.WithCancel(h.ctx)
	r.view, r.kill = &view{ctx: ctx, store: h.store}, kill
	return r, nil
}

// texts gives every text within a value: which of them is secret, only the client knows.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, item := range v {
			all = append(all, texts(item)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, texts(v[key])...)
		}
	}
	return all
}

// waits tells whether the job waits for a place.
func (r *run) waits() bool {
	select {
	case <-r.gone:
		return false
	default:
		return r.now() == waiting
	}
}

func (r *run) now() stage {
	r.gate.Lock()
	defer r.gate.Unlock()
	return r.stage
}

// begin makes the job one that runs.
func (r *run) begin() {
	r.gate.Lock()
	defer r.gate.Unlock()
	r.stage = running
}

// hasVM notes which virtual machine the job is about.
func (r *run) hasVM(id string) {
	r.vmID = id
	r.gate.Lock()
	defer r.gate.Unlock()
	r.shownID = id
}

// say adds an event to the job. A process that is dead says nothing.
func (r *run) say(e job.Event) {
	if killed(r.ctx) {
		return
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	e.Job, e.Seq, e.Time, e.Step = r.id, int64(len(r.events)+1), utcNow(), r.step
	e.Message = r.protect(e.Message)
	r.events = append(r.events, e)
	if e.Kind == job.KindResult {
		r.stage = ended
	}
	close(r.more)
	r.more = make(chan struct{})
}

// since gives the events beyond a number, whether the result is among all of them, and what is closed when there are more.
func (r *run) since(after int64) (events []job.Event, over bool, changed <-chan struct{}) {
	r.gate.Lock()
	defer r.gate.Unlock()
	if after < int64(len(r.events)) {
		events = r.events[after:]
	}
	return events, r.stage == ended, r.more
}

func (r *run) log(format string, args ...any) {
	r.say(job.Event{Kind: job.KindLog, Message: fmt.Sprintf(format, args...)})
}

// protect puts asterisks in the place of the job's secrets.
func (r *run) protect(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "******")
	}
	return text
}

func (r *run) goesOn() error {
	if r.cancelled.Load() && !r.committed {
		return fail(protocol.CodeCancelled, "the job was cancelled", "", "")
	}
	return r.ctx.Err()
}

// enter begins a step.
func (r *run) enter(name, format string, args ...any) error {
	if err := r.goesOn(); err != nil {
		return err
	}
	r.step = name
	r.say(job.Event{Kind: job.KindStep, Message: fmt.Sprintf(format, args...), Number: slices.Index(r.steps, name) + 1, Of: len(r.steps)})
	return nil
}

func (r *run) has(step string) bool { return slices.Contains(r.steps, step) }

// live is the life of the job's worker: it does the job once there is a place, unless it is killed.
func (r *run) live() {
	leave, err := r.home.enter(r)
	if err != nil {
		r.vmID = "" // nothing was touched: no need to look at the host
		r.complete(err)
		return
	}
	defer leave()
	switch r.operation {
	case job.OperationProvision:
		err = r.provision()
	case job.OperationUpdate:
		err = r.update()
	case job.OperationDelete:
		err = r.remove()
	}
	if killed(r.ctx) {
		return
	}
	r.made.done = err == nil
	if err != nil {
		r.undo()
	}
	r.complete(err)
}

// repair undoes the job if its worker died, and tells its result; one that all was done for keeps its virtual machine.
func (r *run) repair() {
	r.mending.Lock()
	defer r.mending.Unlock()
	select {
	case <-r.gone:
	default:
		return
	}
	stage := r.now()
	if stage == ended || killed(r.home.ctx) {
		return
	}
	r.view = &view{ctx: r.home.ctx, store: r.store}
	err := fail(job.CodeWorkerDied, "the process of the job on the host died before the job had ended", "", "")
	if stage != waiting {
		if _, notReady := r.host(); notReady != nil {
			return // no reason to leave things: the next who looks tries again
		}
		if r.finish() {
			err = nil
		}
	}
	r.complete(err)
}

// finish takes back what a dead job had made. It gives true when the job had done its work, or could be brought to its end.
func (r *run) finish() bool {
	r.committed = true
	if r.made.done {
		return true
	}
	if r.operation != job.OperationDelete {
		r.undo()
		return false
	}
	if r.made.removing == nil {
		return false
	}
	if _, there, err := r.find(r.vmID); there || err != nil {
		return false
	}
	return r.removeFiles(r.made.removing.manifest, r.made.removing.drives) == nil
}

// complete tells the result, the last that a job says.
func (r *run) complete(err error) {
	result := &job.Result{Outcome: job.Succeeded, Undone: r.undone}
	if r.vmID != "" {
		if vm, ok, findErr := r.find(r.vmID); ok && findErr == nil {
			shown := r.details([]hyperv.VM{vm}).show(vm)
			result.VM = &shown
		}
	}
	if err != nil {
		f := describe(err, protocol.CodeStepFailed)
		f.Step = r.step
		f.Message, f.Remedy = r.protect(f.Message), r.protect(f.Remedy)
		result.Outcome, result.Error, r.message = job.Failed, f, f.Message
		if f.Code == protocol.CodeCancelled {
			result.Outcome = job.Cancelled
		}
	} else if result.VM != nil {
		r.message = fmt.Sprintf("virtual machine '%s' is %s", result.VM.Name, result.VM.PowerState)
	}
	result.Left = r.left
	r.say(job.Event{Kind: job.KindResult, Message: r.message, Result: result})
}
