// SPDX-License-Identifier: MPL-2.0

package job

import (
	"strconv"
	"time"
)

// Kind is the kind of an [Event].
type Kind string

// The kinds of events. KindResult is always the last event of a job.
const (
	KindStep     Kind = "step"     // a step started
	KindProgress Kind = "progress" // a step is Percent complete
	KindLog      Kind = "log"      // a message
	KindWarning  Kind = "warning"  // a warning
	KindVM       Kind = "vm"       // the virtual machine was created, with the GUID in VMID
	KindUndo     Kind = "undo"     // something that the job had created was removed
	KindResult   Kind = "result"   // the job ended
)

// Event is an event of a job. The events of a job are numbered from 1 without gaps.
type Event struct {
	Job     string    `json:"job"`
	Seq     int64     `json:"seq"`
	Time    time.Time `json:"time"` // of the host's clock, in UTC
	Kind    Kind      `json:"kind"`
	Step    string    `json:"step,omitempty"`
	Message string    `json:"message,omitempty"`

	Number int `json:"number,omitempty"` // KindStep: number of the step, from 1
	Of     int `json:"of,omitempty"`     // KindStep: number of steps

	Percent        int    `json:"percent,omitempty"`          // KindProgress: 0 to 100
	BytesPerSecond int64  `json:"bytes_per_second,omitempty"` // KindProgress: average so far
	VMID           string `json:"vm_id,omitempty"`            // KindVM

	*Result // KindResult
}

// String returns the event as a line of text, without its time and job.
func (e Event) String() string {
	switch e.Kind {
	case KindStep:
		return "[" + strconv.Itoa(e.Number) + "/" + strconv.Itoa(e.Of) + "] " + e.Step + ": " + e.Message
	case KindProgress:
		return e.Step + ": " + strconv.Itoa(e.Percent) + "% " + e.Message
	case KindWarning:
		return e.Step + ": warning: " + e.Message
	case KindUndo:
		return "undo: " + e.Message
	case KindResult:
		if e.Result != nil {
			return string(e.Outcome) + ": " + e.Message
		}
	}
	if e.Step == "" {
		return e.Message
	}
	return e.Step + ": " + e.Message
}
