// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/histogram"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// maxSteps is the number of different steps that are measured. Hosts name the steps, and each name becomes a label of metrics:
// further names are counted as [OtherStep].
const maxSteps = 64

// OtherStep is the step that stands for those beyond the first 64.
const OtherStep = "other"

// StepTimes measures how long steps and whole jobs take. The zero value is empty. It is safe for concurrent use.
type StepTimes struct {
	mu    sync.Mutex
	times map[stepKey]*histogram.Recorder
}

type stepKey struct {
	operation job.Operation
	step      string // empty: the whole job
}

// Add counts a step of a job, or with an empty step a whole job.
func (s *StepTimes) Add(operation job.Operation, step string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[stepKey]*histogram.Recorder{}
	}
	key := stepKey{operation, step}
	r := s.times[key]
	if r == nil && step != "" && len(s.times) >= maxSteps {
		key.step = OtherStep
		r = s.times[key]
	}
	if r == nil {
		r = &histogram.Recorder{}
		s.times[key] = r
	}
	r.Add(took)
}

// StepTime is the distribution of the durations of one step.
type StepTime struct {
	Operation job.Operation
	Step      string // empty: the whole job
	Durations histogram.Histogram
}

// All returns what was measured, sorted by operation and step.
func (s *StepTimes) All() []StepTime {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]StepTime, 0, len(s.times))
	for key, r := range s.times {
		all = append(all, StepTime{Operation: key.operation, Step: key.step, Durations: r.Snapshot()})
	}
	slices.SortFunc(all, func(a, b StepTime) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Step, b.Step))
	})
	return all
}

// stepTiming measures the steps of one job by the clock of its host, and traces them.
type stepTiming struct {
	step        string
	began, last time.Time // by the host's clock: of the step's first event, and of the last event
	endSpan     func(error)
}

// event ends the current step, and begins another, if the event does so.
func (t *stepTiming) event(ctx context.Context, r *Runner, e job.Event) {
	t.last = e.Time
	if e.Kind != job.KindStep && e.Kind != job.KindResult {
		return
	}
	var err error
	if e.Result != nil && e.Error != nil {
		err = &job.Error{Host: r.spec.Record.Host, Job: r.spec.Record.ID, Class: cause.ErrJobFailed, Failure: *e.Error}
	}
	t.end(r, err)
	if e.Kind == job.KindStep {
		t.step, t.began = e.Step, e.Time
		_, t.endSpan = r.BeginSpan(ctx, "step", e.Step, r.spec)
	}
}

// end ends the current step, if there is one. A step that was lost with its host lasted until the last event, since the clock of
// this computer says nothing about the host's.
func (t *stepTiming) end(r *Runner, err error) {
	if t.endSpan == nil {
		return
	}
	t.endSpan(err)
	t.endSpan = nil
	r.Steps.Add(r.spec.Record.Operation, t.step, t.last.Sub(t.began))
}
