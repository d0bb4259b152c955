// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"time"
)

// rounds have each host asked once in RefreshEvery. The hosts' turns are spread evenly over that time, in the order of a hash
// of their names, so that neighbours, which often share a network and a cluster, are not asked one after the other. The
// store's lock guards it.
type rounds struct {
	order []*entry
	next  int       // whose turn comes next
	began time.Time // when the round that it belongs to began
	timer *time.Timer
	zero  time.Time // when the first round began
}

// arrange gives the hosts that there are now their turns. s.mu is held.
func (s *Store) arrange(now time.Time) {
	if s.opts.RefreshEvery <= 0 {
		return
	}
	r := &s.rounds
	if r.timer != nil {
		r.timer.Stop()
	}
	s.take(now) // a turn that the timer is late for is not lost
	r.order = r.order[:0]
	sums := map[*entry][sha256.Size]byte{}
	for key, e := range s.hosts {
		r.order = append(r.order, e)
		sums[e] = sha256.Sum256([]byte(key))
	}
	slices.SortFunc(r.order, func(a, b *entry) int {
		x, y := sums[a], sums[b]
		return bytes.Compare(x[:], y[:])
	})
	if r.zero.IsZero() {
		r.zero = now
	}
	s.align(now)
	s.wind(now)
}

// align finds the first turn that is not over. s.mu is held.
func (s *Store) align(now time.Time) {
	r := &s.rounds
	every := s.opts.RefreshEvery
	r.began = now.Add(-(now.Sub(r.zero) % every))
	for r.next = 0; r.next < len(r.order) && s.turn().Before(now); r.next++ {
	}
	if r.next == len(r.order) {
		r.next, r.began = 0, r.began.Add(every)
	}
}

// turn tells when the next turn is. s.mu is held.
func (s *Store) turn() time.Time {
	r := &s.rounds
	return r.began.Add(s.opts.RefreshEvery * time.Duration(r.next) / time.Duration(len(r.order)))
}

// wind sets the timer for the next turn. s.mu is held.
func (s *Store) wind(now time.Time) {
	r := &s.rounds
	if len(r.order) == 0 {
		return
	}
	wait := s.turn().Sub(now)
	if r.timer == nil {
		r.timer = time.AfterFunc(wait, s.refresh)
	} else {
		r.timer.Reset(wait)
	}
}

// refresh is what the timer does.
func (s *Store) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.take(now)
	if len(s.rounds.order) > 0 && !s.turn().After(now) { // the clock leapt by more than a round
		s.align(now)
	}
	s.wind(now)
}

// take has the hosts asked whose turn has come. It waits for none of them; one that is being asked still, or has answered a
// reader a moment ago, is left alone. s.mu is held.
func (s *Store) take(now time.Time) {
	r := &s.rounds
	for range len(r.order) {
		if s.turn().After(now) {
			return
		}
		if e := r.order[r.next]; !e.gone && s.fresh(e) == nil {
			s.join(context.Background(), e)
		}
		if r.next++; r.next == len(r.order) {
			r.next, r.began = 0, r.began.Add(s.opts.RefreshEvery)
		}
	}
}
