// SPDX-License-Identifier: MPL-2.0

package jobregistry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Watch follows what other services change in the store, until ctx ends or the store fails. It returns nil at once if the store belongs to
// one service.
func (g *Registry) Watch(ctx context.Context) error {
	store, shared := g.opts.Store.(jobstore.Watcher)
	if !shared {
		return nil
	}
	return store.Watch(ctx, func(id string, version int64) error {
		if r, err := g.Get(id); g.opts.BeforeRefresh != nil && (err != nil || r.Version < version) {
			if err := g.opts.BeforeRefresh(ctx); err != nil {
				return err
			}
		}
		return g.refresh(ctx, id, version)
	})
}

// Reload reads a record from the store, where another service may have changed it a moment ago.
func (g *Registry) Reload(ctx context.Context, id string) (jobstore.Record, error) {
	if err := g.refresh(ctx, id, math.MaxInt64); err != nil {
		return jobstore.Record{}, err
	}
	return g.Get(id)
}

// refresh reads a record again of which the registry has an older version, or none.
func (g *Registry) refresh(ctx context.Context, id string, version int64) error {
	if version == 0 {
		g.forget(id)
		return nil
	}
	for {
		e, err := g.find(id)
		if err != nil {
			e = nil
		} else if err := e.acquire(ctx); err != nil { // a change of this service is being written: it may be the reported one
			return err
		}
		done, err := g.reread(ctx, id, e, version)
		if e != nil {
			e.release()
		}
		if done || err != nil {
			return err
		}
	}
}

// reread reads a record for its entry, which the caller has acquired, or for a new one if it is nil. It is not done if another entry of the
// record was added or removed meanwhile.
func (g *Registry) reread(ctx context.Context, id string, e *entry, version int64) (done bool, err error) {
	if e != nil && g.read(e).Version >= version {
		return true, nil
	}
	r, err := g.opts.Store.Get(ctx, id)
	switch {
	case errors.Is(err, jobstore.ErrNotFound):
		g.forget(id)
		return true, nil
	case err != nil:
		return false, fmt.Errorf("read record of job %s: %w", id, err)
	case !r.State.Valid():
		return false, fmt.Errorf("record of job %s has an invalid state %q", r.ID, r.State)
	}
	g.mu.Lock()
	current := g.entries[Key(id)]
	if current == nil && e == nil {
		g.insert(r)
	}
	g.mu.Unlock()
	if current != e {
		return false, nil
	}
	var before jobstore.State
	if e != nil {
		before = g.read(e).State
		g.update(ctx, e, r)
	}
	if r.State != before {
		g.notify(r)
	}
	if g.opts.OnRefresh != nil {
		g.opts.OnRefresh(clone(r))
	}
	return true, nil
}

// forget removes a record that is not in the store any more.
func (g *Registry) forget(id string) {
	key := Key(id)
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.entries[key]
	if e == nil {
		return
	}
	g.counts[e.record.State]--
	g.ended = slices.DeleteFunc(g.ended, func(other string) bool { return other == key })
	delete(g.entries, key)
}
