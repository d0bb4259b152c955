// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/histogram"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// StepMetrics is how long one step of an operation took, by the hosts' clocks; or a whole job, from its place on its host to
// its end.
type StepMetrics struct {
	Operation job.Operation
	Step      string // empty: the whole job
	Durations taskpool.Histogram
}

// stepKey names what [steps] measures.
type stepKey struct {
	operation job.Operation
	step      string
}

// steps measures how long steps take. There are few of them: agents name them.
type steps struct {
	mu sync.Mutex
	of map[stepKey]*histogram.Recorder
}

func (s *steps) add(operation job.Operation, step string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[stepKey]*histogram.Recorder{}
	}
	r := s.of[stepKey{operation, step}]
	if r == nil {
		r = &histogram.Recorder{}
		s.of[stepKey{operation, step}] = r
	}
	r.Add(took)
}

// metrics gives what was measured, sorted.
func (s *steps) metrics() []StepMetrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]StepMetrics, 0, len(s.of))
	for key, r := range s.of {
		list = append(list, StepMetrics{Operation: key.operation, Step: key.step, Durations: r.Snapshot()})
	}
	slices.SortFunc(list, func(a, b StepMetrics) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Step, b.Step))
	})
	return list
}
