// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// newCache returns a cache with hosts. It is closed when the test ends.
func newCache(t *testing.T, opts inventorycache.Options, hosts ...string) *inventorycache.Cache {
	t.Helper()
	c := inventorycache.New(opts)
	for _, host := range hosts {
		addHost(t, c, host)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

func addHost(t *testing.T, c *inventorycache.Cache, host string) {
	t.Helper()
	if err := c.AddHost(host); err != nil {
		t.Fatal(err)
	}
}

func removeHost(t *testing.T, c *inventorycache.Cache, host string) {
	t.Helper()
	if err := c.RemoveHost(host); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, c *inventorycache.Cache, host string) *inventory.Snapshot {
	t.Helper()
	snapshot, err := c.Get(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func cached(t *testing.T, c *inventorycache.Cache, host string) inventory.HostView {
	t.Helper()
	v, err := c.Cached(host)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fixedInventory returns a Fetch that always returns the same virtual machines.
func fixedInventory(vms ...job.VM) func(context.Context, string) (*inventory.Snapshot, error) {
	return func(context.Context, string) (*inventory.Snapshot, error) {
		return &inventory.Snapshot{VMs: vms}, nil
	}
}

// request is a call of Fetch that has not returned.
type request struct {
	ctx   context.Context
	host  string
	reply chan<- reply
}

type reply struct {
	vms []job.VM
	err error
}

func (r request) succeed(vms ...job.VM) { r.reply <- reply{vms: vms} }
func (r request) fail(err error)        { r.reply <- reply{err: err} }

// controlledFetch returns a Fetch whose requests the test answers, in any order. A request ends early with its context.
func controlledFetch() (fetch func(context.Context, string) (*inventory.Snapshot, error), requests <-chan request) {
	sent := make(chan request, 100)
	return func(ctx context.Context, host string) (*inventory.Snapshot, error) {
		replies := make(chan reply, 1)
		sent <- request{ctx, host, replies}
		select {
		case r := <-replies:
			return &inventory.Snapshot{VMs: r.vms}, r.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}, sent
}

// changeLog records the changes passed to OnChange, one line each.
type changeLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *changeLog) add(c inventorycache.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := []string{c.Host, string(c.Kind)}
	if c.VM != nil {
		line = append(line, c.VM.Name)
	}
	if c.After != "" {
		line = append(line, c.Before, c.After)
	}
	if c.Err != nil {
		line = append(line, c.Err.Error())
	}
	l.lines = append(l.lines, strings.Join(line, " "))
}

// drain returns the recorded lines and removes them.
func (l *changeLog) drain() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}
