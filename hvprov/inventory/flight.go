// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"context"
	"errors"
	"slices"
	"time"
)

// maxFlights is how many requests one host has at once: one that is out of date already, which may hang, and one whose answer
// counts. Readers that need one more wait, and share it.
const maxFlights = 2

// flight is one request, from the first reader who wants it.
type flight struct {
	ctx      context.Context // the values of the first reader's
	cancel   context.CancelCauseFunc
	launched bool
	seq      uint64 // 0: the host was not asked yet
	asked    time.Time

	ended    bool
	done     chan struct{} // closed when it has ended; what follows does not change then
	snapshot *Snapshot
	err      error
}

// join gives the flight whose answer a reader that comes now can have. s.mu is held.
func (s *Store) join(ctx context.Context, e *entry) *flight {
	for _, f := range e.running {
		if f.seq >= e.validFrom {
			return f
		}
	}
	if e.waiting == nil {
		f := &flight{done: make(chan struct{})}
		f.ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		e.waiting = f
		s.launch(e)
	}
	return e.waiting
}

// launch starts the flight that waits, if it may. s.mu is held.
func (s *Store) launch(e *entry) {
	f := e.waiting
	if f == nil || f.launched || e.gone || e.launched >= maxFlights {
		return
	}
	f.launched = true
	e.launched++
	name := e.name
	s.work.Go(func() { s.fly(e, f, name) })
}

// fly has a flight made where there is a place for it.
func (s *Store) fly(e *entry, f *flight, name string) {
	defer f.cancel(nil)
	err := s.opts.Run(f.ctx, name, func(ctx context.Context) error { return s.ask(ctx, e, f, name) })
	if err == nil {
		err = errors.New("the request for an inventory was not made")
	}
	s.land(e, f, nil, err) // for nothing, when it has landed
}

// ask asks the host. It is then that the request gets its number: all that happens later may be missing in the answer.
func (s *Store) ask(ctx context.Context, e *entry, f *flight, name string) error {
	s.mu.Lock()
	if f.ended || f.seq > 0 {
		s.mu.Unlock()
		return context.Canceled // given up meanwhile
	}
	s.seq++
	f.seq, f.asked = s.seq, time.Now()
	e.waiting = nil
	e.running = append(e.running, f)
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	snapshot, err := s.opts.Fetch(ctx, name)
	if err == nil && snapshot == nil {
		err = errors.New("the host's inventory is missing")
	}
	if err == nil {
		snapshot = compact(snapshot)
		snapshot.Seq, snapshot.Taken = f.seq, f.asked
	}
	s.land(e, f, snapshot, err)
	return err
}

// land takes the outcome of a flight. An answer that comes when the flight was given up is still news of the host.
func (s *Store) land(e *entry, f *flight, snapshot *Snapshot, err error) {
	s.mu.Lock()
	if f.seq > 0 && !e.gone && (!f.ended || err == nil) {
		s.note(e, f, snapshot, err)
	}
	s.finish(e, f, err)
	s.mu.Unlock()
	s.tell(e)
}

// note keeps what a flight brought, unless there is newer. s.mu is held.
func (s *Store) note(e *entry, f *flight, snapshot *Snapshot, err error) {
	now := time.Now()
	first := e.snapshot == nil
	if err == nil && (first || f.seq > e.snapshot.Seq) {
		if !first {
			e.compare(e.snapshot, snapshot, now)
		}
		e.snapshot = snapshot
	}
	if f.seq < e.settled {
		return
	}
	before := e.trouble
	unknown := e.settled == 0
	e.settled = f.seq
	switch {
	case err != nil && before == nil:
		e.trouble = &Trouble{Since: now, Err: err, Failures: 1}
		e.change(Change{Kind: HostDisconnected, Time: now, Seq: f.seq, Err: err})
		s.opts.Logger.Warn("the host's inventory cannot be had", "host", e.name, "error", err)
	case err != nil:
		e.trouble = &Trouble{Since: before.Since, Err: err, Failures: before.Failures + 1}
	case before != nil || unknown:
		e.trouble = nil
		e.change(Change{Kind: HostConnected, Time: now, Seq: f.seq})
		s.opts.Logger.Info("the host's inventory is known", "host", e.name, "vms", len(snapshot.VMs))
	}
}

// finish gives a flight's readers what there is, once. s.mu is held.
func (s *Store) finish(e *entry, f *flight, err error) {
	if f.ended {
		return
	}
	f.ended = true
	f.err = err
	if !e.gone && e.snapshot != nil && f.seq > 0 && e.snapshot.Seq >= f.seq { // its own answer, or one that was asked for later
		f.snapshot, f.err = e.snapshot, nil
	}
	if f.launched {
		e.launched--
	}
	e.running = slices.DeleteFunc(e.running, func(other *flight) bool { return other == f })
	if e.waiting == f {
		e.waiting = nil
	}
	close(f.done)
	s.launch(e)
}
