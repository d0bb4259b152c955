// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/histogram"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Metrics describes the work of a service at one moment. Counters count since the service was made. In JSON, durations are
// nanoseconds. Package prommetrics passes metrics to Prometheus.
type Metrics struct {
	Jobs  map[jobstore.State]int `json:"jobs"`  // number of job records in each state
	Steps []StepMetrics          `json:"steps"` // sorted by operation and step
	Hosts []HostMetrics          `json:"hosts"` // sorted by name
	Pools map[string]PoolMetrics `json:"pools"` // by name: job and query
}

// StepMetrics describes the durations of one step by the clocks of the hosts, or those of whole jobs from their start on the host to
// their end. Hosts name the steps: those beyond the first 64 are counted as "other".
type StepMetrics struct {
	Operation job.Operation `json:"operation"`
	Step      string        `json:"step,omitempty"` // empty: the whole job
	Durations Histogram     `json:"durations"`
}

// HostMetrics describes the work of one host.
type HostMetrics struct {
	Host  string              `json:"host"`
	State inventory.HostState `json:"state"`
	Agent AgentMetrics        `json:"agent"`

	Queued  int `json:"queued"` // jobs that wait
	Running int `json:"running"`
	Unknown int `json:"unknown"` // jobs whose outcome is unknown

	VMs         int           `json:"vms"`             // in the latest snapshot
	SnapshotAge time.Duration `json:"snapshot_age_ns"` // 0: there is no snapshot
	Failures    int           `json:"failures"`        // inventory requests that have failed in a row
	Partial     uint64        `json:"partial"`         // answers to inventory requests that lacked something

	Traffic TransportStats `json:"traffic"`
}

// AgentMetrics describes the agent on a host, and the sessions with it.
type AgentMetrics struct {
	State      string `json:"state"`      // unknown, checking, ready, updating or failed
	Requests   int64  `json:"requests"`   // sent; hello is not counted
	Failed     int64  `json:"failed"`     // requests that were refused, lost or given up
	Sessions   int64  `json:"sessions"`   // started: each is a PowerShell process on the host
	Reconnects int64  `json:"reconnects"` // times that a connection was lost within a session and restored
}

// PoolMetrics describes a pool of tasks.
type PoolMetrics struct {
	Running    int                    `json:"running"`        // running tasks
	Queued     int                    `json:"queued"`         // tasks that wait
	Stuck      int                    `json:"stuck"`          // tasks that were given up and have not returned
	OldestWait time.Duration          `json:"oldest_wait_ns"` // time in the queue of the oldest task
	Tasks      map[string]TaskMetrics `json:"tasks"`          // by category
}

// TaskMetrics counts the tasks of one category. An accepted task is in Submitted, and after its end in exactly one of Finished,
// Failed, TimedOut, Cancelled and Panicked.
type TaskMetrics struct {
	Submitted uint64    `json:"submitted"`
	Refused   uint64    `json:"refused"` // not accepted
	Started   uint64    `json:"started"`
	Finished  uint64    `json:"finished"` // without an error
	Failed    uint64    `json:"failed"`
	TimedOut  uint64    `json:"timed_out"`
	Cancelled uint64    `json:"cancelled"` // before or after their start
	Panicked  uint64    `json:"panicked"`
	Wait      Histogram `json:"wait"` // time in the queue
	Run       Histogram `json:"run"`  // time of execution
}

// Histogram is a distribution of durations.
type Histogram struct {
	Count   uint64        `json:"count"`
	Sum     time.Duration `json:"sum_ns"`
	Max     time.Duration `json:"max_ns"`
	Buckets []Bucket      `json:"buckets"` // cumulative, by rising bound
}

// Bucket is the number of durations up to a bound.
type Bucket struct {
	UpTo  time.Duration `json:"up_to_ns"`
	Count uint64        `json:"count"`
}

// Metrics returns the metrics of the service. It makes no request.
func (s *Service) Metrics() Metrics {
	m := Metrics{Jobs: s.jobs.Counts(), Hosts: []HostMetrics{}, Pools: map[string]PoolMetrics{}}
	steps := s.steps.All()
	m.Steps = make([]StepMetrics, len(steps))
	for i, step := range steps {
		m.Steps[i] = StepMetrics{Operation: step.Operation, Step: step.Step, Durations: newHistogram(step.Durations)}
	}
	for name, pool := range s.pools.Metrics() {
		m.Pools[name] = newPoolMetrics(pool)
	}
	jobs := map[string]map[jobstore.State]int{}
	for _, r := range s.jobs.All(jobstore.Filter{States: []jobstore.State{jobstore.Pending, jobstore.Queued, jobstore.Running, jobstore.Unknown}}) {
		if jobs[r.Host] == nil {
			jobs[r.Host] = map[jobstore.State]int{}
		}
		jobs[r.Host][r.State]++
	}
	for _, h := range s.hosts.All() {
		state, _ := h.Agent.State()
		stats, n := h.Agent.Stats(), jobs[h.Name]
		host := HostMetrics{
			Host: h.Name, Traffic: TransportStats(h.Transport.Stats()),
			Agent: AgentMetrics{
				State: string(state), Requests: stats.Requests, Failed: stats.Failed, Sessions: stats.Sessions, Reconnects: stats.Reconnects,
			},
			Queued: n[jobstore.Pending] + n[jobstore.Queued], Running: n[jobstore.Running], Unknown: n[jobstore.Unknown],
		}
		if view, err := s.inventory.Cached(h.Name); err == nil {
			host.addView(view)
			host.Partial = s.inventory.PartialAnswers(h.Name)
		}
		m.Hosts = append(m.Hosts, host)
	}
	return m
}

func (m *HostMetrics) addView(view inventory.HostView) {
	m.State = view.State
	if view.Failure != nil {
		m.Failures = view.Failure.Count
	}
	if view.Snapshot != nil {
		m.VMs, m.SnapshotAge = len(view.Snapshot.VMs), time.Since(view.Snapshot.TakenAt)
	}
}

func newPoolMetrics(p taskpool.Metrics) PoolMetrics {
	m := PoolMetrics{
		Running: p.Running, Queued: p.Queued, Stuck: p.Stuck, OldestWait: p.OldestWait,
		Tasks: make(map[string]TaskMetrics, len(p.Categories)),
	}
	for category, c := range p.Categories {
		m.Tasks[category] = TaskMetrics{
			Submitted: c.Submitted, Refused: c.Refused, Started: c.Started, Finished: c.Finished, Failed: c.Failed, TimedOut: c.TimedOut,
			Cancelled: c.Cancelled, Panicked: c.Panicked, Wait: newHistogram(c.Wait), Run: newHistogram(c.Run),
		}
	}
	return m
}

func newHistogram(h histogram.Histogram) Histogram {
	buckets := make([]Bucket, len(h.Buckets))
	for i, b := range h.Buckets {
		buckets[i] = Bucket(b)
	}
	return Histogram{Count: h.Count, Sum: h.Sum, Max: h.Max, Buckets: buckets}
}
