// SPDX-License-Identifier: MPL-2.0

package eventbus

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// Limits of one event. Truncated texts say so; the log file of the job has the full text.
const (
	maxTextBytes = 64 << 10 // one text
	maxListItems = 100      // texts in a list
	maxVMBytes   = 64 << 10 // virtual machine as JSON
)

const eventOverhead = 512 // approximate size in bytes of an event without its texts

// sanitizeCopy returns a copy that shares no changeable data with e, with clean applied to every free text and long texts truncated,
// and its approximate size in bytes.
func sanitizeCopy(e notify.Event, clean func(string) string) (notify.Event, int) {
	size := eventOverhead + len(e.Host) + len(e.Job) + len(e.Requester)
	text := func(s string) string {
		if clean != nil {
			s = clean(s)
		}
		s = truncate(s)
		size += len(s)
		return s
	}
	e.State, e.Err = text(e.State), text(e.Err)
	if e.Event != nil {
		reported := *e.Event
		reported.Step, reported.Message = text(reported.Step), text(reported.Message)
		if reported.Result != nil {
			reported.Result = sanitizeResult(*reported.Result, text, &size)
		}
		e.Event = &reported
	}
	return e, size
}

func sanitizeResult(r job.Result, text func(string) string, size *int) *job.Result {
	if r.Error != nil {
		f := *r.Error
		f.Step, f.Message, f.Remedy = text(f.Step), text(f.Message), text(f.Remedy)
		r.Error = &f
	}
	r.Undone, r.Left = sanitizeList(r.Undone, text), sanitizeList(r.Left, text)
	if r.VM != nil {
		vm := *r.VM
		vm.Notes = text(vm.Notes)
		data, err := json.Marshal(vm)
		if err != nil || len(data) > maxVMBytes {
			vm = job.VM{ID: text(vm.ID), Name: text(vm.Name), PowerState: text(vm.PowerState)}
		}
		r.VM = &vm
		*size += min(len(data), maxVMBytes)
	}
	return &r
}

func sanitizeList(list []string, text func(string) string) []string {
	if list == nil {
		return nil
	}
	clean := make([]string, 0, min(len(list), maxListItems+1))
	for _, s := range list[:min(len(list), maxListItems)] {
		clean = append(clean, text(s))
	}
	if more := len(list) - maxListItems; more > 0 {
		clean = append(clean, fmt.Sprintf("… and %d more", more))
	}
	return clean
}

// truncate shortens a text to maxTextBytes, plus a note.
func truncate(s string) string {
	if len(s) <= maxTextBytes {
		return s
	}
	end := maxTextBytes
	for end > maxTextBytes-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end]) + fmt.Sprintf("… (%d bytes omitted)", len(s)-end)
}
