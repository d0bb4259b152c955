// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// scaled returns a number for a usual run, and another for a full one.
func scaled(usual, full int) int {
	if os.Getenv("HYPERVVM_TEST_FULL") != "" {
		return full
	}
	return usual
}

// heap returns the size of the heap in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A client opens as many websockets as it may, and sends more requests than it may, with and without sense. A job of another client
// is served meanwhile.
func TestAHostileClientDelaysNobody(t *testing.T) { //nolint:paralleltest // it measures the heap
	a, _ := newProtectedAPI(t, func(o *httpapi.Options) {
		o.RequestsPerSecond, o.MaxStreams = float64(scaled(20, 200)), 4*scaled(100, 1000)
	})
	before := heap()
	hostile := &api{t: t, server: a.server, headers: map[string]string{"Authorization": "Bearer reader"}}
	opened := 0
	for range scaled(120, 1100) {
		if _, response, err := hostile.dial(); err == nil {
			opened++
		} else if response == nil || response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("websocket %d: %v", opened, err)
		}
	}
	if opened == 0 || opened > scaled(100, 1000) {
		t.Errorf("%d websockets were accepted", opened)
	}
	var flood sync.WaitGroup
	start := time.Now()
	statuses := make([]map[int]int, 4)
	for i := range statuses {
		statuses[i] = map[int]int{}
		flood.Go(func() {
			for n := range scaled(250, 25_000) {
				path := []string{"/api/v1/jobs", "/api/v1/jobs/%00", "/api/v1/hosts/..%2f..", "/api/v1/inventory?refresh=1", "/api/v1/jobs?cursor=<script>"}[n%5]
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.server.URL+path, strings.NewReader(strings.Repeat("{", n%100)))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+[]string{"reader", "forged"}[n%2])
				response, err := a.server.Client().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				statuses[i][response.StatusCode]++
				_ = response.Body.Close()
			}
		})
	}
	a.headers["Authorization"] = "Bearer writer"
	id := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id")
	if got := a.await(id); got.text("state") != "succeeded" {
		t.Errorf("the job of another client is %s", got.body)
	}
	flood.Wait()
	took := time.Since(start)
	limited, sent := 0, 0
	for _, counts := range statuses {
		limited += counts[http.StatusTooManyRequests]
		for _, n := range counts {
			sent += n
		}
		if counts[http.StatusInternalServerError] > 0 {
			t.Errorf("statuses are %v", counts)
		}
	}
	if limited == 0 {
		t.Errorf("no request was refused: %v", statuses)
	}
	grown := heap() - before
	t.Logf("%d requests in %v, %.0f a second, of which %d were refused, and %d websockets: the heap grew by %d MiB",
		sent, took.Round(time.Millisecond), float64(sent)/took.Seconds(), limited, opened, grown>>20)
	if grown > 128<<20 {
		t.Error("the heap is not bounded")
	}
}

func TestMarkupIsNotServedAsMarkup(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	const markup = "<script>alert(1)</script>"
	body := provisionBody("web-01")
	v := values("web-01")
	v["notes"], v["guest_la_uid"] = markup, markup
	body["values"] = v
	for _, got := range []answer{
		a.send(http.MethodPost, "/api/v1/jobs/provision", body), a.send(http.MethodGet, "/api/v1/hosts/"+strings.ReplaceAll(markup, "/", "%2F"), nil),
		a.send(http.MethodGet, "/api/v1/jobs", nil), a.send(http.MethodGet, "/"+markup, nil),
	} {
		if strings.Contains(string(got.body), "<script>") || !strings.Contains(got.header.Get("Content-Type"), "json") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("answer is %s with %v", got.body, got.header)
		}
	}
}

// throughput runs the same jobs with the library alone and through the API, while clients follow those of the API.
type throughput struct {
	t       *testing.T
	hosts   int
	perRun  int // jobs on each host in a run
	version int // of the job schema
	alone   *hvprov.Service
	api     *api
}

// newThroughput starts two services with the same hosts. A virtual machine takes a while to start, as on real hosts.
func newThroughput(t *testing.T, hosts, perRun int, start time.Duration) *throughput {
	t.Helper()
	fleet, err := simhost.StartFleet(simhost.FleetOptions{Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleet.Close() })
	opts := hvprov.Options{Hosts: map[string]hvprov.Host{}}
	for i, host := range fleet.Hosts() {
		conf := host.WinRM()
		conf.ConnectTimeout = 10 * time.Minute // this computer may be slow
		opts.Hosts[simhost.FleetName(i)] = hvprov.Host{WinRM: conf}
		err := host.Store().Update(func(s *hyperv.State) error {
			s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {DelayMS: int(start.Milliseconds())}}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &throughput{t: t, hosts: hosts, perRun: perRun, version: schemaVersion()}
	services := make([]*hvprov.Service, 2)
	for i := range services {
		if services[i], err = hvprov.New(t.Context(), opts); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = services[i].Close(context.Background()) })
	}
	// The clients are not slow, but this computer may be: a ping has to be answered within seconds.
	handler, err := httpapi.New(services[1], httpapi.Options{RequestsPerSecond: -1, KeepMessages: 1 << 17}.WithIntervals(time.Hour, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		_ = handler.Close()
		server.Close()
	})
	r.alone, r.api = services[0], &api{t: t, service: services[1], handler: handler, server: server, headers: map[string]string{}}
	return r
}

// run submits the jobs of a run, those of different hosts at the same time, and waits for their end. It returns how long that took.
func (r *throughput) run(name string, submit func(host, vm string) (*hvprov.Job, error)) time.Duration {
	start := time.Now()
	var group sync.WaitGroup
	for h := range r.hosts {
		group.Go(func() {
			for n := range r.perRun {
				vm := fmt.Sprintf("%s-%d-%d", name, h, n)
				j, err := submit(simhost.FleetName(h), vm)
				if err != nil {
					r.t.Errorf("submit %s: %v", vm, err)
					continue
				}
				group.Go(func() {
					if _, err := j.Wait(r.t.Context()); err != nil {
						r.t.Errorf("job of %s: %v", vm, err)
					}
				})
			}
		})
	}
	group.Wait()
	return time.Since(start)
}

// runAlone runs jobs with the library.
func (r *throughput) runAlone(name string) time.Duration {
	return r.run(name, func(host, vm string) (*hvprov.Job, error) {
		return r.alone.Submit(r.t.Context(), hvprov.Submission{Host: host, Operation: job.OperationProvision, Values: small(vm)})
	})
}

// runServed runs jobs through the API. submitted is called with each one.
func (r *throughput) runServed(name string, submitted func(id string)) time.Duration {
	return r.run(name, func(host, vm string) (*hvprov.Job, error) {
		id, err := r.post(host, vm)
		if err != nil {
			return nil, err
		}
		submitted(id)
		return r.api.service.Attach(r.t.Context(), host, id)
	})
}

// small returns the values of a virtual machine of which hosts have room for many.
func small(vm string) map[string]any {
	v := values(vm)
	v["gb_ram"] = 1
	return v
}

// post submits a provision, without the checks of [api.send], which would count as work of the API.
func (r *throughput) post(host, vm string) (id string, err error) {
	body, err := json.Marshal(map[string]any{"schema_version": r.version, "host": host, "values": small(vm)})
	if err != nil {
		return "", err
	}
	response, err := r.api.server.Client().Post(r.api.server.URL+"/api/v1/jobs/provision", "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var job struct{ ID, Code, Detail string }
	if err := json.NewDecoder(response.Body).Decode(&job); err != nil || response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("%s: %s %s, %w", response.Status, job.Code, job.Detail, err)
	}
	return job.ID, nil
}

// follower is a client that follows all jobs, or some of them.
type follower struct {
	*socket
	all       bool
	submitted chan string // ids of the jobs that a client follows which does not follow all
}

// follow reads messages until a number of jobs has ended, and returns their cursors. Each event must come once, in order; topics of single
// jobs have all of them.
func (f *follower) follow(ends int) string {
	var cursors strings.Builder
	lastSeq := map[string]int64{}
	for ended := 0; ended < ends; {
		kind, data, err := f.conn.Read(f.t.Context())
		if err != nil || kind != websocket.MessageText {
			f.t.Errorf("read: %v", err)
			return ""
		}
		m := parse(f.t, data)
		cursors.WriteString(m.Cursor + " ")
		switch {
		case m.Type == "missed":
			f.t.Errorf("%d messages were missed", m.Missed)
		case m.Event != nil && (m.Event.Seq <= lastSeq[m.Job] || !f.all && m.Event.Seq != lastSeq[m.Job]+1):
			f.t.Errorf("event %d of job %s after %d", m.Event.Seq, m.Job, lastSeq[m.Job])
		case m.Event != nil:
			lastSeq[m.Job] = m.Event.Seq
		case m.State == "succeeded":
			ended++
		case m.State == "failed", m.State == "cancelled", m.State == "unknown":
			f.t.Errorf("job %s is %s: %s", m.Job, m.State, m.Error)
			ended++
		}
	}
	return cursors.String()
}

// Jobs run on many hosts in two runs while many clients follow them: one client of 25 follows all jobs, the others some jobs of a
// run. Each client receives each message of its topics once, in order. The library alone runs as many jobs before and after, so that the
// load of this computer has the same effect on both.
func TestManyClientsSeeAllMessagesOfManyJobsInOrder(t *testing.T) {
	full := os.Getenv("HYPERVVM_TEST_FULL") != ""
	if !full {
		t.Parallel()
	}
	clients := scaled(18, 500)
	r := newThroughput(t, scaled(4, 200), scaled(2, 5), time.Duration(scaled(10, 30_000))*time.Millisecond)
	perRun := r.hosts * r.perRun
	some := clients * 24 / 25 / 2 // clients of a run
	var following sync.WaitGroup
	all := make([]string, clients-2*some)
	for i := range all {
		f := &follower{socket: r.api.open("", "jobs"), all: true}
		following.Go(func() { all[i] = f.follow(2 * perRun) })
	}
	followers := [2][]*follower{}
	for run := range followers {
		for i := range some {
			socket, _, err := r.api.dial()
			if err != nil {
				t.Fatal(err)
			}
			f := &follower{socket: socket, submitted: make(chan string, perRun)}
			followers[run] = append(followers[run], f)
			begin, jobs := socket.next().Cursor, (perRun-i+some-1)/some
			following.Go(func() { f.follow(jobs) }) // it answers pings meanwhile
			following.Go(func() {
				topics := make([]string, jobs)
				for n := range topics {
					topics[n] = "jobs:" + <-f.submitted
				}
				f.say(map[string]any{"type": "subscribe", "topics": topics, "since": begin})
			})
		}
	}

	serve := func(run int) time.Duration {
		var n atomic.Int64
		return r.runServed(fmt.Sprint("served-", run), func(id string) { followers[run][int(n.Add(1)-1)%some].submitted <- id })
	}
	alone, served := r.runAlone("alone-0"), serve(0)+serve(1)
	alone += r.runAlone("alone-1")
	if t.Failed() {
		return // clients may wait for what does not come
	}
	following.Wait()
	for i := range all {
		if all[i] != all[0] {
			t.Fatalf("client %d received\n%.500s\nclient 0\n%.500s", i, all[i], all[0])
		}
	}
	ratio := alone.Seconds() / served.Seconds()
	t.Logf("%d jobs on %d hosts: %.1f jobs/s with the library alone, %.1f jobs/s through the API with %d clients: %.0f %%",
		2*perRun, r.hosts, float64(2*perRun)/alone.Seconds(), float64(2*perRun)/served.Seconds(), clients, 100*ratio)
	if full && ratio < 0.9 {
		t.Errorf("the throughput through the API is %.0f %% of that of the library alone, want 90 %%", 100*ratio)
	}
}
