// SPDX-License-Identifier: MPL-2.0

package httpapi

import "sync"

// slots limit what is served at the same time, in total and for each client, so that one client cannot occupy the server.
type slots struct {
	total, perClient int

	mu       sync.Mutex
	used     int
	byClient map[string]int
}

// newSlots returns a number of slots. A client may use a quarter of them, or all if all requests are those of one client.
func newSlots(total int, oneClient bool) *slots {
	s := &slots{total: total, perClient: max(total/4, 1), byClient: map[string]int{}}
	if oneClient {
		s.perClient = total
	}
	return s
}

// take takes a slot until release is called, and reports whether there was one.
func (s *slots) take(client string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.total || s.byClient[client] >= s.perClient {
		return nil, false
	}
	s.used++
	s.byClient[client]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used--
		if s.byClient[client]--; s.byClient[client] == 0 {
			delete(s.byClient, client)
		}
	}, true
}
