// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Kind says what an [Event] tells.
type Kind string

// The kinds of events.
const (
	KindJobState  Kind = "job_state"  // a job has come to another State
	KindJobEvent  Kind = "job_event"  // a job said something: Event
	KindHostState Kind = "host_state" // a host has come to another State
	KindGap       Kind = "gap"        // events are Missed that the subscriber should have had
)

// Event is one thing that happened. Its Seq is unique on its bus, and rises by one from event to event.
type Event struct {
	Seq  int64     `json:"seq"`  // from 1; KindGap: that of the last event missed
	Time time.Time `json:"time"` // UTC
	Kind Kind      `json:"kind"`

	Host string `json:"host,omitempty"`
	Job  string `json:"job,omitempty"`

	// State is what a job or a host has come to; for a job, one of job.Status, or what else its publisher has.
	State string `json:"state,omitempty"`
	// Last tells that this is the last event of the job. Subscriptions to the job end behind it.
	Last bool `json:"last,omitempty"`
	// Err says why, where the state is a failure.
	Err string `json:"error,omitempty"`

	// Event is what a job said. It is shared by all who get it, and not to be changed.
	Event *job.Event `json:"event,omitempty"`

	// Missed is how many events a gap stands for; [MissedUnknown] when nobody knows. After a replay it may be that not all
	// of them were for the subscriber: see [Filter].
	Missed int64 `json:"missed,omitempty"`
}

// MissedUnknown is in [Event.Missed] when the events before are those of another bus: the program was started again.
const MissedUnknown = -1

// last tells whether the event is a job's last: as it says itself, or by the state.
func (e *Event) last() bool {
	return e.Kind == KindJobState && (e.Last || e.State == string(job.StatusEnded))
}
