// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Bounds of one event. What is cut says so; a job's log file has all of it.
const (
	maxText  = 64 << 10 // bytes of a text
	maxTexts = 100      // texts in a list
	maxVM    = 64 << 10 // bytes of a virtual machine as JSON
)

const overhead = 512 // bytes of an event without its texts, roughly

// own gives an event that shares nothing with the publisher's that is likely to change, with every free text run through clean
// and cut, and how many bytes it takes, roughly.
func own(e Event, clean func(string) string) (Event, int) {
	size := overhead
	text := func(s string) string {
		if clean != nil {
			s = clean(s)
		}
		s = cut(s)
		size += len(s)
		return s
	}
	e.State, e.Err = text(e.State), text(e.Err)
	if e.Event != nil {
		said := *e.Event
		said.Step, said.Message = text(said.Step), text(said.Message)
		if said.Result != nil {
			said.Result = ownResult(*said.Result, text, &size)
		}
		e.Event = &said
	}
	return e, size + len(e.Host) + len(e.Job)
}

func ownResult(r job.Result, text func(string) string, size *int) *job.Result {
	if r.Error != nil {
		f := *r.Error
		f.Step, f.Message, f.Remedy = text(f.Step), text(f.Message), text(f.Remedy)
		r.Error = &f
	}
	r.Undone, r.Left = texts(r.Undone, text), texts(r.Left, text)
	if r.VM != nil {
		vm := *r.VM
		vm.Notes = text(vm.Notes)
		data, err := json.Marshal(vm)
		if err != nil || len(data) > maxVM {
			vm = job.VM{ID: text(vm.ID), Name: text(vm.Name), PowerState: text(vm.PowerState)}
		}
		r.VM = &vm
		*size += min(len(data), maxVM)
	}
	return &r
}

func texts(list []string, text func(string) string) []string {
	if list == nil {
		return nil
	}
	more := len(list) - maxTexts
	if more > 0 {
		list = list[:maxTexts]
	}
	clean := make([]string, 0, len(list)+1)
	for _, s := range list {
		clean = append(clean, text(s))
	}
	if more > 0 {
		clean = append(clean, fmt.Sprintf("… and %d more", more))
	}
	return clean
}

// cut gives text of maxText bytes at most, but for what says that it was cut.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end]) + fmt.Sprintf("… (%d bytes are left out)", len(s)-end)
}
