// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// DefaultMaxAge is how old a snapshot may be that is served without asking the host again.
const DefaultMaxAge = 10 * time.Second

// fetchTimeout limits one request to a host, whoever waits for it.
const fetchTimeout = 2 * time.Minute

// Options say what a [Store] works with. Fetch is required.
type Options struct {
	// Fetch asks a host, by its name as [Store.SetHosts] was given it. ctx is the request's own, not that of one reader: it
	// ends after Timeout, and when the host is removed or the store closed. The snapshot is the store's from then on.
	Fetch func(ctx context.Context, host string) (*Snapshot, error)
	// Run runs one fetch, for example in a pool, when there is a place for it. Nil: at once. An error of its own is an error
	// of the fetch; one that it returns while fetch still runs gives up waiting for that.
	Run func(ctx context.Context, host string, fetch func(context.Context) error) error

	// MaxAge is how old a snapshot may be that serves a reader. 0: [DefaultMaxAge].
	MaxAge time.Duration
	// RefreshEvery is how often each host is asked without a reader. Hosts take turns within that time. 0: never.
	RefreshEvery time.Duration
	// Timeout limits one request to a host, whoever waits for it. 0: two minutes.
	Timeout time.Duration

	// OnChange is told what became different, for one host in order and one at a time. It has to return soon: the host's
	// later changes wait for it, though no reader does.
	OnChange func(Change)
	Logger   *slog.Logger // nil: nothing is logged
}

// Store is what any number of hosts hold. Its methods may be called from many goroutines, and no host's trouble delays
// another's answers. None of its locks is held while a host is asked.
type Store struct {
	opts Options

	mu     sync.Mutex
	hosts  map[string]*entry // by folded name
	seq    uint64            // of the last request
	rounds rounds
	closed bool
	work   sync.WaitGroup // flights
}

// entry is what a store has of one host. The store's lock guards it.
type entry struct {
	name string
	gone bool // removed: nothing is to be kept any more

	snapshot  *Snapshot // the newest
	validFrom uint64    // requests before this one do not count for readers
	settled   uint64    // the newest request whose outcome is known
	trouble   *Trouble  // why that failed; nil when it did not

	running  []*flight // requests that the host was asked
	waiting  *flight   // one that it was not asked yet, so that every reader can join it
	launched int       // flights that have a goroutine

	reserved []*reserved

	changes []Change // to be told
	telling bool     // somebody does so
}

// New gives a store without hosts.
func New(opts Options) *Store {
	if opts.Run == nil {
		opts.Run = func(ctx context.Context, _ string, fetch func(context.Context) error) error { return fetch(ctx) }
	}
	if opts.MaxAge <= 0 {
		opts.MaxAge = DefaultMaxAge
	}
	if opts.Timeout <= 0 {
		opts.Timeout = fetchTimeout
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Store{opts: opts, hosts: map[string]*entry{}}
}

// SetHosts says which hosts there are. Names are compared without letter case. A host that is not among them any more goes
// with its snapshot, its reservations and its requests; one that stays keeps all of them.
func (s *Store) SetHosts(names []string) error {
	wanted := map[string]string{}
	for _, name := range names {
		key := fold(name)
		if other, taken := wanted[key]; taken {
			return fmt.Errorf("hosts %q and %q have the same name: names of hosts are compared without letter case", other, name)
		}
		if strings.TrimSpace(name) == "" {
			return errors.New("a host has no name")
		}
		wanted[key] = name
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	var removed []*entry
	for key, e := range s.hosts {
		if name, stays := wanted[key]; stays {
			e.name = name
			continue
		}
		delete(s.hosts, key)
		s.remove(e, &HostUnknownError{Host: e.name})
		e.change(Change{Kind: HostRemoved, Time: time.Now()})
		removed = append(removed, e)
	}
	for key, name := range wanted {
		if s.hosts[key] == nil {
			s.hosts[key] = &entry{name: name}
		}
	}
	s.arrange(time.Now())
	s.mu.Unlock()
	for _, e := range removed {
		s.tell(e)
	}
	return nil
}

// Get gives what a host holds: a snapshot that is no older than MaxAge and than the last Invalidate, or else the answer to a
// request, which readers that come meanwhile share. When ctx ends, the request goes on for others.
func (s *Store) Get(ctx context.Context, host string) (*Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	e, err := s.find(host)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	if fresh := s.fresh(e); fresh != nil {
		s.mu.Unlock()
		return fresh, nil
	}
	f := s.join(ctx, e)
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-f.done:
		return f.snapshot, f.err
	}
}

// Invalidate makes the next Get ask the host, also when a request is under way: its answer may be from before. A host that
// is not known is no error.
func (s *Store) Invalidate(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.hosts[fold(host)]; e != nil {
		e.validFrom = s.seq + 1
	}
}

// Close ends all requests, and returns when they have ended, or with ctx.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for key, e := range s.hosts {
		delete(s.hosts, key)
		s.remove(e, ErrClosed)
	}
	s.arrange(time.Now())
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("requests for an inventory had not ended: %w", context.Cause(ctx))
	}
}

// remove forgets a host, with why. s.mu is held.
func (s *Store) remove(e *entry, why error) {
	e.gone, e.reserved = true, nil
	for _, f := range append(slices.Clone(e.running), e.waiting) {
		if f != nil {
			f.cancel(why)
			s.finish(e, f, why)
		}
	}
}

// find gives a host. s.mu is held.
func (s *Store) find(host string) (*entry, error) {
	if s.closed {
		return nil, ErrClosed
	}
	if e := s.hosts[fold(host)]; e != nil {
		return e, nil
	}
	return nil, &HostUnknownError{Host: host}
}

// fresh gives the snapshot of a host that still serves readers, or nil. s.mu is held.
func (s *Store) fresh(e *entry) *Snapshot {
	if e.snapshot == nil || e.snapshot.Seq < e.validFrom || time.Since(e.snapshot.Taken) >= s.opts.MaxAge {
		return nil
	}
	return e.snapshot
}

// fold gives the same text for all that [strings.EqualFold] takes to be the same: Hyper-V and Windows compare names so.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}
