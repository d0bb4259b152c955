// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"context"
	"iter"
)

// Source is a source of events, such as a service.
type Source interface {
	// Subscribe returns a subscription to the events that match the filter. The caller must close it.
	Subscribe(f Filter) Subscription
}

// Filter selects the events of a [Subscription]. The zero value selects all events from now on.
type Filter struct {
	Job   string // job ID; empty: all jobs, and hosts
	Host  string // host name, in any letter case; empty: all hosts
	Kinds []Kind // nil: all kinds; gaps are always delivered

	Requester string // requester of jobs; empty: all requesters, and hosts

	// Replay delivers the events that the bus still keeps first, then new ones, without a hole or a duplicate. Otherwise a
	// subscription begins with the next event.
	Replay bool
	// After skips events up to this sequence number in a replay. To continue an earlier subscription, set After to the Seq of
	// the last event received (0 if there was none) and Replay to true. A value above 0 implies Replay.
	//
	// If the bus no longer keeps all events after it, the subscription begins with a gap. Missed is then the exact number for a
	// subscription to all events, and an upper bound if the filter selects some: the bus does not know which of the lost events
	// matched. A number that the bus has not reached belongs to another bus, from before a restart: all events that are kept are
	// delivered, after a gap with Missed -1.
	After int64

	Buffer      int // maximum number of new events that wait; 0: 1024. Replayed events do not count.
	BufferBytes int // approximate maximum size of new events that wait, in bytes; 0: 4 MiB
}

// Subscription delivers events in order. A subscription to one job ends after the job's last event. The bus forgets finished jobs
// after a few thousand others: then a subscription to one of them waits, so check the state of the job after subscribing.
//
// Its methods are safe for concurrent use; each event is returned once.
type Subscription interface {
	// Next waits for the next event. It returns [io.EOF] when the subscription has ended and all events were returned. When ctx ends it
	// returns its error; no event is lost.
	Next(ctx context.Context) (Event, error)
	// All returns an iterator over the events until the subscription ends. If ctx ends first, its error is the last value. The iterator
	// does not close the subscription.
	All(ctx context.Context) iter.Seq2[Event, error]
	// Close ends the subscription: no event is added any more. Next still returns those that wait, then [io.EOF]. It may be called more
	// than once.
	Close()
}
