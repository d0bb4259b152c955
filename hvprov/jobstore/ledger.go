// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrExists is returned for a job whose id there is already.
var ErrExists = errors.New("a job of this id exists already")

// Options say how a [Ledger] works. The zero value keeps records in memory.
type Options struct {
	Store Store            // nil: a [Memory]
	Now   func() time.Time // nil: [time.Now]
	// KeepEnded is how many jobs that have ended are kept; the oldest go first. 0: ten thousand.
	KeepEnded int
	// OnChange is told each record that came to another state, those of one job in order. It must not change the job, nor block.
	OnChange func(Record)
}

// Ledger holds the records of a service's jobs. Its methods may be called from many goroutines.
type Ledger struct {
	opts Options

	mu      sync.Mutex
	entries map[string]*entry // by lower-case id
	ended   []string          // ids of those that have ended, the oldest first
	counts  map[State]int
}

// entry is one record. Its changes are kept one after the other, while those of others go on: a store may take its time.
type entry struct {
	change sync.Mutex // held from before a change is kept until it is known
	record Record     // under the ledger's mutex
}

// Open gives a ledger with the records of its store.
func Open(ctx context.Context, opts Options) (*Ledger, error) {
	if opts.Store == nil {
		opts.Store = &Memory{}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.KeepEnded <= 0 {
		opts.KeepEnded = 10_000
	}
	records, err := opts.Store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("the records of jobs cannot be read: %w", err)
	}
	l := &Ledger{opts: opts, entries: map[string]*entry{}, counts: map[State]int{}}
	slices.SortFunc(records, func(a, b Record) int { return a.Ended.Compare(b.Ended) })
	for _, r := range records {
		if !r.State.Valid() {
			return nil, fmt.Errorf("the record of job %s has the state %q, which there is not", r.ID, r.State)
		}
		l.entries[key(r.ID)] = &entry{record: r}
		l.counts[r.State]++
		if r.State.Ended() {
			l.ended = append(l.ended, key(r.ID))
		}
	}
	return l, nil
}

// key is how ids are compared: GUIDs have no letter case.
func key(id string) string { return strings.ToLower(id) }

// Add takes a new job on, as pending. Its id must be new: else it is [ErrExists].
func (l *Ledger) Add(ctx context.Context, r Record) (Record, error) {
	r = r.Clone()
	r.State, r.Submitted = Pending, l.opts.Now().UTC()
	e := &entry{record: r}
	e.change.Lock()
	defer e.change.Unlock()
	l.mu.Lock()
	if l.entries[key(r.ID)] != nil {
		l.mu.Unlock()
		return Record{}, fmt.Errorf("job %s: %w", r.ID, ErrExists)
	}
	l.entries[key(r.ID)] = e
	l.counts[Pending]++
	l.mu.Unlock()
	if err := l.opts.Store.Put(ctx, r); err != nil {
		l.mu.Lock()
		delete(l.entries, key(r.ID))
		l.counts[Pending]--
		l.mu.Unlock()
		return Record{}, notKept(r.ID, err)
	}
	l.tell(r)
	return r.Clone(), nil
}

func notKept(id string, err error) error {
	return fmt.Errorf("the record of job %s cannot be kept: %w", id, err)
}

// find gives the entry of a job.
func (l *Ledger) find(id string) (*entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.entries[key(id)]
	if !ok {
		return nil, fmt.Errorf("job %s: %w", id, ErrNotFound)
	}
	return e, nil
}

// Move brings a job to another state, which has to be one that may follow, else it is [ErrTransition]. change, which may be
// nil, sets what goes with it. What the store does not keep did not happen.
func (l *Ledger) Move(ctx context.Context, id string, to State, change func(*Record)) (Record, error) {
	e, err := l.find(id)
	if err != nil {
		return Record{}, err
	}
	e.change.Lock()
	defer e.change.Unlock()
	r := l.read(e)
	before := r.State
	if err := before.to(to); err != nil {
		return Record{}, fmt.Errorf("job %s: %w", id, err)
	}
	now := l.opts.Now().UTC()
	switch {
	case to == Queued:
		r.Queued = now
	case to == Running && r.Started.IsZero():
		r.Started = now
	case to.Ended():
		r.Ended, r.Sealed = now, nil
	}
	if change != nil {
		change(&r)
	}
	r.State = to
	if err := l.opts.Store.Put(ctx, r); err != nil {
		return Record{}, notKept(id, err)
	}
	l.write(ctx, e, before, r)
	l.tell(r)
	return r.Clone(), nil
}

// Update changes a record and leaves its state. Unless keep is set, only memory has it until the next change is kept.
func (l *Ledger) Update(ctx context.Context, id string, keep bool, change func(*Record)) error {
	e, err := l.find(id)
	if err != nil {
		return err
	}
	e.change.Lock()
	defer e.change.Unlock()
	r := l.read(e)
	before := r.State
	change(&r)
	r.State = before
	if keep {
		if err := l.opts.Store.Put(ctx, r); err != nil {
			return notKept(id, err)
		}
	}
	l.write(ctx, e, before, r)
	return nil
}

func (l *Ledger) read(e *entry) Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return e.record.Clone()
}

// write has a record be known, and lets go of the oldest that have ended.
func (l *Ledger) write(ctx context.Context, e *entry, before State, r Record) {
	id := key(r.ID)
	l.mu.Lock()
	if l.entries[id] != e { // let go of meanwhile
		l.mu.Unlock()
		return
	}
	l.counts[before]--
	l.counts[r.State]++
	e.record = r.Clone()
	switch {
	case before.Ended() && !r.State.Ended():
		l.ended = slices.DeleteFunc(l.ended, func(other string) bool { return other == id })
	case !before.Ended() && r.State.Ended():
		l.ended = append(l.ended, id)
	}
	var old []string
	for len(l.ended) > l.opts.KeepEnded {
		old = append(old, l.entries[l.ended[0]].record.ID)
		l.counts[l.entries[l.ended[0]].record.State]--
		delete(l.entries, l.ended[0])
		l.ended = l.ended[1:]
	}
	l.mu.Unlock()
	for _, id := range old {
		_ = l.opts.Store.Delete(ctx, id) // one that stays is let go of after the next start
	}
}

func (l *Ledger) tell(r Record) {
	if l.opts.OnChange != nil {
		l.opts.OnChange(r.Clone())
	}
}

// Get gives a job's record. One that is not there is [ErrNotFound].
func (l *Ledger) Get(id string) (Record, error) {
	e, err := l.find(id)
	if err != nil {
		return Record{}, err
	}
	return l.read(e), nil
}

// Filter chooses records. The zero value chooses all.
type Filter struct {
	Host   string  // without letter case; empty: every host
	States []State // none: every state
}

// List gives the records that a filter chooses, in the order in which they were submitted.
func (l *Ledger) List(f Filter) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var chosen []Record
	for _, e := range l.entries {
		r := &e.record
		if (f.Host == "" || strings.EqualFold(r.Host, f.Host)) && (len(f.States) == 0 || slices.Contains(f.States, r.State)) {
			chosen = append(chosen, r.Clone())
		}
	}
	slices.SortFunc(chosen, func(a, b Record) int {
		return cmp.Or(a.Submitted.Compare(b.Submitted), cmp.Compare(a.ID, b.ID))
	})
	return chosen
}

// Close closes the store. Nothing is changed after it.
func (l *Ledger) Close() error { return l.opts.Store.Close() }

// Counts gives how many jobs are in each state.
func (l *Ledger) Counts() map[State]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[State]int{}
	for _, s := range States() {
		counts[s] = l.counts[s]
	}
	return counts
}
