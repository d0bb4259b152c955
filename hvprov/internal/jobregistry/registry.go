// SPDX-License-Identifier: MPL-2.0

// Package jobregistry holds the job records of a service in memory, writes every change to a [jobstore.Store], and allows only
// valid state transitions.
package jobregistry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// ErrTransition is returned for a state change that is not allowed.
var ErrTransition = errors.New("invalid state transition")

// Options configure a [Registry]. The zero value keeps records in memory.
type Options struct {
	Store jobstore.Store   // nil: a new [jobstore.Memory]
	Now   func() time.Time // nil: [time.Now]
	// KeepEnded is the number of finished jobs to keep; the oldest ones are evicted. 0: 10,000.
	KeepEnded int
	// OnTransition is called with each record whose state has changed. The calls for one job are in order. It must not block,
	// nor change the same job.
	OnTransition func(jobstore.Record)
	// BeforeRefresh is called before a record is read that another service has changed, and OnRefresh with the record. Nil: not called.
	BeforeRefresh func(ctx context.Context) error
	OnRefresh     func(jobstore.Record)
}

// Registry holds the records of a service's jobs. Its methods are safe for concurrent use.
type Registry struct {
	opts Options

	mu      sync.Mutex // never held during I/O
	entries map[string]*entry
	ended   []string // keys of finished jobs, oldest first
	counts  map[jobstore.State]int
}

// entry is one record. Changes of a record are written one after another; those of different records are written concurrently.
type entry struct {
	writer chan struct{}   // semaphore: full while a change is being written
	record jobstore.Record // protected by the registry's mutex
}

func newEntry(r jobstore.Record) *entry { return &entry{writer: make(chan struct{}, 1), record: r} }

// acquire waits until no other change of the record is being written.
func (e *entry) acquire(ctx context.Context) error {
	select {
	case e.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *entry) release() { <-e.writer }

// Key returns the form of a job ID for comparisons: the letter case of a GUID is not significant.
func Key(id string) string { return strings.ToLower(id) }

// Open returns a registry with the records of its store.
func Open(ctx context.Context, opts Options) (*Registry, error) {
	if opts.Store == nil {
		opts.Store = &jobstore.Memory{}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.KeepEnded <= 0 {
		opts.KeepEnded = 10_000
	}
	records, _, err := opts.Store.List(ctx, jobstore.Filter{}, jobstore.Page{})
	if err != nil {
		return nil, fmt.Errorf("read job records: %w", err)
	}
	g := &Registry{opts: opts, entries: map[string]*entry{}, counts: map[jobstore.State]int{}}
	slices.SortFunc(records, func(a, b jobstore.Record) int { return a.Ended.Compare(b.Ended) })
	for _, r := range records {
		if !r.State.Valid() {
			return nil, fmt.Errorf("record of job %s has an invalid state %q", r.ID, r.State)
		}
		g.insert(r)
	}
	return g, nil
}

// insert adds a record that the store has. The registry's mutex must be held, unless nothing else uses the registry yet.
func (g *Registry) insert(r jobstore.Record) {
	g.entries[Key(r.ID)] = newEntry(r)
	g.counts[r.State]++
	if r.State.Ended() {
		g.ended = append(g.ended, Key(r.ID))
	}
}

// Add adds a new job in state pending and returns its record. The error is [jobstore.ErrExists] if its ID is in use.
func (g *Registry) Add(ctx context.Context, r jobstore.Record) (jobstore.Record, error) {
	r = clone(r)
	r.Version, r.State, r.Submitted = 0, jobstore.Pending, g.opts.Now().UTC()
	e := newEntry(r)
	e.writer <- struct{}{} // empty: does not block
	defer e.release()
	g.mu.Lock()
	if g.entries[Key(r.ID)] != nil {
		g.mu.Unlock()
		return jobstore.Record{}, fmt.Errorf("job %s: %w", r.ID, jobstore.ErrExists)
	}
	g.entries[Key(r.ID)] = e
	g.counts[jobstore.Pending]++
	g.mu.Unlock()
	version, err := g.opts.Store.Put(ctx, r)
	if err != nil {
		g.mu.Lock()
		delete(g.entries, Key(r.ID))
		g.counts[jobstore.Pending]--
		g.mu.Unlock()
		switch {
		case errors.Is(err, jobstore.ErrConflict): // another service with the same store added it, and the caller asks for it next
			return jobstore.Record{}, errors.Join(fmt.Errorf("job %s: %w", r.ID, jobstore.ErrExists), g.refresh(ctx, r.ID, 1))
		case errors.Is(err, cause.ErrNameTaken), errors.Is(err, cause.ErrVMBusy): // by a job of another service
			return jobstore.Record{}, err
		}
		return jobstore.Record{}, saveError(r.ID, err)
	}
	r.Version = version
	g.update(ctx, e, r)
	g.notify(r)
	return clone(r), nil
}

func saveError(id string, err error) error { return fmt.Errorf("save record of job %s: %w", id, err) }

// Transition changes the state of a job and returns its record. change, which may be nil, sets other fields. The error is
// [ErrTransition] if the state cannot follow the current one. If the store fails, the job keeps its state.
func (g *Registry) Transition(ctx context.Context, id string, to jobstore.State, change func(*jobstore.Record)) (jobstore.Record, error) {
	return g.save(ctx, id, func(r *jobstore.Record) error { return g.transition(r, to, change) })
}

func (g *Registry) transition(r *jobstore.Record, to jobstore.State, change func(*jobstore.Record)) error {
	if !slices.Contains(transitions[r.State], to) {
		return fmt.Errorf("job %s: %w: %s to %s", r.ID, ErrTransition, r.State, to)
	}
	now := g.opts.Now().UTC()
	switch {
	case to == jobstore.Queued:
		r.Queued = now
	case to == jobstore.Running && r.Started.IsZero():
		r.Started = now
	case to.Ended():
		r.Ended, r.EncryptedValues = now, nil
	}
	if change != nil {
		change(r)
	}
	r.State = to
	return nil
}

// TransitionWaiting is [Registry.Transition] for a job that has not started. The error is [ErrTransition] if it has.
func (g *Registry) TransitionWaiting(ctx context.Context, id string, to jobstore.State, change func(*jobstore.Record)) (jobstore.Record, error) {
	return g.save(ctx, id, func(r *jobstore.Record) error {
		if !r.Started.IsZero() {
			return fmt.Errorf("job %s: %w: it has started", id, ErrTransition)
		}
		return g.transition(r, to, change)
	})
}

// Update changes the fields of a record other than its state.
func (g *Registry) Update(ctx context.Context, id string, change func(*jobstore.Record)) error {
	_, err := g.save(ctx, id, func(r *jobstore.Record) error {
		state := r.State
		change(r)
		r.State = state
		return nil
	})
	return err
}

// save applies a change to a record and stores it. When another writer has changed the stored record, save repeats the change on
// the new one.
func (g *Registry) save(ctx context.Context, id string, change func(*jobstore.Record) error) (jobstore.Record, error) {
	e, err := g.find(id)
	if err != nil {
		return jobstore.Record{}, err
	}
	if err := e.acquire(ctx); err != nil {
		return jobstore.Record{}, saveError(id, err)
	}
	defer e.release()
	r := g.read(e)
	for {
		before := r.State
		if err := change(&r); err != nil {
			return jobstore.Record{}, err
		}
		version, err := g.opts.Store.Put(ctx, r)
		if err == nil {
			r.Version = version
			g.update(ctx, e, r)
			if r.State != before {
				g.notify(r)
			}
			return clone(r), nil
		}
		if !errors.Is(err, jobstore.ErrConflict) {
			return jobstore.Record{}, saveError(id, err)
		}
		if r, err = g.opts.Store.Get(ctx, id); err != nil {
			return jobstore.Record{}, saveError(id, err)
		}
		g.update(ctx, e, r)
		if r.State != before {
			g.notify(r)
		}
	}
}

func (g *Registry) find(id string) (*entry, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e, ok := g.entries[Key(id)]
	if !ok {
		return nil, fmt.Errorf("job %s: %w", id, jobstore.ErrNotFound)
	}
	return e, nil
}

func (g *Registry) read(e *entry) jobstore.Record {
	g.mu.Lock()
	defer g.mu.Unlock()
	return clone(e.record)
}

// update replaces the record in memory and evicts the oldest finished jobs.
func (g *Registry) update(ctx context.Context, e *entry, r jobstore.Record) {
	for _, id := range g.replace(e, r) {
		_ = g.opts.Store.Delete(ctx, id) // if this fails, the record is evicted after the next start
	}
}

// replace replaces the record in memory and returns the IDs of evicted records.
func (g *Registry) replace(e *entry, r jobstore.Record) (evicted []string) {
	id := Key(r.ID)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.entries[id] != e { // evicted meanwhile
		return nil
	}
	before := e.record.State
	g.counts[before]--
	g.counts[r.State]++
	e.record = clone(r)
	switch {
	case before.Ended() && !r.State.Ended():
		g.ended = slices.DeleteFunc(g.ended, func(other string) bool { return other == id })
	case !before.Ended() && r.State.Ended():
		g.ended = append(g.ended, id)
	}
	for len(g.ended) > g.opts.KeepEnded {
		oldest := g.entries[g.ended[0]].record
		g.counts[oldest.State]--
		delete(g.entries, g.ended[0])
		g.ended = g.ended[1:]
		evicted = append(evicted, oldest.ID)
	}
	return evicted
}

func (g *Registry) notify(r jobstore.Record) {
	if g.opts.OnTransition != nil {
		g.opts.OnTransition(clone(r))
	}
}

// Get returns the record of a job, or [jobstore.ErrNotFound].
func (g *Registry) Get(id string) (jobstore.Record, error) {
	e, err := g.find(id)
	if err != nil {
		return jobstore.Record{}, err
	}
	return g.read(e), nil
}

// List returns one page of the records that match the filter, as [jobstore.Store.List] does.
func (g *Registry) List(f jobstore.Filter, p jobstore.Page) (records []jobstore.Record, next string, err error) {
	g.mu.Lock()
	for _, e := range g.entries {
		if f.Match(&e.record) {
			records = append(records, clone(e.record))
		}
	}
	g.mu.Unlock()
	return p.Apply(records)
}

// All returns the records that match the filter, in the order of submission.
func (g *Registry) All(f jobstore.Filter) []jobstore.Record {
	records, _, _ := g.List(f, jobstore.Page{}) // fails only for an invalid cursor
	return records
}

// Counts returns the number of jobs in each state.
func (g *Registry) Counts() map[jobstore.State]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	counts := map[jobstore.State]int{}
	for _, s := range jobstore.States() {
		counts[s] = g.counts[s]
	}
	return counts
}

// Close closes the store. The registry must not be changed after it.
func (g *Registry) Close() error { return g.opts.Store.Close() }
