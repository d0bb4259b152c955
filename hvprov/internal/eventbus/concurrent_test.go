// SPDX-License-Identifier: MPL-2.0

package eventbus_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// Many publishers publish while subscribers come, go, and continue where they stopped.
func TestEverySubscriberReceivesEachEventOnceAndInOrder(t *testing.T) {
	t.Parallel()
	const publishers, events, total = 8, 500, 8 * 501
	b := eventbus.New(eventbus.Options{Keep: total})
	var publishing, reading sync.WaitGroup
	begin := make(chan struct{})

	for range 4 { // to all events
		s := b.Subscribe(notify.Filter{Buffer: total})
		reading.Go(func() { inOrder(t, untilEOF(t, s), 1, total) })
	}
	for range 4 { // to all events, with a new subscription after every few events
		reading.Go(func() {
			<-begin
			var got []notify.Event
			for len(got) < total {
				last := int64(len(got))
				s := b.Subscribe(notify.Filter{Replay: true, After: last, Buffer: total})
				for range 37 {
					e, err := s.Next(t.Context())
					if err != nil {
						break // bus closed
					}
					got = append(got, e)
				}
				s.Close()
			}
			inOrder(t, got, 1, total)
		})
	}
	for p := range publishers { // to one job
		s := b.Subscribe(notify.Filter{Job: fmt.Sprint(p), Buffer: total})
		reading.Go(func() {
			got := untilEOF(t, s)
			if len(got) != events+1 {
				t.Errorf("job %d: %d events", p, len(got))
			}
			for i, e := range got[:events] {
				if e.Job != fmt.Sprint(p) || e.Event.Seq != int64(i+1) {
					t.Errorf("job %d: event %d is number %d of %s", p, i, e.Event.Seq, e.Job)
					break
				}
			}
		})
		publishing.Go(func() {
			<-begin
			publish(b, fmt.Sprint(p), events)
			b.Publish(state(fmt.Sprint(p), "succeeded"))
		})
	}
	for range 4 { // closed early
		s := b.Subscribe(notify.Filter{Buffer: 10})
		reading.Go(func() {
			for range 5 {
				if _, err := s.Next(t.Context()); err != nil {
					t.Error(err)
				}
			}
			s.Close()
		})
	}
	close(begin)
	publishing.Wait()
	b.Close()
	reading.Wait()
}

func inOrder(t *testing.T, got []notify.Event, first, count int64) {
	t.Helper()
	if int64(len(got)) != count {
		t.Errorf("got %d events, want %d", len(got), count)
	}
	for i, e := range got {
		if e.Seq != first+int64(i) || e.Kind == notify.KindGap {
			t.Errorf("event %d is %s %d", i, e.Kind, e.Seq)
			return
		}
	}
}
