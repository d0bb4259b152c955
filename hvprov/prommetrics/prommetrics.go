// SPDX-License-Identifier: MPL-2.0

// Package prommetrics gives the metrics of a [hvprov.Service] to Prometheus. It is a package of its own, so that who does not
// want it does not build it.
package prommetrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Source is what metrics are asked of, as a *[hvprov.Service] is.
type Source interface{ Metrics() hvprov.Metrics }

// Collector is a [prometheus.Collector] of a service's metrics. Each collection asks the service once, and no host.
type Collector struct{ source Source }

// New gives the collector of a service, to be registered.
func New(source Source) *Collector { return &Collector{source} }

// desc describes a metric of hvprov.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hvprov_"+name, help, labels, nil)
}

var (
	jobsByState = desc("jobs", "Jobs that are remembered, by state.", "state")
	jobDuration = desc("job_duration_seconds", "How long jobs took, from their place on the host to their end.", "operation")
	stepSeconds = desc("step_duration_seconds", "How long the steps of jobs took, by the hosts' clocks.", "operation", "step")

	hostUp      = desc("host_up", "Whether the last request to the host was answered; absent before the first.", "host")
	hostAgent   = desc("host_agent_state", "1 for the state that the host's agent is in.", "host", "state")
	hostJobs    = desc("host_jobs", "Jobs of the host that wait, run, or whose end is not known.", "host", "state")
	hostVMs     = desc("host_virtual_machines", "Virtual machines in the host's last snapshot.", "host")
	snapshotAge = desc("host_snapshot_age_seconds", "Age of the host's last snapshot; absent before the first.", "host")

	agentRequests   = desc("host_agent_requests_total", "Requests made to the host's agent.", "host")
	agentFailures   = desc("host_agent_requests_failed_total", "Requests to the host's agent that were refused or lost.", "host")
	sessions        = desc("host_sessions_total", "Sessions begun with the host: each is a PowerShell process there.", "host")
	reconnects      = desc("host_reconnects_total", "Times that a connection was lost within a session and found again.", "host")
	httpRequests    = desc("host_http_requests_total", "HTTP requests sent to the host, those of authentication included.", "host")
	connections     = desc("host_connections_total", "TCP connections opened to the host.", "host")
	sentBytes       = desc("host_sent_bytes_total", "Bytes sent to the host over TCP.", "host")
	receivedBytes   = desc("host_received_bytes_total", "Bytes received from the host over TCP.", "host")
	poolWorkers     = desc("pool_workers", "Workers that the pool may have now.", "pool")
	poolMax         = desc("pool_workers_max", "Workers that the pool may come to have.", "pool")
	poolBusy        = desc("pool_workers_busy", "Workers that run a task.", "pool")
	poolQueued      = desc("pool_queued_tasks", "Tasks that wait.", "pool")
	poolStuck       = desc("pool_stuck_tasks", "Tasks that were given up and have not returned yet.", "pool")
	poolOldest      = desc("pool_oldest_wait_seconds", "For how long the oldest task waits.", "pool")
	poolScaled      = desc("pool_scaled_total", "Times that the pool grew or shrank.", "pool", "direction")
	tasks           = desc("tasks_total", "Tasks that ended, by how.", "pool", "category", "outcome")
	taskWaitSeconds = desc("task_wait_seconds", "How long tasks waited for a worker.", "pool", "category")
	taskRunSeconds  = desc("task_run_seconds", "How long tasks ran.", "pool", "category")
)

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		jobsByState, jobDuration, stepSeconds, hostUp, hostAgent, hostJobs, hostVMs, snapshotAge, agentRequests, agentFailures,
		sessions, reconnects, httpRequests, connections, sentBytes, receivedBytes, poolWorkers, poolMax, poolBusy, poolQueued,
		poolStuck, poolOldest, poolScaled, tasks, taskWaitSeconds, taskRunSeconds,
	} {
		ch <- d
	}
}

// sink sends metrics to Prometheus.
type sink chan<- prometheus.Metric

func (s sink) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (s sink) counter(d *prometheus.Desc, value float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func (s sink) histogram(d *prometheus.Desc, h taskpool.Histogram, labels ...string) {
	buckets := make(map[float64]uint64, len(h.Buckets))
	for _, b := range h.Buckets {
		buckets[b.UpTo.Seconds()] = b.Count
	}
	s <- prometheus.MustNewConstHistogram(d, h.Count, h.Sum.Seconds(), buckets, labels...)
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
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
	if h.Agent != "" {
		s.gauge(hostAgent, 1, h.Host, string(h.Agent))
	}
	s.gauge(hostJobs, float64(h.Queued), h.Host, string(jobstore.Queued))
	s.gauge(hostJobs, float64(h.Running), h.Host, string(jobstore.Running))
	s.gauge(hostJobs, float64(h.Unknown), h.Host, string(jobstore.Unknown))
	s.gauge(hostVMs, float64(h.VMs), h.Host)
	if h.SnapshotAge > 0 {
		s.gauge(snapshotAge, h.SnapshotAge.Seconds(), h.Host)
	}
	s.counter(agentRequests, float64(h.Requests.Requests), h.Host)
	s.counter(agentFailures, float64(h.Requests.Failed), h.Host)
	s.counter(sessions, float64(h.Requests.Sessions), h.Host)
	s.counter(reconnects, float64(h.Requests.Reconnects), h.Host)
	s.counter(httpRequests, float64(h.Traffic.Requests), h.Host)
	s.counter(connections, float64(h.Traffic.Connections), h.Host)
	s.counter(sentBytes, float64(h.Traffic.BytesSent), h.Host)
	s.counter(receivedBytes, float64(h.Traffic.BytesReceived), h.Host)
}

func (s sink) pool(name string, p taskpool.Metrics) {
	s.gauge(poolWorkers, float64(p.Workers), name)
	s.gauge(poolMax, float64(p.MaxWorkers), name)
	s.gauge(poolBusy, float64(p.Busy), name)
	s.gauge(poolQueued, float64(p.Queued), name)
	s.gauge(poolStuck, float64(p.Stuck), name)
	s.gauge(poolOldest, p.OldestWait.Seconds(), name)
	s.counter(poolScaled, float64(p.ScaledUp), name, "up")
	s.counter(poolScaled, float64(p.ScaledDown), name, "down")
	for category, c := range p.Categories {
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
