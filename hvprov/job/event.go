// SPDX-License-Identifier: MPL-2.0

package job

import (
	"strconv"
	"time"
)

// Kind says what an [Event] tells.
type Kind string

// The kinds of events that a job produces, in no particular order but for KindResult, which is always the last.
const (
	KindStep     Kind = "step"     // a step begins
	KindProgress Kind = "progress" // a step is Percent done
	KindLog      Kind = "log"      // free text
	KindWarning  Kind = "warning"  // free text that deserves attention
	KindVM       Kind = "vm"       // the virtual machine exists from now on, under VMID
	KindUndo     Kind = "undo"     // something the job had made was taken back
	KindResult   Kind = "result"   // the end
)

// Event is one thing that a job said. The events of a job are numbered from 1 without a gap.
type Event struct {
	Job     string    `json:"job"`
	Seq     int64     `json:"seq"`
	Time    time.Time `json:"time"` // the host's clock, UTC
	Kind    Kind      `json:"kind"`
	Step    string    `json:"step,omitempty"`
	Message string    `json:"message,omitempty"`

	Number int `json:"number,omitempty"` // KindStep: which step this is, from 1
	Of     int `json:"of,omitempty"`     // KindStep: how many there are

	Percent        int    `json:"percent,omitempty"`          // KindProgress: 0 to 100
	BytesPerSecond int64  `json:"bytes_per_second,omitempty"` // KindProgress: how fast it went so far
	VMID           string `json:"vm_id,omitempty"`            // KindVM

	*Result // KindResult
}

// String gives the event as one line for people: no time, no job.
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
