// SPDX-License-Identifier: MPL-2.0

// Package prommetrics passes the metrics of a [hvprov.Service] to Prometheus. It is separate from hvprov, so that programs without
// Prometheus do not depend on its client library.
package prommetrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Source returns metrics. A [*hvprov.Service] is a source.
type Source interface{ Metrics() hvprov.Metrics }

// collector is a [prometheus.Collector].
type collector struct{ source Source }

// New returns a collector for the metrics of a source. Each collection calls the source once. It makes no request to a host.
func New(source Source) prometheus.Collector { return collector{source} }

// desc returns the description of a metric.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hvprov_"+name, help, labels, nil)
}

var (
	jobsByState = desc("jobs", "Number of job records, by state.", "state")
	jobDuration = desc("job_duration_seconds", "Duration of jobs, from their start on the host to their end.", "operation")
	stepSeconds = desc("step_duration_seconds", "Duration of the steps of jobs, by the clocks of the hosts.", "operation", "step")

	hostUp         = desc("host_up", "1 if the host answered the latest inventory request, 0 if it did not; absent before the first request.", "host")
	hostAgent      = desc("host_agent_state", "1 for the current state of the agent on the host.", "host", "state")
	hostJobs       = desc("host_jobs", "Number of jobs of the host that are queued or running, or whose outcome is unknown.", "host", "state")
	hostVMs        = desc("host_virtual_machines", "Number of virtual machines in the latest inventory snapshot of the host.", "host")
	snapshotAge    = desc("host_snapshot_age_seconds", "Age of the latest inventory snapshot of the host; absent before the first snapshot.", "host")
	partialAnswers = desc("host_partial_inventories_total", "Answers to inventory requests of the host that lacked something.", "host")

	agentRequests   = desc("host_agent_requests_total", "Requests sent to the agent on the host.", "host")
	agentFailures   = desc("host_agent_requests_failed_total", "Requests to the agent on the host that failed.", "host")
	sessions        = desc("host_sessions_total", "Sessions started with the host: each is a PowerShell process there.", "host")
	reconnects      = desc("host_reconnects_total", "Times that a connection was lost within a session and restored.", "host")
	httpRequests    = desc("host_http_requests_total", "HTTP requests sent to the host, including those for authentication.", "host")
	connections     = desc("host_connections_total", "TCP connections opened to the host.", "host")
	sentBytes       = desc("host_sent_bytes_total", "Bytes sent to the host.", "host")
	receivedBytes   = desc("host_received_bytes_total", "Bytes received from the host.", "host")
	poolRunning     = desc("pool_running_tasks", "Running tasks.", "pool")
	poolQueued      = desc("pool_queued_tasks", "Tasks in the queue.", "pool")
	poolStuck       = desc("pool_stuck_tasks", "Tasks that were given up and have not returned.", "pool")
	poolOldest      = desc("pool_oldest_wait_seconds", "Time in the queue of the oldest task.", "pool")
	tasks           = desc("tasks_total", "Tasks that ended, by outcome.", "pool", "category", "outcome")
	taskWaitSeconds = desc("task_wait_seconds", "Time that tasks were queued.", "pool", "category")
	taskRunSeconds  = desc("task_run_seconds", "Time that tasks ran.", "pool", "category")
)

// valid returns labels as valid UTF-8: others would make the scrape panic, and end the program.
func valid(labels []string) []string {
	for i, label := range labels {
		labels[i] = strings.ToValidUTF8(label, "\uFFFD")
	}
	return labels
}

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		jobsByState, jobDuration, stepSeconds, hostUp, hostAgent, hostJobs, hostVMs, snapshotAge, partialAnswers, agentRequests, agentFailures,
		sessions, reconnects, httpRequests, connections, sentBytes, receivedBytes, poolRunning, poolQueued,
		poolStuck, poolOldest, tasks, taskWaitSeconds, taskRunSeconds,
	} {
		ch <- d
	}
}

// sink sends metrics to Prometheus.
type sink chan<- prometheus.Metric

func (s sink) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, valid(labels)...)
}

func (s sink) counter(d *prometheus.Desc, value float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, valid(labels)...)
}

func (s sink) histogram(d *prometheus.Desc, h hvprov.Histogram, labels ...string) {
	buckets := make(map[float64]uint64, len(h.Buckets))
	for _, b := range h.Buckets {
		buckets[b.UpTo.Seconds()] = b.Count
	}
	s <- prometheus.MustNewConstHistogram(d, h.Count, h.Sum.Seconds(), buckets, valid(labels)...)
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	m, s := c.source.Metrics(), sink(ch)
	for state, n := range m.Jobs {
		s.gauge(jobsByState, float64(n), string(state))
	}
	for _, step := range m.Steps {
		if step.Step == "" {
			s.histogram(jobDuration, step.Durations, string(step.Operation))
			continue
		}
		s.histogram(stepSeconds, step.Durations, string(step.Operation), step.Step)
	}
	for _, h := range m.Hosts {
		s.host(h)
	}
	for name, p := range m.Pools {
		s.pool(name, p)
	}
}

func (s sink) host(h hvprov.HostMetrics) {
	if h.State != inventory.StateUnknown {
		up := 0.0
		if h.State == inventory.StateConnected {
			up = 1
		}
		s.gauge(hostUp, up, h.Host)
	}
	if h.Agent.State != "" {
		s.gauge(hostAgent, 1, h.Host, h.Agent.State)
	}
	s.gauge(hostJobs, float64(h.Queued), h.Host, string(jobstore.Queued))
	s.gauge(hostJobs, float64(h.Running), h.Host, string(jobstore.Running))
	s.gauge(hostJobs, float64(h.Unknown), h.Host, string(jobstore.Unknown))
	s.gauge(hostVMs, float64(h.VMs), h.Host)
	if h.SnapshotAge > 0 {
		s.gauge(snapshotAge, h.SnapshotAge.Seconds(), h.Host)
	}
	s.counter(partialAnswers, float64(h.Partial), h.Host)
	s.counter(agentRequests, float64(h.Agent.Requests), h.Host)
	s.counter(agentFailures, float64(h.Agent.Failed), h.Host)
	s.counter(sessions, float64(h.Agent.Sessions), h.Host)
	s.counter(reconnects, float64(h.Agent.Reconnects), h.Host)
	s.counter(httpRequests, float64(h.Traffic.Requests), h.Host)
	s.counter(connections, float64(h.Traffic.Connections), h.Host)
	s.counter(sentBytes, float64(h.Traffic.BytesSent), h.Host)
	s.counter(receivedBytes, float64(h.Traffic.BytesReceived), h.Host)
}

func (s sink) pool(name string, p hvprov.PoolMetrics) {
	s.gauge(poolRunning, float64(p.Running), name)
	s.gauge(poolQueued, float64(p.Queued), name)
	s.gauge(poolStuck, float64(p.Stuck), name)
	s.gauge(poolOldest, p.OldestWait.Seconds(), name)
	for category, c := range p.Tasks {
		for _, outcome := range []struct {
			name string
			n    uint64
		}{
			{"finished", c.Finished},
			{"failed", c.Failed},
			{"timed_out", c.TimedOut},
			{"cancelled", c.Cancelled},
			{"panicked", c.Panicked},
			{"refused", c.Refused},
		} {
			s.counter(tasks, float64(outcome.n), name, category, outcome.name)
		}
		s.histogram(taskWaitSeconds, c.Wait, name, category)
		s.histogram(taskRunSeconds, c.Run, name, category)
	}
}
