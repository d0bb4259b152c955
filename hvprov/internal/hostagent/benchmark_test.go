// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	masterzen "github.com/masterzen/winrm"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// The cost of an operation on a warm session, compared with the command runner of masterzen/winrm, which other clients use, on the
// same simulated host. Run them with
//
//	go test ./hvprov/internal/hostagent -run='^$' -bench=. -benchtime=20x

// warmSession starts a simulated host with a round-trip time and opens a session.
func warmSession(tb testing.TB, p *testAgent, roundTrip time.Duration) (*simhost.Server, *hostagent.Agent) {
	tb.Helper()
	server, err := simhost.Start(simhost.Options{
		Programs: map[string]simhost.Program{"powershell": p.run}, Latency: roundTrip,
		Auth: simhost.Auth{AllowBasic: true}, PipeSize: 64 << 10,
	})
	if err != nil {
		tb.Fatal(err)
	}
	client, err := wsman.NewClient(winrm.Config{
		Address: server.Address(), Port: server.Port(), TLS: true, CACert: server.CACertPEM(),
		Username: server.Username(), Password: server.Password(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	agent := hostagent.New(hostagent.Options{Connect: client.Start, Bundle: bundle})
	tb.Cleanup(func() {
		if err := agent.Close(context.Background()); err != nil {
			tb.Error(err)
		}
		client.Close()
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	for range 2 { // the second ping opens the second connection
		ping(tb, agent)
	}
	return server, agent
}

func ping(tb testing.TB, agent *hostagent.Agent) {
	tb.Helper()
	if err := agent.Ping(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// runner returns the masterzen runner over TLS with Basic authentication, which needs the fewest requests.
func runner(tb testing.TB, server *simhost.Server) func() {
	tb.Helper()
	endpoint := masterzen.NewEndpoint(server.Address(), server.Port(), true, true, nil, nil, nil, time.Minute)
	client, err := masterzen.NewClient(endpoint, server.Username(), server.Password())
	if err != nil {
		tb.Fatal(err)
	}
	return func() {
		if code, err := client.RunWithContext(context.Background(), "powershell -Command 1", io.Discard, io.Discard); err != nil || code != 0 {
			tb.Fatalf("exit code %d, %v", code, err)
		}
	}
}

func posts(server *simhost.Server) int { return server.Counters().POSTs }

var roundTrips = []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond}

func BenchmarkRequest(b *testing.B) {
	for _, rtt := range roundTrips {
		b.Run(fmt.Sprintf("rtt=%v", rtt), func(b *testing.B) {
			p := newTestAgent()
			server, agent := warmSession(b, p, rtt)
			run := runner(b, server)
			run() // warms up its connection
			var ours, theirs []time.Duration
			ourPosts, theirPosts := 0, 0
			for b.Loop() { // side by side
				before := posts(server)
				ours = append(ours, timed(func() { ping(b, agent) }))
				ourPosts += posts(server) - before
				before = posts(server)
				theirs = append(theirs, timed(run))
				theirPosts += posts(server) - before
			}
			report(b, rtt, "request", median(ours))
			b.ReportMetric(float64(median(theirs))/float64(median(ours)), "times-faster")
			b.ReportMetric(float64(ourPosts)/float64(b.N), "POSTs")
			b.ReportMetric(float64(theirPosts)/float64(b.N), "masterzen-POSTs")
			b.ReportMetric(median(theirs).Seconds()*1000, "masterzen-ms")
		})
	}
}

func BenchmarkTenRequestsAtOnce(b *testing.B) {
	for _, rtt := range roundTrips {
		b.Run(fmt.Sprintf("rtt=%v", rtt), func(b *testing.B) {
			_, agent := warmSession(b, newTestAgent(), rtt)
			var all []time.Duration
			for b.Loop() {
				all = append(all, timed(func() { tenPings(b, agent) }))
			}
			report(b, rtt, "ten", median(all))
		})
	}
}

func tenPings(tb testing.TB, agent *hostagent.Agent) {
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if err := agent.Ping(context.Background()); err != nil {
				tb.Error(err)
			}
		})
	}
	group.Wait()
}

// BenchmarkLine measures the delay from an event on the host to the waiting caller.
func BenchmarkLine(b *testing.B) {
	for _, rtt := range roundTrips {
		b.Run(fmt.Sprintf("rtt=%v", rtt), func(b *testing.B) {
			p := newTestAgent()
			server, agent := warmSession(b, p, rtt)
			stream := submit(b, agent)
			var delays []time.Duration
			for b.Loop() {
				awaitPoll(server) // a poll takes half a round trip to the host
				delays = append(delays, line(b, p, stream))
			}
			report(b, rtt, "line", median(delays))
		})
	}
}

// awaitPoll returns when a poll waits on the host.
func awaitPoll(server *simhost.Server) {
	for {
		answered := 0
		for _, entry := range server.Log() {
			if entry.Action == simhost.ActionReceive {
				answered++
			}
		}
		if server.Counters().ByAction[simhost.ActionReceive] > answered {
			return
		}
		runtime.Gosched()
	}
}

func submit(tb testing.TB, agent *hostagent.Agent) *hostagent.JobStream {
	tb.Helper()
	stream, err := agent.Submit(context.Background(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition})
	if err != nil {
		tb.Fatal(err)
	}
	return stream
}

func line(tb testing.TB, p *testAgent, stream *hostagent.JobStream) time.Duration {
	tb.Helper()
	sent := make(chan time.Time, 1)
	p.lines <- sent
	if _, err := stream.Next(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return time.Since(<-sent)
}

// BenchmarkOutput transfers 1 GiB of process output and reports the peak size of the heap.
func BenchmarkOutput(b *testing.B) {
	const size = 1 << 30
	p := newTestAgent()
	_, agent := warmSession(b, p, 0)
	stream := submit(b, agent)
	stop, peak := watchHeap()
	b.SetBytes(size)
	for b.Loop() {
		p.bulk <- size
		if _, err := stream.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	b.ReportMetric(float64(*peak)/(1<<20), "peak-heap-MiB")
}

// watchHeap samples the size of the heap until stop is called.
func watchHeap() (stop func(), peak *uint64) {
	runtime.GC()
	peak = new(uint64)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			*peak = max(*peak, m.HeapInuse)
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(done); <-ended }, peak
}

func timed(do func()) time.Duration {
	begin := time.Now()
	do()
	return time.Since(begin)
}

func median(all []time.Duration) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}

// report reports a duration in milliseconds and in round trips.
func report(b *testing.B, rtt time.Duration, what string, d time.Duration) {
	b.ReportMetric(0, "ns/op") // one iteration does more than the measured operation
	b.ReportMetric(d.Seconds()*1000, what+"-ms")
	if rtt > 0 {
		b.ReportMetric(float64(d)/float64(rtt), "round-trips")
	}
}

// The counts behind the benchmarks: requests and connections. Durations are left to the benchmarks.
func TestARequestOnAWarmSessionCostsOneRoundTrip(t *testing.T) {
	t.Parallel()
	const rtt = 100 * time.Millisecond
	server, agent := warmSession(t, newTestAgent(), rtt)
	before := server.Counters()
	const requests = 10
	for range requests {
		ping(t, agent)
	}
	after := server.Counters()
	if got := after.POSTs - before.POSTs; got > 2*requests {
		t.Errorf("%d requests took %d POSTs, want a Send and a Receive each", requests, got)
	}
	if after.Connections != before.Connections || after.Processes != before.Processes {
		t.Errorf("a warm session opened connections or processes: %+v, then %+v", before, after)
	}
	before = after
	tenPings(t, agent)
	after = server.Counters()
	if sends := after.ByAction[simhost.ActionSend] - before.ByAction[simhost.ActionSend]; sends > 2 {
		t.Errorf("ten requests at once took %d Sends", sends)
	}
	if receives := after.ByAction[simhost.ActionReceive] - before.ByAction[simhost.ActionReceive]; receives > 2 {
		t.Errorf("ten requests at once took %d Receives", receives)
	}
	run := runner(t, server)
	run()
	before = server.Counters()
	run()
	if runner := server.Counters().POSTs - before.POSTs; runner < 4 {
		t.Errorf("the masterzen runner took %d POSTs: compare the figures in docs/guides/performance.md again", runner)
	}
}
