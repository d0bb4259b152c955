// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// take passes an event on.
func (j *Job) take(ctx context.Context, e job.Event) {
	e = j.translate(j.redact(e))
	j.mu.Lock()
	if e.VMID != "" {
		j.vmID = e.VMID
	}
	if e.Step != "" {
		j.step = e.Step
	}
	first := j.seq == 0
	j.seq = e.Seq
	j.lines = append(j.lines, e.String())
	if len(j.lines) > lastLines {
		j.lines = j.lines[1:]
	}
	j.mu.Unlock()
	if first || e.VMID != "" {
		j.noteProgress(e)
	}
	j.timing.event(ctx, j, e)
	j.logEvent(e)
	j.service.bus.Publish(notify.Event{Kind: notify.KindJobEvent, Time: e.Time, Host: j.host.name, Job: j.id, Event: &e})
	if j.sub.OnEvent != nil {
		j.sub.OnEvent(e)
	}
}

// noteProgress has the record say that the host has the job, and which virtual machine it is about.
func (j *Job) noteProgress(e job.Event) {
	err := j.service.ledger.Update(context.Background(), j.id, func(r *jobstore.Record) {
		r.HostAccepted, r.EncryptedValues, r.Seq = true, nil, e.Seq
		if e.VMID != "" {
			r.VMID = e.VMID
		}
	})
	if err != nil {
		j.service.opts.Logger.Warn("how far a job came cannot be kept", "job", j.id, "error", err)
	}
}

func (j *Job) redact(e job.Event) job.Event {
	e.Message = j.redactor.String(e.Message)
	if e.Result == nil {
		return e
	}
	r := *e.Result
	if r.Error != nil {
		f := *r.Error
		f.Message, f.Remedy = j.redactor.String(f.Message), j.redactor.String(f.Remedy)
		r.Error = &f
	}
	r.Undone, r.Left = j.redactAll(r.Undone), j.redactAll(r.Left)
	e.Result = &r
	return e
}

// translate tells a result in the words of the submission's schema. The event has a result of its own.
func (j *Job) translate(e job.Event) job.Event {
	if e.Result == nil {
		return e
	}
	t, r := j.service.agents, e.Result
	if r.Error != nil {
		r.Error.Field = t.Origin(r.Error.Field)
	}
	if r.VM != nil {
		vm := *r.VM
		vm.Recorded = t.Back(vm.Recorded)
		r.VM = &vm
	}
	return e
}

func (j *Job) redactAll(lines []string) []string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = j.redactor.String(line)
	}
	return clean
}

// timing measures a job's steps, and tells the tracer of them. It belongs to the goroutine that follows the job.
type timing struct {
	step  string
	began time.Time // by the host's clock
	end   func(error)
}

// event takes an event that may begin a step or end one.
func (t *timing) event(ctx context.Context, j *Job, e job.Event) {
	if e.Kind != job.KindStep && e.Kind != job.KindResult {
		return
	}
	var err error
	if e.Result != nil && e.Error != nil {
		err = &JobError{Host: j.host.name, Job: j.id, Class: ErrJobFailed, Failure: *e.Error}
	}
	t.endStep(j, err, e.Time)
	if e.Kind == job.KindStep {
		t.step, t.began = e.Step, e.Time
		_, t.end = j.service.opts.Tracer.Begin(ctx, Span{Kind: SpanStep, Name: e.Step, Host: j.host.name, Job: j.id, Start: time.Now()})
	}
}

// endStep ends the step that is under way, if one is.
func (t *timing) endStep(j *Job, err error, at time.Time) {
	if t.end == nil {
		return
	}
	t.end(err)
	t.end = nil
	j.service.steps.add(j.sub.Operation, t.step, at.Sub(t.began))
}
