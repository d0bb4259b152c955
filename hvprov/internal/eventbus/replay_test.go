// SPDX-License-Identifier: MPL-2.0

package eventbus_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

func TestASlowSubscriberReceivesAGap(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	slow, fast := b.Subscribe(notify.Filter{Buffer: 3}), b.Subscribe(notify.Filter{})
	one := b.Subscribe(notify.Filter{Job: "b", Buffer: 3})
	publish(b, "a", 10)
	b.Publish(jobEvent("b", 1, "x"))
	wantSeqs(t, "the slow subscriber", eventbus.Waiting(slow), "gap(8)8 9 10 11")
	wantSeqs(t, "a fast subscriber", eventbus.Waiting(fast), "1 2 3 4 5 6 7 8 9 10 11")
	wantSeqs(t, "a subscriber to another job", eventbus.Waiting(one), "11")
	publish(b, "a", 2)
	wantSeqs(t, "the slow subscriber, later", eventbus.Waiting(slow), "12 13")
}

func TestASlowSubscriberReceivesTheEndOfAJob(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	s := b.Subscribe(notify.Filter{Job: "a", Buffer: 1})
	publish(b, "a", 10)
	b.Publish(state("a", "succeeded"))
	got := untilEOF(t, s)
	wantSeqs(t, "it", got, "gap(10)10 11")
	if got[0].Job != "a" || got[0].Time.IsZero() || !got[1].Last {
		t.Errorf("got %+v", got)
	}
}

func TestBuffersAreLimitedInBytes(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{KeepBytes: 100 << 10})
	s := b.Subscribe(notify.Filter{BufferBytes: 100 << 10})
	for i := range 10 {
		b.Publish(jobEvent("a", i+1, strings.Repeat("x", 30<<10)))
	}
	wantSeqs(t, "waiting", eventbus.Waiting(s), "gap(7)7 8 9 10")
	wantSeqs(t, "kept", eventbus.Waiting(b.Subscribe(notify.Filter{Replay: true})), "gap(7)7 8 9 10")
	b.Publish(jobEvent("a", 11, strings.Repeat("x", 60<<10)))
	wantSeqs(t, "an event larger than the buffer", eventbus.Waiting(s), "11")
}

func TestAReplayBeginsWithAGapForEventsThatAreNotKept(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{Keep: 4})
	b.Publish(jobEvent("old", 1, "x")) // 1
	publish(b, "a", 4)                 // 2 to 5
	publish(b, "b", 2)                 // 6 and 7
	for _, tt := range []struct {
		name   string
		filter notify.Filter
		want   string
	}{
		{"from the beginning", notify.Filter{Replay: true}, "gap(3)3 4 5 6 7"},
		{"after an event that is not kept", notify.Filter{After: 2}, "gap(1)3 4 5 6 7"},
		{"after the last event that is not kept", notify.Filter{After: 3}, "4 5 6 7"},
		{"after an event that is kept", notify.Filter{After: 6}, "7"},
		{"after the last event", notify.Filter{After: 7}, ""},
		{"without a replay", notify.Filter{}, ""},
		{"a job with lost events", notify.Filter{Job: "a", Replay: true}, "gap(3)3 4 5"},
		{"a job with lost events, after one of them", notify.Filter{Job: "a", After: 2}, "gap(1)3 4 5"},
		{"a job without lost events", notify.Filter{Job: "b", Replay: true}, "6 7"},
		{"a job without kept events that has not ended", notify.Filter{Job: "old", Replay: true}, "gap(1)1"},
		{"an unknown job", notify.Filter{Job: "c", Replay: true}, "gap(3)3"},
		{"a number of another bus", notify.Filter{After: 100}, "gap(-1)0 4 5 6 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantSeqs(t, "replayed", eventbus.Waiting(b.Subscribe(tt.filter)), tt.want)
		})
	}
}

func TestReplayedEventsDoNotCountAgainstTheBuffer(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	publish(b, "a", 5)
	s := b.Subscribe(notify.Filter{Replay: true, Buffer: 2})
	publish(b, "a", 4)
	wantSeqs(t, "it", eventbus.Waiting(s), "1 2 3 4 5 gap(2)7 8 9")
}

func TestRecordsOfJobsThatNeverEndAreDeleted(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{Keep: 4})
	for i := range 1000 {
		b.Publish(jobEvent(fmt.Sprint("job ", i), 1, "x"))
	}
	wantSeqs(t, "the first", eventbus.Waiting(b.Subscribe(notify.Filter{Job: "job 0", Replay: true})), "gap(996)996")
	wantSeqs(t, "the last", eventbus.Waiting(b.Subscribe(notify.Filter{Job: "job 999", Replay: true})), "gap(966)966 1000")
}

func TestAFinishedJobIsRememberedLongerThanItsEvents(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{Keep: 4})
	b.Publish(state("a", "succeeded"))
	publish(b, "b", 10)
	wantSeqs(t, "it", untilEOF(t, b.Subscribe(notify.Filter{Job: "a"})), "")
	wantSeqs(t, "with a replay", untilEOF(t, b.Subscribe(notify.Filter{Job: "a", Replay: true})), "gap(1)1")
}

func TestAReplayWithoutKeptEventsIsAGap(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{Keep: -1})
	publish(b, "a", 3)
	wantSeqs(t, "it", eventbus.Waiting(b.Subscribe(notify.Filter{Replay: true})), "gap(3)3")
}

// Very many events of many jobs are published to subscribers that never read. Memory must stay within the limits.
func TestASubscriberThatNeverReadsDoesNotBlockPublishers(t *testing.T) { //nolint:paralleltest // it measures the heap
	b := eventbus.New(eventbus.Options{})
	s := b.Subscribe(notify.Filter{})
	defer s.Close()
	one := b.Subscribe(notify.Filter{Job: "a"})
	defer one.Close()
	replayed := b.Subscribe(notify.Filter{Replay: true})
	defer replayed.Close()
	text := strings.Repeat("x", 100)
	goroutines, before := runtime.NumGoroutine(), heap()
	for i := range manyEvents {
		id := "a"
		if i%4 == 0 {
			id = fmt.Sprint("job ", i/100)
		}
		b.Publish(jobEvent(id, i+1, text))
		if i%400 == 300 {
			b.Publish(state(id, "succeeded"))
		}
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before %d", n, goroutines)
	}
	missed, last := int64(0), b.Publish(jobEvent("a", 1, "x")).Seq
	events := eventbus.Waiting(s)
	for _, e := range events {
		missed += e.Missed
	}
	if got := missed + int64(len(events)) - 1; got != last || len(events) != eventbus.DefaultBuffer+1 {
		t.Errorf("%d events: %d received, %d missed", last, len(events)-1, missed)
	}
	runtime.KeepAlive(b)
}

// heap returns the size of the heap in bytes.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
