// SPDX-License-Identifier: MPL-2.0

// Package inventorycache caches what Hyper-V hosts contain, shares one request among many readers, and reserves the names
// and virtual machines that jobs work on.
package inventorycache

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// DefaultMaxAge is the default of [Options.MaxAge].
const DefaultMaxAge = 10 * time.Second

// defaultTimeout is the default of [Options.Timeout].
const defaultTimeout = 10 * time.Minute

// Options configures a [Cache]. Fetch is required.
type Options struct {
	// Fetch requests the inventory of a host, by the name passed to [Cache.AddHost]. ctx belongs to the request, not to one
	// reader: it ends after Timeout, and when the host is removed or the cache is closed. The cache owns the snapshot.
	Fetch func(ctx context.Context, host string) (*inventory.Snapshot, error)
	// FetchVMs requests virtual machines of a host by their GUIDs, like Fetch. It is required by [Cache.GetVM].
	FetchVMs func(ctx context.Context, host string, ids []string) (protocol.InventoryResult, error)
	// Run executes one fetch, for example in a worker pool. It returns the error of fetch, or its own error, which
	// fails the fetch. If it returns while fetch is still running, that request is cancelled. Defaults to calling fetch.
	Run func(ctx context.Context, host string, fetch func(context.Context) error) error

	MaxAge       time.Duration // maximum age of a snapshot that serves a reader; defaults to [DefaultMaxAge]
	RefreshEvery time.Duration // how often each host is asked without a reader; 0 disables this
	Timeout      time.Duration // limit of one request; defaults to 10 minutes

	// OnChange receives the changes of a host in order and one at a time, without a lock held. While it runs, later changes
	// of that host wait; readers do not.
	OnChange func(Change)
	Logger   *slog.Logger // defaults to discarding everything
}

// Cache holds the latest snapshot of any number of hosts. It is safe for concurrent use. It holds no lock during a request
// or a callback, and a slow host does not delay the others.
type Cache struct {
	opts Options

	mu     sync.Mutex
	hosts  map[string]*entry // by casefold.Key
	seq    uint64            // of the latest request
	closed bool
	asked  asked          // of all hosts
	work   sync.WaitGroup // goroutines of calls
}

// entry is the state of one host. Cache.mu guards it.
type entry struct {
	name    string
	removed bool

	snapshot  *inventory.Snapshot    // the latest
	validFrom uint64                 // earlier requests do not serve readers
	settled   uint64                 // the latest request with a known outcome
	failure   *inventory.HostFailure // of that request; nil when it succeeded

	sent    []*call     // requests sent to the host
	unsent  *call       // the next request; readers can join it until it is sent
	calls   int         // calls that have a goroutine
	refresh *time.Timer // of the next scheduled request; nil without RefreshEvery

	vms            map[string]vmAnswer // the latest answers by GUID, by key; those older than MaxAge are removed
	invalidated    map[string]uint64   // for single virtual machines what validFrom is for snapshots, by key
	vmsValidFrom   uint64              // the same for all of them
	batches        []*batch            // requests by GUID that were sent
	nextBatch      *batch              // the next one; readers can join it until it is sent
	runningBatches int                 // batches that have a goroutine
	previousBatch  previousBatch
	burst          burst
	partial        uint64 // answers that were not complete

	reservations []*reservation

	changes   []Change // not delivered yet
	notifying bool     // a goroutine is delivering them
}

// New returns a cache without hosts.
func New(opts Options) *Cache {
	if opts.Run == nil {
		opts.Run = func(ctx context.Context, _ string, fetch func(context.Context) error) error { return fetch(ctx) }
	}
	if opts.MaxAge <= 0 {
		opts.MaxAge = DefaultMaxAge
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Cache{opts: opts, hosts: map[string]*entry{}}
}

// Get returns a snapshot of a host that is not older than MaxAge or the last [Cache.Invalidate]. If there is none, it waits
// for a request, which it shares with other readers. When ctx ends, Get returns, and the request continues for the others.
func (c *Cache) Get(ctx context.Context, host string) (*inventory.Snapshot, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	e, err := c.find(host)
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	if fresh := c.fresh(e); fresh != nil {
		c.mu.Unlock()
		return fresh, nil
	}
	request := c.join(ctx, e)
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-request.done:
		return request.snapshot, request.err
	}
}

// Invalidate makes the next Get or GetVM send a request, even if one is in progress, whose answer may be out of date. It does
// nothing for an unknown host.
func (c *Cache) Invalidate(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.hosts[casefold.Key(host)]; e != nil {
		e.validFrom, e.vmsValidFrom, e.invalidated = c.seq+1, c.seq+1, nil
	}
}

// Close removes all hosts, cancels their requests, and waits for those to end, or for ctx.
func (c *Cache) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	for key, e := range c.hosts {
		delete(c.hosts, key)
		c.remove(e, cause.ErrClosed)
	}
	c.mu.Unlock()
	done := make(chan struct{})
	go func() { c.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("inventory requests are still running: %w", context.Cause(ctx))
	}
}

// fresh returns the snapshot of a host if it can serve a reader, or nil. c.mu must be held.
func (c *Cache) fresh(e *entry) *inventory.Snapshot {
	if e.snapshot == nil || e.snapshot.Seq < e.validFrom || time.Since(e.snapshot.TakenAt) >= c.opts.MaxAge {
		return nil
	}
	return e.snapshot
}
