// SPDX-License-Identifier: MPL-2.0

package notify

// Waiting returns the events that wait, without waiting for new ones.
func (s *Subscription) Waiting() []Event {
	var events []Event
	for {
		e, ok, _ := s.pop()
		if !ok {
			return events
		}
		events = append(events, e)
	}
}

// The defaults that tests compare with.
const DefaultBuffer = defaultBuffer
