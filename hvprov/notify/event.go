// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Kind is the type of an [Event].
type Kind string

// The kinds of events.
const (
	KindJobState  Kind = "job_state"  // the state of a job has changed: State
	KindJobEvent  Kind = "job_event"  // a job has reported an event: Event
	KindHostState Kind = "host_state" // the state of a host has changed: State
	KindInventory Kind = "inventory"  // a snapshot of a host shows other virtual machines, or other power states, than the one before
	KindGap       Kind = "gap"        // the subscriber missed events: Missed
)

// Event is a change of a job or of a host. Bus and Seq identify it.
type Event struct {
	Bus  string    `json:"bus"`  // random ID of the bus; sequence numbers begin again after a restart, on a bus with another ID
	Seq  int64     `json:"seq"`  // sequence number on the bus, from 1; KindGap: that of the last missed event
	Time time.Time `json:"time"` // UTC
	Kind Kind      `json:"kind"`

	Host string `json:"host,omitempty"`
	Job  string `json:"job,omitempty"` // job ID

	Requester string `json:"requester,omitempty"` // on whose behalf the job was submitted; see hvprov.Submission

	State string `json:"state,omitempty"` // the new state of the job or of the host
	Last  bool   `json:"last,omitempty"`  // KindJobState: the job has ended; subscriptions to the job end after this event
	Err   string `json:"error,omitempty"` // reason of a failure

	// Event is the event that the job reported. Subscribers share it and must not change it.
	Event *job.Event `json:"event,omitempty"`

	// Missed is the number of events that a gap stands for, or -1 if it is unknown because [Filter.After] belongs to another
	// bus. In a replay of selected events it is an upper bound: see [Filter].
	Missed int64 `json:"missed,omitempty"`
}
