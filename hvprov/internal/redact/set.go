// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Set holds the secrets of everything that runs now, for text that is no single job's: a service's log, an error of a host. The
// zero value holds none. It is safe for concurrent use, and not to be copied.
type Set struct {
	current atomic.Pointer[Redactor] // nil when it is to be made again

	mu     sync.Mutex
	counts map[string]int
}

// Add takes secrets in, and gives what takes them out again: to be called when the last text is told that may hold them, more
// than once does no harm. A secret that was added several times stays until the last of them is released.
func (s *Set) Add(secrets ...string) (release func()) {
	secrets = slices.Clone(secrets)
	s.change(secrets, 1)
	return sync.OnceFunc(func() { s.change(secrets, -1) })
}

func (s *Set) change(secrets []string, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	for _, secret := range secrets {
		n := s.counts[secret] + by
		if n == 0 {
			delete(s.counts, secret)
		} else {
			s.counts[secret] = n
		}
		if n == 0 || n == by {
			s.current.Store(nil)
		}
	}
}

// Redactor implements [Source] with a redactor of the secrets that are in the set now. It is made when they have changed, and
// shared meanwhile. A nil Set gives nil.
func (s *Set) Redactor() *Redactor {
	if s == nil {
		return nil
	}
	if r := s.current.Load(); r != nil {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.current.Load(); r != nil {
		return r
	}
	r := New(slices.Sorted(maps.Keys(s.counts))...)
	s.current.Store(r)
	return r
}

// String is [Redactor.String] with the secrets that are in the set now.
func (s *Set) String(text string) string { return s.Redactor().String(text) }

// Bytes is [Redactor.Bytes] with the secrets that are in the set now.
func (s *Set) Bytes(b []byte) []byte { return s.Redactor().Bytes(b) }
