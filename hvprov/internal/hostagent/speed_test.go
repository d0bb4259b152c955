// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	masterzen "github.com/masterzen/winrm"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// What an operation costs on a warm session, beside the command runner of masterzen/winrm on the same simulated host, which is
// what other clients stand on. Repeat with
//
//	go test ./hvprov/hostagent -run='^$' -bench=. -benchtime=20x

// speaker stands in for powershell.exe with an agent that answers at once, and has its job say lines when it is told to.
type speaker struct {
	lines chan chan<- time.Time // each is said, and the time of it given back
	bulk  chan int64            // bytes of other output
}

func newSpeaker() *speaker {
	return &speaker{lines: make(chan chan<- time.Time), bulk: make(chan int64)}
}

func (p *speaker) run(ctx context.Context, args string, stdin io.Reader, stdout, _ io.Writer) int {
	script, _ := protocol.DecodeCommand(" " + args)
	info, ok := protocol.ParseBootstrap(script)
	if !ok {
		_, _ = io.WriteString(stdout, "hello\r\n") // a command of masterzen's
		return 0
	}
	reader := bufio.NewReader(stdin)
	if _, err := reader.ReadString('\n'); err != nil {
		return 1
	}
	var mu sync.Mutex
	say := func(values ...any) {
		var b bytes.Buffer
		for _, v := range values {
			payload, err := protocol.Encode(v)
			if err != nil {
				panic(err)
			}
			b.WriteString(info.Token + " " + string(payload) + "\n")
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = stdout.Write(b.Bytes())
	}
	life, stop := context.WithCancel(ctx) // of the job
	var talking sync.WaitGroup
	defer func() { stop(); talking.Wait() }()
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0
		}
		texts, err := protocol.DecodeBatch([]byte(strings.TrimSpace(line)))
		if err != nil {
			return 1
		}
		var answers []any
		for _, text := range texts {
			var req protocol.Request
			if err := json.Unmarshal(text, &req); err != nil {
				return 1
			}
			answers = append(answers, protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, OK: true, Result: json.RawMessage(`{}`)})
			switch req.Request {
			case protocol.RequestSubmit:
				talking.Go(func() { p.talk(life, req.Job, say, stdout) })
			case protocol.RequestCancel:
				stop()
				talking.Wait()
				answers = append(answers, protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{
					Job: req.Job, Seq: 1, Kind: job.KindResult, Result: &job.Result{Outcome: job.Cancelled},
				}})
			}
		}
		say(answers...)
	}
}

func (p *speaker) talk(ctx context.Context, jobID string, say func(...any), stdout io.Writer) {
	chunk := []byte(strings.Repeat(strings.Repeat("x", 127)+"\n", 512))
	for seq := int64(1); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case said := <-p.lines:
			now := time.Now()
			say(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: jobID, Seq: seq, Time: now.UTC(), Kind: job.KindLog, Message: "a line"}})
			said <- now
		case n := <-p.bulk:
			for ; n > 0; n -= int64(len(chunk)) {
				if _, err := stdout.Write(chunk); err != nil {
					return
				}
			}
			say(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: jobID, Seq: seq, Time: time.Now().UTC(), Kind: job.KindLog}})
		}
	}
}

// speedHost is a simulated host with a round trip, and a warm session with it.
func speedHost(tb testing.TB, p *speaker, roundTrip time.Duration) (*simhost.Server, *hostagent.Agent) {
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
	for range 2 { // the second opens the connection that a first does without
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

// runner gives masterzen's runner over TLS with Basic authentication, the fewest requests that it can do with.
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
			p := newSpeaker()
			server, agent := speedHost(b, p, rtt)
			run := runner(b, server)
			run() // its connection, too, is warm
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
			_, agent := speedHost(b, newSpeaker(), rtt)
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

// BenchmarkLine is the delay from a line that is written on the host to the caller that waits for it.
func BenchmarkLine(b *testing.B) {
	for _, rtt := range roundTrips {
		b.Run(fmt.Sprintf("rtt=%v", rtt), func(b *testing.B) {
			p := newSpeaker()
			server, agent := speedHost(b, p, rtt)
			run := submit(b, agent)
			var delays []time.Duration
			for b.Loop() {
				awaitPoll(server) // it is on its way for half a round trip
				delays = append(delays, line(b, p, run))
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

func submit(tb testing.TB, agent *hostagent.Agent) *hostagent.Run {
	tb.Helper()
	run, err := agent.Submit(context.Background(), hostagent.Submission{Job: matrixJob, Definition: matrixDefinition})
	if err != nil {
		tb.Fatal(err)
	}
	return run
}

func line(tb testing.TB, p *speaker, run *hostagent.Run) time.Duration {
	tb.Helper()
	said := make(chan time.Time, 1)
	p.lines <- said
	if _, err := run.Next(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return time.Since(<-said)
}

// BenchmarkOutput carries 1 GiB of a process's output, and reports the most that the heap came to on the way.
func BenchmarkOutput(b *testing.B) {
	const size = 1 << 30
	p := newSpeaker()
	_, agent := speedHost(b, p, 0)
	run := submit(b, agent)
	stop, peak := watchHeap()
	b.SetBytes(size)
	for b.Loop() {
		p.bulk <- size
		if _, err := run.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	b.ReportMetric(float64(*peak)/(1<<20), "peak-heap-MiB")
}

// watchHeap samples the heap until it is stopped.
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

// report gives a time in milliseconds, and in round trips where there are any.
func report(b *testing.B, rtt time.Duration, what string, d time.Duration) {
	b.ReportMetric(0, "ns/op") // an operation of the benchmark is more than what it is about
	b.ReportMetric(d.Seconds()*1000, what+"-ms")
	if rtt > 0 {
		b.ReportMetric(float64(d)/float64(rtt), "round-trips")
	}
}

// What the figures rest on: how many requests pass, on how many connections. Times are left to the benchmarks, but for the
// one that a round trip of this length decides, whatever else the machine does.
func TestAWarmSessionCostsOneRoundTripARequest(t *testing.T) {
	t.Parallel()
	const rtt = 100 * time.Millisecond
	server, agent := speedHost(t, newSpeaker(), rtt)
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
	var ours, theirs []time.Duration
	for range 3 {
		ours, theirs = append(ours, timed(func() { ping(t, agent) })), append(theirs, timed(run))
	}
	if ratio := float64(median(theirs)) / float64(median(ours)); ratio < 4 {
		t.Errorf("a request took %v, and masterzen's runner %v: %.1f times as long", median(ours), median(theirs), ratio)
	} else {
		t.Logf("at %v of round trip: %v a request; masterzen's runner %v, %.1f times as long", rtt, median(ours), median(theirs), ratio)
	}
}
