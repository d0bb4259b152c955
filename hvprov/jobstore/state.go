// SPDX-License-Identifier: MPL-2.0

package jobstore

import "slices"

// State is the state of a job.
//
//	pending ───> queued ───> running ───> succeeded
//	   │            │         │ │ ▲           ▲
//	   │            │         │ ▼ │           │
//	   │            │         │ unknown ──────┘
//	   ▼            ▼         ▼    │
//	 failed, cancelled ◄───────────┘
//
// A job becomes unknown when its host cannot report the outcome. When the host is reachable again, the service follows the job
// further (running) or reads its result (succeeded, failed or cancelled).
type State string

// The states of a job.
const (
	Pending   State = "pending"   // accepted, not yet in the queue
	Queued    State = "queued"    // waiting for a free slot on its host
	Running   State = "running"   // submitted to its host, or about to be
	Succeeded State = "succeeded" // completed
	Failed    State = "failed"    // failed on its host, or never started
	Cancelled State = "cancelled" // stopped on request and rolled back
	Unknown   State = "unknown"   // outcome not known: the connection to the host was lost
)

// States returns all states in the order in which a job passes through them.
func States() []State {
	return []State{Pending, Queued, Running, Succeeded, Failed, Cancelled, Unknown}
}

// Ended reports whether s is a final state. [Unknown] is final until the host is reachable again.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled || s == Unknown }

// Valid reports whether s is one of the defined states.
func (s State) Valid() bool { return slices.Contains(States(), s) }
