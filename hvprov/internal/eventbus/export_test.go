// SPDX-License-Identifier: MPL-2.0

package eventbus

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"

// Waiting returns the events that wait, without waiting for new ones.
func Waiting(s notify.Subscription) []notify.Event {
	var events []notify.Event
	for {
		e, ok, _ := s.(*subscription).pop()
		if !ok {
			return events
		}
		events = append(events, e)
	}
}

// The defaults that tests compare with.
const DefaultBuffer = defaultBuffer
