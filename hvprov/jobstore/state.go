// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"errors"
	"fmt"
	"slices"
)

// State is how far a job has come.
type State string

// The states of a job. A job begins as pending, and ends as succeeded, failed, cancelled or unknown.
const (
	Pending   State = "pending"   // taken on, and not yet in the queue of its host
	Queued    State = "queued"    // waits for a place on its host
	Running   State = "running"   // handed to its host, or about to be
	Succeeded State = "succeeded" // its host says so
	Failed    State = "failed"    // its host says so, or it never got there
	Cancelled State = "cancelled" // stopped on request, and undone as its result says
	Unknown   State = "unknown"   // its host could not be asked how it ended; asked again, it may tell
)

// States are all states, in the order in which a job goes through them.
func States() []State {
	return []State{Pending, Queued, Running, Succeeded, Failed, Cancelled, Unknown}
}

// ErrTransition is returned for a step from one state to another that cannot follow it.
var ErrTransition = errors.New("a job cannot go from this state to that")

// next says which states may follow each. A job that is unknown may be followed again: its host may be back.
var next = map[State][]State{
	Pending: {Queued, Failed, Cancelled},
	Queued:  {Running, Failed, Cancelled},
	Running: {Succeeded, Failed, Cancelled, Unknown},
	Unknown: {Running, Succeeded, Failed, Cancelled},
}

// Ended tells whether a job in state s has come to its end, as far as it is known.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled || s == Unknown }

// Valid tells whether s is one of the states.
func (s State) Valid() bool { return slices.Contains(States(), s) }

// to checks a step from s to another state.
func (s State) to(after State) error {
	if !slices.Contains(next[s], after) {
		return fmt.Errorf("%w: from %s to %s", ErrTransition, s, after)
	}
	return nil
}
