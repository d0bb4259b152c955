// SPDX-License-Identifier: MPL-2.0

package notify_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

func TestASubscriberThatIsTooSlowIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	slow, fast := b.Subscribe(notify.Filter{Buffer: 3}), b.Subscribe(notify.Filter{})
	one := b.Subscribe(notify.Filter{Job: "b", Buffer: 3})
	publish(b, "a", 10)
	b.Publish(said("b", 1, "x"))
	wantShort(t, "the slow one", waiting(t, slow), "gap(8)8 9 10 11")
	wantShort(t, "another", waiting(t, fast), "1 2 3 4 5 6 7 8 9 10 11")
	wantShort(t, "one of another job", waiting(t, one), "11")
	publish(b, "a", 2)
	wantShort(t, "the slow one, later", waiting(t, slow), "12 13")
}

func TestTheEndOfAJobIsToldToASlowSubscriber(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{Job: "a", Buffer: 1})
	publish(b, "a", 10)
	b.Publish(state("a", "ended"))
	got := rest(t, s)
	wantShort(t, "it", got, "gap(10)10 11")
	if got[0].Job != "a" || got[0].Time.IsZero() || !got[1].Last {
		t.Errorf("got %+v", got)
	}
}

func TestWhatWaitsIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{KeepBytes: 100 << 10})
	s := b.Subscribe(notify.Filter{BufferBytes: 100 << 10})
	for i := range 10 {
		b.Publish(said("a", i+1, strings.Repeat("x", 30<<10)))
	}
	wantShort(t, "waiting", waiting(t, s), "gap(7)7 8 9 10")
	wantShort(t, "kept", waiting(t, b.Subscribe(notify.Filter{Replay: true})), "gap(7)7 8 9 10")
	b.Publish(said("a", 11, strings.Repeat("x", 60<<10)))
	wantShort(t, "one that is large", waiting(t, s), "11")
}

func TestAReplayTellsWhatIsNotKeptAnyMore(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{Keep: 4})
	b.Publish(said("old", 1, "x")) // 1
	publish(b, "a", 4)             // 2 to 5
	publish(b, "b", 2)             // 6 and 7
	for _, tt := range []struct {
		name   string
		filter notify.Filter
		want   string
	}{
		{"from the beginning", notify.Filter{Replay: true}, "gap(3)3 4 5 6 7"},
		{"after one that is gone", notify.Filter{After: 2}, "gap(1)3 4 5 6 7"},
		{"after the last that is gone", notify.Filter{After: 3}, "4 5 6 7"},
		{"after one that is kept", notify.Filter{After: 6}, "7"},
		{"after the last", notify.Filter{After: 7}, ""},
		{"after none", notify.Filter{}, ""},
		{"a job that lacks some", notify.Filter{Job: "a", Replay: true}, "gap(2)3 4 5"},
		{"a job that lacks some, after one of them", notify.Filter{Job: "a", After: 2}, "gap(1)3 4 5"},
		{"a job that lacks none", notify.Filter{Job: "b", Replay: true}, "6 7"},
		{"a job of which nothing is kept, and that goes on", notify.Filter{Job: "old", Replay: true}, "gap(1)1"},
		{"a job that nobody knows", notify.Filter{Job: "c", Replay: true}, "gap(3)3"},
		{"a number of another bus", notify.Filter{After: 100}, "gap(-1)0 4 5 6 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantShort(t, "replayed", waiting(t, b.Subscribe(tt.filter)), tt.want)
		})
	}
}

func TestWhatIsReplayedDoesNotCountAsWaiting(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	publish(b, "a", 5)
	s := b.Subscribe(notify.Filter{Replay: true, Buffer: 2})
	publish(b, "a", 4)
	wantShort(t, "it", waiting(t, s), "1 2 3 4 5 gap(2)7 8 9")
}

func TestJobsThatNeverEndAreForgotten(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{Keep: 4})
	for i := range 1000 {
		b.Publish(said(fmt.Sprint("job ", i), 1, "x"))
	}
	wantShort(t, "the first, of which nothing is known any more", waiting(t, b.Subscribe(notify.Filter{Job: "job 0", Replay: true})), "gap(996)996")
	wantShort(t, "the last", waiting(t, b.Subscribe(notify.Filter{Job: "job 999", Replay: true})), "gap(996)996 1000")
}

func TestAJobThatEndedIsKnownForAWhileAfterItsEventsAreGone(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{Keep: 4})
	b.Publish(state("a", "ended"))
	publish(b, "b", 10)
	wantShort(t, "it", rest(t, b.Subscribe(notify.Filter{Job: "a"})), "")
	wantShort(t, "with what was", rest(t, b.Subscribe(notify.Filter{Job: "a", Replay: true})), "gap(1)1")
}

func TestWithoutAnythingKeptAReplayIsAGap(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{Keep: -1})
	publish(b, "a", 3)
	wantShort(t, "it", waiting(t, b.Subscribe(notify.Filter{Replay: true})), "gap(3)3")
}

// TestASubscriberThatNeverReadsStallsNobody publishes very many events, each of a job of its own now and then, to subscribers that
// read nothing: it ends, and memory stays within what was asked for. It has the machine for itself, to measure.
func TestASubscriberThatNeverReadsStallsNobody(t *testing.T) { //nolint:paralleltest // it measures
	b := notify.New(notify.Options{})
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
		b.Publish(said(id, i+1, text))
		if i%400 == 300 {
			b.Publish(state(id, "ended"))
		}
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the heap has grown by %d KiB", grown>>10)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("there are %d goroutines, and there were %d", n, goroutines)
	}
	missed := int64(0)
	events := waiting(t, s)
	for _, e := range events {
		missed += e.Missed
	}
	if got := missed + int64(len(events)) - 1; got != b.Seq() || len(events) != notify.DefaultBuffer+1 {
		t.Errorf("of %d events, %d are there and %d missed", b.Seq(), len(events)-1, missed)
	}
	runtime.KeepAlive(b)
}

// heap gives the bytes in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
