// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"context"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// lastLines is the number of events that the error of a job repeats.
const lastLines = 10

// handleEvent passes an event on, and returns it without secrets and in the submission's schema.
func (r *Runner) handleEvent(ctx context.Context, e job.Event) job.Event {
	e = r.clean(e)
	r.mu.Lock()
	p := &r.progress
	first := p.Seq == 0
	p.Seq = e.Seq
	if e.VMID != "" {
		p.VMID = e.VMID
	}
	if e.Step != "" {
		p.Step = e.Step
	}
	p.Lines = append(p.Lines, e.String())
	if len(p.Lines) > lastLines {
		p.Lines = p.Lines[1:]
	}
	r.mu.Unlock()
	if first || e.VMID != "" {
		if err := r.journal.Accepted(ctx, e); err != nil {
			r.Logger.Warn("cannot record the progress of a job", "host", r.spec.Record.Host, "job", r.spec.Record.ID, "error", err)
		}
	}
	r.timing.event(ctx, r, e)
	r.log.event(e)
	r.Publish(r.spec, e)
	if r.spec.OnEvent != nil {
		r.spec.OnEvent(e)
	}
	return e
}

// clean returns an event without secrets, and with a result in the submission's schema. It does not modify the result of e.
func (r *Runner) clean(e job.Event) job.Event {
	e.Message = r.redactor.String(e.Message)
	if e.Result == nil {
		return e
	}
	result := *e.Result
	if result.Error != nil {
		f := *result.Error
		f.Message, f.Remedy, f.Field = r.redactor.String(f.Message), r.redactor.String(f.Remedy), r.Field(f.Field)
		result.Error = &f
	}
	if result.VM != nil {
		vm := *result.VM
		vm.Recorded = r.Recorded(vm.Recorded)
		result.VM = &vm
	}
	result.Undone, result.Left = r.redactAll(result.Undone), r.redactAll(result.Left)
	e.Result = &result
	return e
}

func (r *Runner) redactAll(lines []string) []string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = r.redactor.String(line)
	}
	return clean
}
