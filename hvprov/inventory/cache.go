// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"context"
	"sync"
	"time"
)

// DefaultMaxAge is how old a snapshot may be that is served without asking the host again.
const DefaultMaxAge = 10 * time.Second

// fetchTimeout limits one request to a host, whoever waits for it.
const fetchTimeout = 2 * time.Minute

// Cache is a [Store] of one host, for those who have no more to do with it than to ask it.
type Cache struct {
	// Fetch asks the host. Its context is the request's own, not that of one reader.
	Fetch func(context.Context) (*Snapshot, error)
	// MaxAge is how old a snapshot may be. 0: [DefaultMaxAge].
	MaxAge time.Duration

	once  sync.Once
	store *Store
}

const theHost = "host"

// Get gives a snapshot, as [Store.Get] does.
func (c *Cache) Get(ctx context.Context) (*Snapshot, error) { return c.open().Get(ctx, theHost) }

// Invalidate makes the next Get ask the host, as [Store.Invalidate] does.
func (c *Cache) Invalidate() { c.open().Invalidate(theHost) }

func (c *Cache) open() *Store {
	c.once.Do(func() {
		c.store = New(Options{
			MaxAge: c.MaxAge,
			Fetch:  func(ctx context.Context, _ string) (*Snapshot, error) { return c.Fetch(ctx) },
		})
		_ = c.store.SetHosts([]string{theHost}) // one name is no two
	})
	return c.store
}
