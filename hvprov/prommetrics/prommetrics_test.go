// SPDX-License-Identifier: MPL-2.0

package prommetrics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/prommetrics"
)

type source hvprov.Metrics

func (s source) Metrics() hvprov.Metrics { return hvprov.Metrics(s) }

func histogram() hvprov.Histogram {
	return hvprov.Histogram{
		Count: 3, Sum: 90 * time.Second, Max: time.Minute,
		Buckets: []hvprov.Bucket{{UpTo: time.Second, Count: 1}, {UpTo: time.Minute, Count: 3}},
	}
}

func TestEveryMetricIsCollected(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(prommetrics.New(source{
		Jobs: map[jobstore.State]int{jobstore.Running: 2, jobstore.Failed: 0},
		Steps: []hvprov.StepMetrics{
			{Operation: job.OperationProvision, Durations: histogram()},
			{Operation: job.OperationProvision, Step: "disk", Durations: histogram()},
		},
		Hosts: []hvprov.HostMetrics{
			{
				Host: "hv01", State: inventory.StateConnected, Queued: 3, Running: 4, VMs: 50,
				SnapshotAge: 7 * time.Second, Agent: hvprov.AgentMetrics{State: "ready", Requests: 9, Failed: 1, Sessions: 2, Reconnects: 5},
				Traffic: hvprov.TransportStats{Requests: 20, Connections: 3, BytesSent: 1000, BytesReceived: 2000},
			},
			{Host: "hv02", State: inventory.StateDisconnected},
			{Host: "hv03", State: inventory.StateUnknown},
		},
		Pools: map[string]hvprov.PoolMetrics{"job": {
			Running: 4, Queued: 3, Stuck: 1, OldestWait: 2 * time.Second,
			Tasks: map[string]hvprov.TaskMetrics{"provision": {
				Finished: 11, TimedOut: 1, Wait: histogram(), Run: histogram(),
			}},
		}},
	}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "hvprov_") || f.GetHelp() == "" {
			t.Errorf("metric %s has the help text %q", f.GetName(), f.GetHelp())
		}
		for _, m := range f.GetMetric() {
			got[name(f, m)] = value(m)
		}
	}
	for metric, want := range map[string]string{
		`hvprov_jobs state=running`:                                        "2",
		`hvprov_jobs state=failed`:                                         "0",
		`hvprov_job_duration_seconds operation=provision`:                  "3 in 90 s, 2 buckets",
		`hvprov_step_duration_seconds operation=provision step=disk`:       "3 in 90 s, 2 buckets",
		`hvprov_host_up host=hv01`:                                         "1",
		`hvprov_host_up host=hv02`:                                         "0",
		`hvprov_host_agent_state host=hv01 state=ready`:                    "1",
		`hvprov_host_jobs host=hv01 state=queued`:                          "3",
		`hvprov_host_virtual_machines host=hv01`:                           "50",
		`hvprov_host_snapshot_age_seconds host=hv01`:                       "7",
		`hvprov_host_reconnects_total host=hv01`:                           "5",
		`hvprov_host_http_requests_total host=hv01`:                        "20",
		`hvprov_host_received_bytes_total host=hv01`:                       "2000",
		`hvprov_pool_running_tasks pool=job`:                               "4",
		`hvprov_tasks_total category=provision outcome=timed_out pool=job`: "1",
		`hvprov_task_wait_seconds category=provision pool=job`:             "3 in 90 s, 2 buckets",
		`hvprov_host_up host=hv03`:                                         "",
		`hvprov_host_snapshot_age_seconds host=hv02`:                       "",
	} {
		if got[metric] != want {
			t.Errorf("metric %s is %q, want %q", metric, got[metric], want)
		}
	}
}

func name(f *dto.MetricFamily, m *dto.Metric) string {
	parts := []string{f.GetName()}
	for _, l := range m.GetLabel() {
		parts = append(parts, l.GetName()+"="+l.GetValue())
	}
	return strings.Join(parts, " ")
}

func value(m *dto.Metric) string {
	switch {
	case m.GetGauge() != nil:
		return fmt.Sprint(m.GetGauge().GetValue())
	case m.GetCounter() != nil:
		return fmt.Sprint(m.GetCounter().GetValue())
	}
	h := m.GetHistogram()
	return fmt.Sprintf("%d in %v s, %d buckets", h.GetSampleCount(), h.GetSampleSum(), len(h.GetBucket()))
}
