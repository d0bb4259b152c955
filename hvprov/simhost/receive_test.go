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

// epoch is where manual clocks begin.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// later runs f in a goroutine, and gives a function that waits for its result.
func later[T any](f func() T) func() T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return func() T { return <-c }
}

func TestSilentReceiveTimesOut(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, open(Options{Clock: clock, Programs: map[string]Program{"hang": hang}})))
	shell := w.create()
	id := w.command(shell, "hang")
	a := receiveAsk(shell, id)
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
	clock := NewManualClock(epoch) // stands still: an answer cannot come from a time-out
	w := dial(t, start(t, open(Options{Clock: clock, Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	got := later(func() heard { return w.receive(shell, id) })
	clock.AwaitTimer(20 * time.Second)
	w.must(sendAsk(shell, id, "now", false))
	if h := got(); h.stdout != "now" || h.done {
		t.Errorf("got %+v", h)
	}
	got = later(func() heard { return w.receive(shell, id) })
	clock.AwaitTimer(20 * time.Second)
	w.must(sendAsk(shell, id, "", true))
	if h := got(); !h.done || h.exit != "0" {
		t.Errorf("got %+v", h)
	}
}

func TestLaterReceiveTakesThePlaceOfTheEarlier(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, open(Options{Clock: clock, Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	a := receiveAsk(shell, id)
	a.timeout = "PT10S"
	first := later(func() answer { return w.do(a) })
	clock.AwaitTimer(10 * time.Second)
	second := later(func() heard { return w.receive(shell, id) })
	if got := first(); got.code != codeAborted {
		t.Errorf("the earlier got %s", got.raw)
	}
	w.must(sendAsk(shell, id, "x", false))
	if h := second(); h.stdout != "x" {
		t.Errorf("the later got %+v", h)
	}
}

func TestOutputIsKeptForAClientThatIsGone(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, open(Options{Clock: clock, Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	ctx, cancel := context.WithCancel(t.Context())
	got := later(func() error { _, err := w.try(ctx, receiveAsk(shell, id)); return err })
	clock.AwaitTimer(20 * time.Second)
	cancel()
	if err := got(); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	again := later(func() heard { return w.receive(shell, id) }) // ends the earlier one, if it is there still
	w.must(sendAsk(shell, id, "kept", false))
	if h := again(); h.stdout != "kept" {
		t.Errorf("got %+v", h)
	}
}

func TestReceiveFitsItsEnvelope(t *testing.T) {
	t.Parallel()
	const size = 60_000
	text := strings.Repeat("0123456789", size/10)
	w := dial(t, start(t, open(Options{PipeSize: size, Programs: map[string]Program{
		"flood": func(_ context.Context, _ string, _ io.Reader, stdout, stderr io.Writer) int {
			_, _ = io.WriteString(stdout, text)
			_, _ = io.WriteString(stderr, text)
			return 0
		},
	}})))
	shell := w.create()
	id := w.command(shell, "flood")
	var all heard
	for n := 0; !all.done; n++ {
		a := receiveAsk(shell, id)
		a.size = "16384"
		got := w.must(a)
		if len(got.raw) > 16384 {
			t.Fatalf("an answer of %d bytes", len(got.raw))
		}
		h := hear(t, got)
		all.stdout, all.stderr, all.done = all.stdout+h.stdout, all.stderr+h.stderr, h.done
		if n > 100 {
			t.Fatal("the answers are too small")
		}
	}
	if all.stdout != text || all.stderr != text {
		t.Errorf("%d and %d bytes of %d", len(all.stdout), len(all.stderr), size)
	}
}

func TestOutputIsSplitAsAsked(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, open(Options{SplitOutput: 3})))
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
		w := dial(t, start(t, open(Options{ReplayReceive: replay})))
		shell := w.create()
		id := w.command(shell, "echo once")
		a := receiveAsk(shell, id)
		a.id = "uuid:" + newGUID()
		first, second := hear(t, w.must(a)), hear(t, w.must(a))
		for !first.done && first.stdout == "" {
			first, second = second, hear(t, w.must(a))
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
			t.Fatalf("%d bytes written before any was received", n)
		}
		if n, _ := o.writer(stderr).Write(make([]byte, 4096)); n != 4096 {
			t.Errorf("standard error is not a pipe of its own")
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

func TestKillFreesABlockedWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutput(10)
		done := later(func() error { _, err := o.writer(stdout).Write(make([]byte, 11)); return err })
		synctest.Wait()
		o.kill()
		if err := done(); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v", err)
		}
		if got := o.read(1<<20, 0); len(got.chunks) != 1 || len(got.chunks[0].data) != 10 {
			t.Errorf("what came before is lost: %+v", got)
		}
	})
}

func TestSendToAProcessThatDoesNotRead(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	read := make(chan bool)
	w := dial(t, start(t, open(Options{Clock: clock, PipeSize: 10, Programs: map[string]Program{
		"slow": func(ctx context.Context, args string, stdin io.Reader, stdout, stderr io.Writer) int {
			<-read
			return cat(ctx, args, stdin, stdout, stderr)
		},
	}})))
	shell := w.create()
	id := w.command(shell, "slow")
	w.must(sendAsk(shell, id, "0123456789", false)) // fits
	over := later(func() answer { return w.do(sendAsk(shell, id, "abc", false)) })
	clock.AwaitTimer(20 * time.Second)
	clock.Advance(20 * time.Second)
	if got := over(); got.code != codeTimedOut {
		t.Errorf("input that is taken and not read: fault %d", got.code)
	}
	over = later(func() answer { return w.do(sendAsk(shell, id, "lost", false)) })
	clock.AwaitTimer(20 * time.Second)
	clock.Advance(20 * time.Second)
	if got := over(); got.code != codeBusy {
		t.Errorf("input that is not taken: fault %d", got.code)
	}
	close(read)
	w.must(sendAsk(shell, id, "end", true))
	if h := w.receiveAll(shell, id); h.stdout != "0123456789abcend" {
		t.Errorf("got %q", h.stdout)
	}
}
