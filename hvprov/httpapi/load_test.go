// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
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
	a, _ := newProtectedAPI(t, func(o *httpapi.Options) { o.RequestsPerSecond, o.MaxStreams = 20, 4*scaled(100, 1000) })
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
	limited := 0
	for _, counts := range statuses {
		limited += counts[http.StatusTooManyRequests]
		if counts[http.StatusInternalServerError] > 0 {
			t.Errorf("statuses are %v", counts)
		}
	}
	if limited == 0 {
		t.Errorf("no request was refused: %v", statuses)
	}
	if grown := heap() - before; grown > 128<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
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

// Jobs run on many hosts while many clients follow them. Each client receives each message of its topics once, in order.
func TestManyClientsSeeAllMessagesOfManyJobsInOrder(t *testing.T) {
	t.Parallel()
	hosts, jobsPerHost, clients := scaled(4, 50), scaled(4, 10), scaled(16, 100)
	fleet, err := simhost.StartFleet(simhost.FleetOptions{Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleet.Close() })
	opts := hvprov.Options{Hosts: map[string]hvprov.Host{}}
	for i, host := range fleet.Hosts() {
		opts.Hosts[simhost.FleetName(i)] = hvprov.Host{WinRM: host.WinRM()}
	}
	service, err := hvprov.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(context.Background()) })
	handler, err := httpapi.New(service, httpapi.Options{RequestsPerSecond: -1, KeepMessages: 1 << 17})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		_ = handler.Close()
		server.Close()
	})
	a := &api{t: t, service: service, handler: handler, server: server, headers: map[string]string{}}

	sockets := make([]*socket, clients)
	for i := range sockets {
		sockets[i] = a.open("", "jobs")
	}
	start := time.Now()
	var submitting sync.WaitGroup
	for h := range hosts {
		submitting.Go(func() {
			for n := range jobsPerHost {
				body := provisionBody(fmt.Sprintf("vm-%d-%d", h, n))
				body["host"] = simhost.FleetName(h)
				if got := a.send(http.MethodPost, "/api/v1/jobs/provision", body); got.status != http.StatusAccepted {
					t.Errorf("submit: %d %s", got.status, got.body)
				}
			}
		})
	}
	received := make([]string, clients)
	var following sync.WaitGroup
	for i, s := range sockets {
		following.Go(func() { received[i] = follow(t, s, hosts*jobsPerHost) })
	}
	submitting.Wait()
	following.Wait()
	t.Logf("%d jobs on %d hosts with %d clients: %.1f jobs/s", hosts*jobsPerHost, hosts, clients, float64(hosts*jobsPerHost)/time.Since(start).Seconds())
	for i := range received {
		if received[i] != received[0] {
			t.Fatalf("client %d received\n%.500s\nclient 0\n%.500s", i, received[i], received[0])
		}
	}
}

// follow reads messages until a number of jobs has ended, and returns their cursors.
func follow(t *testing.T, s *socket, jobs int) string {
	var cursors strings.Builder
	lastSeq := map[string]int64{}
	for ended := 0; ended < jobs; {
		kind, data, err := s.conn.Read(t.Context())
		if err != nil || kind != websocket.MessageText {
			t.Errorf("read: %v", err)
			return cursors.String()
		}
		m := parse(t, data)
		cursors.WriteString(m.Cursor + " ")
		switch {
		case m.Type == "missed":
			t.Errorf("%d messages were missed", m.Missed)
		case m.Event != nil && m.Event.Seq <= lastSeq[m.Job]:
			t.Errorf("event %d of job %s after %d", m.Event.Seq, m.Job, lastSeq[m.Job])
		case m.Event != nil:
			lastSeq[m.Job] = m.Event.Seq
		case m.State == "succeeded":
			ended++
		case m.State == "failed", m.State == "cancelled", m.State == "unknown":
			t.Errorf("job %s is %s: %s", m.Job, m.State, m.Error)
			ended++
		}
	}
	return cursors.String()
}
