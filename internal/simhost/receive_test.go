// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// epoch is the initial time of manual clocks.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// later runs f in a goroutine and returns a function that waits for its result.
func later[T any](f func() T) func() T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return func() T { return <-c }
}

func TestSilentReceiveTimesOut(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, basicAuth(Options{Clock: clock, Programs: map[string]Program{"hang": hang}})))
	shell := w.create()
	id := w.command(shell, "hang")
	a := receiveRequest(shell, id)
	a.timeout = "PT20.000S"
	got := later(func() answer { return w.do(a) })
	clock.AwaitTimer(20 * time.Second)
	clock.Advance(20 * time.Second)
	if a := got(); a.code != codeTimedOut || a.subs != "w:TimedOut" {
		t.Errorf("got %s", a.raw)
	}
	if n := w.server.Counters(); n.Faults != 1 || n.RunningProcesses != 1 {
		t.Errorf("counted %+v", n)
	}
}

func TestReceiveAnswersAsSoonAsThereIsOutput(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch) // never advances: no poll times out
	w := dial(t, start(t, basicAuth(Options{Clock: clock, Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	got := later(func() receivedOutput { return w.receive(shell, id) })
	clock.AwaitTimer(20 * time.Second)
	w.must(sendRequest(shell, id, "now", false))
	if h := got(); h.stdout != "now" || h.done {
		t.Errorf("got %+v", h)
	}
	got = later(func() receivedOutput { return w.receive(shell, id) })
	clock.AwaitTimer(20 * time.Second)
	w.must(sendRequest(shell, id, "", true))
	if h := got(); !h.done || h.exit != "0" {
		t.Errorf("got %+v", h)
	}
}

func TestALaterReceiveSupersedesTheEarlierOne(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, basicAuth(Options{Clock: clock, Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	a := receiveRequest(shell, id)
	a.timeout = "PT10S"
	first := later(func() answer { return w.do(a) })
	clock.AwaitTimer(10 * time.Second)
	second := later(func() receivedOutput { return w.receive(shell, id) })
	if got := first(); got.code != codeAborted {
		t.Errorf("the earlier one got %s", got.raw)
	}
	w.must(sendRequest(shell, id, "x", false))
	if h := second(); h.stdout != "x" {
		t.Errorf("the later one got %+v", h)
	}
}

func TestOutputIsKeptAfterTheClientDisconnects(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, basicAuth(Options{Clock: clock, Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	ctx, cancel := context.WithCancel(t.Context())
	got := later(func() error { _, err := w.try(ctx, receiveRequest(shell, id)); return err })
	clock.AwaitTimer(20 * time.Second)
	cancel()
	if err := got(); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	again := later(func() receivedOutput { return w.receive(shell, id) }) // supersedes the earlier one if it is still open
	w.must(sendRequest(shell, id, "kept", false))
	if h := again(); h.stdout != "kept" {
		t.Errorf("got %+v", h)
	}
}

func TestAnswersFitTheEnvelope(t *testing.T) {
	t.Parallel()
	const size = 60_000
	text := strings.Repeat("0123456789", size/10)
	w := dial(t, start(t, basicAuth(Options{PipeSize: size, Programs: map[string]Program{
		"flood": func(_ context.Context, _ string, _ io.Reader, stdout, stderr io.Writer) int {
			_, _ = io.WriteString(stdout, text)
			_, _ = io.WriteString(stderr, text)
			return 0
		},
	}})))
	shell := w.create()
	id := w.command(shell, "flood")
	var all receivedOutput
	for n := 0; !all.done; n++ {
		a := receiveRequest(shell, id)
		a.size = "16384"
		got := w.must(a)
		if len(got.raw) > 16384 {
			t.Fatalf("answer of %d bytes", len(got.raw))
		}
		h := parseReceive(t, got)
		all.stdout, all.stderr, all.done = all.stdout+h.stdout, all.stderr+h.stderr, h.done
		if n > 100 {
			t.Fatal("the answers are too small")
		}
	}
	if all.stdout != text || all.stderr != text {
		t.Errorf("%d and %d bytes of %d", len(all.stdout), len(all.stderr), size)
	}
}

func TestOutputIsSplitBySplitOutput(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{SplitOutput: 3})))
	shell := w.create()
	h := w.receiveAll(shell, w.command(shell, "echo Grüße aus dem Süden"))
	if h.stdout != "Grüße aus dem Süden\r\n" || len(h.pieces) < len(h.stdout)/3 {
		t.Errorf("got %q", h.pieces)
	}
	for _, p := range h.pieces {
		if len(p) > 3 {
			t.Errorf("piece %q", p)
		}
	}
}

func TestReplayedReceive(t *testing.T) {
	t.Parallel()
	for _, replay := range []bool{true, false} {
		w := dial(t, start(t, basicAuth(Options{ReplayReceive: replay})))
		shell := w.create()
		id := w.command(shell, "echo once")
		a := receiveRequest(shell, id)
		a.id = "uuid:" + newGUID()
		first, second := parseReceive(t, w.must(a)), parseReceive(t, w.must(a))
		for !first.done && first.stdout == "" {
			first, second = second, parseReceive(t, w.must(a))
		}
		if first.stdout != "once\r\n" || (second.stdout == first.stdout) != replay {
			t.Errorf("replay %t: got %+v, then %+v", replay, first, second)
		}
	}
}

func TestUnreceivedOutputBlocksTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutput(4096)
		var written atomic.Int64
		go func() {
			for range 8 {
				n, _ := o.writer(stdout).Write(make([]byte, 1000))
				written.Add(int64(n))
			}
			o.finish(0)
		}()
		synctest.Wait()
		if n := written.Load(); n != 4000 {
			t.Fatalf("%d bytes written before a Receive", n)
		}
		if n, _ := o.writer(stderr).Write(make([]byte, 4096)); n != 4096 {
			t.Errorf("standard error shares a pipe with standard output")
		}
		received := 0
		for {
			got := o.read(1<<20, 0)
			for _, c := range got.chunks {
				received += len(c.data)
			}
			if got.done {
				break
			}
			if held := int(written.Load()) + 4096 - received; held > 4096 {
				t.Errorf("%d bytes held", held)
			}
			synctest.Wait()
		}
		if received != 8000+4096 {
			t.Errorf("%d bytes received", received)
		}
	})
}

func TestKillUnblocksAWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutput(10)
		done := later(func() error { _, err := o.writer(stdout).Write(make([]byte, 11)); return err })
		synctest.Wait()
		o.kill()
		if err := done(); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v", err)
		}
		if got := o.read(1<<20, 0); len(got.chunks) != 1 || len(got.chunks[0].data) != 10 {
			t.Errorf("earlier output is lost: %+v", got)
		}
	})
}

func TestSendToAProcessThatDoesNotRead(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	read := make(chan bool)
	w := dial(t, start(t, basicAuth(Options{Clock: clock, PipeSize: 10, Programs: map[string]Program{
		"slow": func(ctx context.Context, args string, stdin io.Reader, stdout, stderr io.Writer) int {
			<-read
			return cat(ctx, args, stdin, stdout, stderr)
		},
	}})))
	shell := w.create()
	id := w.command(shell, "slow")
	w.must(sendRequest(shell, id, "0123456789", false)) // fits
	over := later(func() answer { return w.do(sendRequest(shell, id, "abc", false)) })
	clock.AwaitTimer(20 * time.Second)
	clock.Advance(20 * time.Second)
	if got := over(); got.code != codeTimedOut {
		t.Errorf("accepted input that is not read: fault %d", got.code)
	}
	over = later(func() answer { return w.do(sendRequest(shell, id, "lost", false)) })
	clock.AwaitTimer(20 * time.Second)
	clock.Advance(20 * time.Second)
	if got := over(); got.code != codeBusy {
		t.Errorf("input that is not accepted: fault %d", got.code)
	}
	close(read)
	w.must(sendRequest(shell, id, "end", true))
	if h := w.receiveAll(shell, id); h.stdout != "0123456789abcend" {
		t.Errorf("got %q", h.stdout)
	}
}
