// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"context"
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// lastLines is the number of events that the error of a job repeats.
const lastLines = 10

// handleEvent passes an event on, and returns it without secrets and in the submission's schema.
func (r *Runner) handleEvent(ctx context.Context, e job.Event) job.Event {
	e = r.cleaner().Event(e)
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

// Cleaner removes secrets and control characters from what a host reports about a job, and translates it to the submission's schema.
type Cleaner struct {
	Redactor *redact.Redactor
	Field    func(id string) string                     // returns the id of a field of the agent's schema in that of submissions
	Recorded func(values map[string]any) map[string]any // does so for the values of a virtual machine
}

func (r *Runner) cleaner() Cleaner { return Cleaner{r.redactor, r.Field, r.Recorded} }

// Event returns an event without secrets. It does not modify the result of e. All text of the host passes here, or in cleanError,
// before it reaches records, logs, subscribers and errors.
func (c Cleaner) Event(e job.Event) job.Event {
	e.Kind, e.Message, e.Step, e.VMID = job.Kind(c.text(string(e.Kind))), c.text(e.Message), c.text(e.Step), c.text(e.VMID)
	if e.Result == nil {
		return e
	}
	result := *e.Result
	result.Outcome = job.Outcome(c.text(string(result.Outcome)))
	if result.Error != nil {
		f := c.failure(*result.Error)
		result.Error = &f
	}
	if result.VM != nil {
		vm := *result.VM
		vm.Recorded = c.Recorded(vm.Recorded)
		result.VM = &vm
	}
	if result.Disk != nil {
		d := *result.Disk
		d.Path, d.Type, d.ParentPath = c.text(d.Path), c.text(d.Type), c.text(d.ParentPath)
		result.Disk = &d
	}
	if result.Switch != nil {
		s := *result.Switch
		s.ID, s.Name, s.Type, s.Notes, s.MinimumBandwidthMode = c.text(s.ID), c.text(s.Name), c.text(s.Type), c.text(s.Notes), c.text(s.MinimumBandwidthMode)
		s.NetAdapterNames = c.all(s.NetAdapterNames)
		result.Switch = &s
	}
	if result.Checkpoint != nil {
		k := *result.Checkpoint
		k.ID, k.Name, k.ParentID, k.CreatedAt, k.PowerState = c.text(k.ID), c.text(k.Name), c.text(k.ParentID), c.text(k.CreatedAt), c.text(k.PowerState)
		result.Checkpoint = &k
	}
	if result.Image != nil {
		image := *result.Image
		image.Name = c.text(image.Name)
		result.Image = &image
	}
	result.Undone, result.Left = c.all(result.Undone), c.all(result.Left)
	e.Result = &result
	return e
}

// failure returns a failure without secrets, and with its field in the submission's schema.
func (c Cleaner) failure(f job.Failure) job.Failure {
	return job.Failure{
		Step: c.text(f.Step), Code: c.text(f.Code), Message: c.text(f.Message), Remedy: c.text(f.Remedy), Field: c.text(c.Field(f.Field)),
		VMID: c.text(f.VMID),
	}
}

// text returns text of the host without secrets and control characters.
func (c Cleaner) text(s string) string { return redact.Printable(c.Redactor.String(s)) }

func (c Cleaner) all(lines []string) []string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = c.text(line)
	}
	return clean
}

// text returns text of the host without secrets and control characters.
func (r *Runner) text(s string) string { return r.cleaner().text(s) }

// cleanError returns an error whose text, which may repeat text of the host, contains no secrets and control characters.
func (r *Runner) cleanError(err error) error {
	if err == nil || r.text(err.Error()) == err.Error() {
		return err
	}
	var host *job.HostError
	if errors.As(err, &host) {
		return &job.HostError{Host: host.Host, Class: host.Class, Err: &cleanedError{text: r.text(host.Err.Error()), err: host.Err}}
	}
	return &cleanedError{text: r.text(err.Error()), err: err}
}

// cleanedError stands for an error whose text is not shown. It does not unwrap to it, which would disclose the text.
type cleanedError struct {
	text string
	err  error
}

func (e *cleanedError) Error() string { return e.text }

// Is reports whether the error that it stands for matches target.
func (e *cleanedError) Is(target error) bool { return errors.Is(e.err, target) }
