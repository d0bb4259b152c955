// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// A host that is asked for many virtual machines by GUID in a short time is asked once for all of them, if that is cheap: the host must
// have needed less than cheapVM to read a virtual machine. With 300 virtual machines that is 15 seconds. On hosts that need longer,
// virtual machines that were not asked for cost more than further requests. While many virtual machines of several hosts are asked for, as
// by a plan of Terraform for all of them, a few of one host suffice.
const (
	manyVMs  = 10
	fewVMs   = 2
	shortly  = 30 * time.Second
	cheapVM  = 50 * time.Millisecond
	keepByID = 5 * time.Minute // after a request for all virtual machines has failed
)

// maxInvalidated limits the number of virtual machines that are invalidated one by one.
const maxInvalidated = 1000

// VM is what a host answered when it was asked for a virtual machine.
type VM struct {
	VM        *job.VM             // nil if the host does not have it; must not be modified
	Host      string              // computer name that the host reports
	Elsewhere *protocol.Elsewhere // where it may be in the cluster of the host; nil if it is on the host or nothing is known
	Partial   []string            // what could not be read: see [inventory.Snapshot.Partial]
}

// errAskAll is the error of a batch that was not sent, because all virtual machines are to be asked for.
var errAskAll = errors.New("all virtual machines are to be asked for")

// vmAnswer is the latest answer for one virtual machine.
type vmAnswer struct {
	VM

	seq uint64
	at  time.Time // when the request was sent
}

// asked counts virtual machines that are asked for in a short time.
type asked struct {
	since time.Time
	keys  map[string]bool
}

// add counts one more virtual machine. It reports whether it is the first one in a short time.
func (a *asked) add(key string, now time.Time) bool {
	first := now.Sub(a.since) > shortly
	if first {
		a.since, a.keys = now, map[string]bool{}
	}
	a.keys[key] = true
	return first
}

// burst is what a host is asked for by GUID.
type burst struct {
	asked
	each   time.Duration // the least time in which the host read one lately, measured there; 0 before the first answer
	byIDTo time.Time     // until then all virtual machines are not asked for
}

// GetVM returns a virtual machine of a host by its GUID, not older than MaxAge or the last [Cache.InvalidateVM] of it. If a snapshot
// has it, the host is not asked. Otherwise the host is asked for this virtual machine only, and for those that other readers are
// waiting for. When ctx ends, GetVM returns; the request is cancelled if no other reader waits for it.
func (c *Cache) GetVM(ctx context.Context, host, id string) (VM, error) {
	key := casefold.Key(id)
	for byID := false; ctx.Err() == nil; {
		c.mu.Lock()
		e, err := c.find(host)
		if err != nil {
			c.mu.Unlock()
			return VM{}, err
		}
		if vm, ok := c.freshVM(e, key); ok {
			c.mu.Unlock()
			return vm, nil
		}
		now := time.Now()
		c.asked.add(key, now)
		if e.burst.add(key, now) {
			e.burst.each = 0
		}
		if !byID && c.prefersAll(e, now) {
			all := c.join(ctx, e)
			c.mu.Unlock()
			if vm, ok, err := c.waitAll(ctx, e, all, id); ok || err != nil {
				return vm, err
			}
			byID = true
			continue
		}
		b := c.joinBatch(ctx, e, id, byID)
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			c.mu.Lock()
			c.leaveBatch(e, b, context.Cause(ctx))
			c.mu.Unlock()
		case <-b.done:
			if !errors.Is(b.err, errAskAll) {
				return b.answers[key], b.err
			}
		}
	}
	return VM{}, context.Cause(ctx)
}

// waitAll waits for a request for all virtual machines. It reports false if that one failed or does not have the virtual machine: then
// the host is to be asked for it by its GUID, because only that finds it in a cluster.
func (c *Cache) waitAll(ctx context.Context, e *entry, all *call, id string) (vm VM, ok bool, err error) {
	select {
	case <-ctx.Done():
		return VM{}, false, context.Cause(ctx)
	case <-all.done:
	}
	if all.err != nil {
		c.mu.Lock()
		e.burst.byIDTo = time.Now().Add(keepByID)
		c.mu.Unlock()
		return VM{}, false, nil //nolint:nilerr // the next request, by GUID, reports its own error
	}
	found, ok := all.snapshot.ByID(id)
	return VM{VM: found, Host: all.snapshot.Host, Partial: all.snapshot.Partial}, ok, nil
}

// InvalidateVM makes the next GetVM of a virtual machine and the next Get of its host send a request, as [Cache.Invalidate] does. Reads
// of other virtual machines are not affected. With an empty id, only Get is.
func (c *Cache) InvalidateVM(host, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.hosts[casefold.Key(host)]
	if e == nil {
		return
	}
	e.validFrom = c.seq + 1
	if id == "" {
		return
	}
	if len(e.invalidated) >= maxInvalidated {
		e.vmsValidFrom, e.invalidated = c.seq+1, nil
		return
	}
	if e.invalidated == nil {
		e.invalidated = map[string]uint64{}
	}
	e.invalidated[casefold.Key(id)] = c.seq + 1
}

// vmValidFrom returns the number of the earliest request that serves readers of a virtual machine. Cache.mu must be held.
func (e *entry) vmValidFrom(key string) uint64 { return max(e.vmsValidFrom, e.invalidated[key]) }

// freshVM returns a virtual machine from the latest answer that has it, if that can serve a reader. c.mu must be held.
func (c *Cache) freshVM(e *entry, key string) (VM, bool) {
	latest := e.vms[key]
	if s := e.snapshot; s != nil && s.Seq > latest.seq {
		vm, _ := s.ByID(key)
		latest = vmAnswer{VM: VM{VM: vm, Host: s.Host, Partial: s.Partial}, seq: s.Seq, at: s.TakenAt}
	}
	ok := latest.VM.VM != nil && latest.seq >= e.vmValidFrom(key) && time.Since(latest.at) < c.opts.MaxAge
	return latest.VM, ok
}

// recordVMs stores the answers of a batch, unless those of a later one are known, and measures what a virtual machine costs. Cache.mu
// must be held.
func (e *entry) recordVMs(b *batch, result *protocol.InventoryResult, maxAge time.Duration) {
	now := time.Now()
	for key, old := range e.vms {
		if now.Sub(old.at) >= maxAge {
			delete(e.vms, key)
		}
	}
	if e.vms == nil {
		e.vms = map[string]vmAnswer{}
	}
	for key, vm := range b.answers {
		if e.vms[key].seq < b.seq {
			e.vms[key] = vmAnswer{VM: vm, seq: b.seq, at: b.sentAt}
		}
	}
	if len(result.Partial) > 0 {
		e.partial++
	}
	read := time.Duration(result.ReadMS) * time.Millisecond
	if each := max(read/time.Duration(len(b.ids)), 1); e.burst.each == 0 || each < e.burst.each {
		e.burst.each = each
	}
}

// prefersAll reports whether a host should be asked for all virtual machines instead of those that readers wait for. c.mu must be held.
func (c *Cache) prefersAll(e *entry, now time.Time) bool {
	here := len(e.burst.keys)
	many := here > manyVMs || here > fewVMs && len(c.asked.keys) > manyVMs
	return many && e.burst.each > 0 && e.burst.each < cheapVM && now.After(e.burst.byIDTo)
}
