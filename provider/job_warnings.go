// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// jobWarnings collects the warnings of a job. Events arrive in another goroutine.
type jobWarnings struct {
	mu       sync.Mutex
	messages []string
}

func (w *jobWarnings) add(e job.Event) {
	if e.Kind != job.KindWarning {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.messages, e.Message) {
		w.messages = append(w.messages, e.Message)
	}
}

// addTo adds each warning about a virtual machine to the diagnostics, except those about files that were kept, which the result lists.
func (w *jobWarnings) addTo(diags *diag.Diagnostics, name string, result *job.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, message := range w.messages {
		if result != nil && slices.ContainsFunc(result.Left, func(left string) bool { return strings.Contains(message, left) }) {
			continue
		}
		diags.AddWarning("Warning about virtual machine "+name, sentence(errors.New(message)))
	}
}
