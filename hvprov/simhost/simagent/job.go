// SPDX-License-Identifier: MPL-2.0

package simagent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
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
	*session
	id        string
	operation job.Operation
	fields    fields
	changed   []string
	settings  *protocol.Settings
	cycle     bool // the virtual machine may be stopped and started

	secretNames []string
	secrets     []string // the longest first: one secret may be part of another

	cancelled atomic.Bool

	// What follows belongs to the goroutine that does the job.
	vmID      string
	steps     []string
	step      string
	message   string
	committed bool // too late to cancel
	made      made
	undone    []string
	left      []string

	gate  sync.Mutex // guards what follows, and holds events in the order of their numbers
	stage stage
	lines [][]byte
}

// newRun reads a request into a job that waits.
func (s *session) newRun(req protocol.Request) (*run, error) {
	d, err := readDefinition(req.Definition, false)
	if err != nil {
		return nil, err
	}
	r := &run{
		session: s, id: req.Job, operation: d.operation, fields: d.fields, changed: req.Changed, settings: req.Settings,
		cycle: req.AllowPowerCycle, secretNames: req.Secrets,
	}
	if d.operation != job.OperationProvision {
		if r.vmID = guid(req.VMID); r.vmID == "" {
			return nil, fail(job.CodeBadRequest, "vm_id must be the GUID of a virtual machine", "", "")
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

func (r *run) now() stage {
	r.gate.Lock()
	defer r.gate.Unlock()
	return r.stage
}

// change takes the job from one stage to another, and gives false when it was in neither.
func (r *run) change(from, to stage) bool {
	r.gate.Lock()
	defer r.gate.Unlock()
	if r.stage != from {
		return false
	}
	r.stage = to
	return true
}

// say adds an event to the job and sends it.
func (r *run) say(e job.Event) {
	if killed(r.ctx) {
		return
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	e.Job, e.Seq, e.Time, e.Step = r.id, int64(len(r.lines)+1), utcNow(), r.step
	e.Message = r.protect(e.Message)
	line := r.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: e})
	r.lines = append(r.lines, line)
	r.write(line)
}

func (r *run) log(format string, args ...any) {
	r.say(job.Event{Kind: job.KindLog, Message: fmt.Sprintf(format, args...)})
}

// replay sends the events beyond a number once more.
func (r *run) replay(after int64) {
	r.gate.Lock()
	defer r.gate.Unlock()
	for i := max(after, 0); i < int64(len(r.lines)); i++ {
		r.write(r.lines[i])
	}
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
		return fail(job.CodeCancelled, "the job was cancelled", "", "")
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

// do runs the job to its result.
func (r *run) do() {
	if !r.change(waiting, running) {
		return
	}
	var err error
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
	if err != nil {
		r.undo()
	}
	r.complete(err)
}

// complete tells the result, the last that a job says.
func (r *run) complete(err error) {
	result := &job.Result{Outcome: job.Succeeded, Undone: r.undone}
	if r.vmID != "" {
		if vm, ok, findErr := r.find(r.vmID); ok && findErr == nil {
			shown := show(vm)
			result.VM = &shown
		}
	}
	if err != nil {
		f := describe(err, job.CodeStepFailed)
		f.Step = r.step
		f.Message, f.Remedy = r.protect(f.Message), r.protect(f.Remedy)
		result.Outcome, result.Error, r.message = job.Failed, f, f.Message
		if f.Code == job.CodeCancelled {
			result.Outcome = job.Cancelled
		}
	} else if result.VM != nil {
		r.message = fmt.Sprintf("virtual machine '%s' is %s", result.VM.Name, result.VM.PowerState)
	}
	result.Left = r.left
	r.gate.Lock()
	r.stage = ended
	r.gate.Unlock()
	r.say(job.Event{Kind: job.KindResult, Message: r.message, Result: result})
}
