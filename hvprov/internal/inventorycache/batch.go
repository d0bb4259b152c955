// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// batch is one request for some virtual machines of a host, shared by its readers. Cache.mu guards it.
type batch struct {
	ctx       context.Context // with the values of the first reader's context, but not its end
	cancel    context.CancelCauseFunc
	ids       []string        // in the order of their readers
	keys      map[string]bool // the same, folded
	readers   int             // that wait
	abandoned bool            // all readers gave up
	started   bool
	byID      bool          // it is sent even if all virtual machines are preferred: some reader has asked for them in vain
	expected  int           // virtual machines that readers are likely to ask for; 0: the request is sent at once
	gathered  chan struct{} // closed when they have
	seq       uint64        // 0 until the request is sent; one sequence with those of calls
	sentAt    time.Time

	completed bool
	done      chan struct{} // closed on completion; answers and err do not change afterwards
	answers   map[string]VM // by key
	err       error
}

// gatherFor is how long a batch waits for the readers of the previous one.
const gatherFor = 50 * time.Millisecond

// previousBatch describes the batch that has ended last.
type previousBatch struct {
	end     time.Time
	ids     int // virtual machines that were asked for
	waiting int // those that the next batch had at that moment
}

// joinBatch returns a batch that can serve a new reader of a virtual machine, and starts one if necessary. Requests for other virtual
// machines wait for the one in progress, and are sent together; or, unless byID is true, all are asked for if that is cheaper then.
// c.mu must be held.
func (c *Cache) joinBatch(ctx context.Context, e *entry, id string, byID bool) *batch {
	key := casefold.Key(id)
	for _, b := range e.batches {
		if b.keys[key] && b.seq >= e.vmValidFrom(key) && !b.abandoned {
			b.readers++
			return b
		}
	}
	if e.nextBatch == nil {
		b := &batch{keys: map[string]bool{}, gathered: make(chan struct{}), done: make(chan struct{})}
		b.ctx, b.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		e.nextBatch = b
	}
	b := e.nextBatch
	b.byID = b.byID || byID
	if !b.keys[key] {
		b.keys[key] = true
		b.ids = append(b.ids, id)
		if len(b.ids) == b.expected {
			close(b.gathered)
		}
	}
	b.readers++
	c.startBatch(e)
	return b
}

// leaveBatch records that a reader gave up. A request that nobody waits for is cancelled. c.mu must be held.
func (c *Cache) leaveBatch(e *entry, b *batch, cause error) {
	if b.readers--; b.readers > 0 || b.completed {
		return
	}
	b.abandoned = true
	b.cancel(cause)
	c.resolveBatch(e, b, cause)
}

// startBatch starts the next batch, unless another one is running. Then only a batch with a virtual machine whose answer in that
// one is out of date is started. c.mu must be held.
func (c *Cache) startBatch(e *entry) {
	b := e.nextBatch
	if b == nil || b.started || e.removed || e.runningBatches >= maxCalls {
		return
	}
	if e.runningBatches > 0 && !slices.ContainsFunc(e.batches, func(sent *batch) bool {
		for key := range b.keys {
			if sent.keys[key] {
				return true
			}
		}
		return false
	}) {
		return
	}
	b.started = true
	// The readers of the previous batch are likely to ask for others next: they have just been woken, one after the other.
	if previous := e.previousBatch; previous.ids > 1 && time.Since(previous.end) < gatherFor {
		b.expected = previous.ids + previous.waiting
		if len(b.ids) >= b.expected {
			b.expected = 0
		}
	}
	e.runningBatches++
	c.work.Go(func() { c.runBatch(e, b) })
}

// runBatch executes a batch through Options.Run.
func (c *Cache) runBatch(e *entry, b *batch) {
	defer b.cancel(nil)
	if b.expected > 0 {
		select {
		case <-b.gathered:
		case <-time.After(gatherFor):
		case <-b.ctx.Done():
		}
	}
	err := c.opts.Run(b.ctx, e.name, func(ctx context.Context) error { return c.sendBatch(ctx, e, b) })
	if err == nil {
		err = errors.New("the request for virtual machines was not sent")
	}
	c.completeBatch(e, b, nil, err) // no effect if sendBatch has completed it
}

// sendBatch requests the virtual machines. The request is numbered here: changes after this moment may be missing in the answer.
func (c *Cache) sendBatch(ctx context.Context, e *entry, b *batch) error {
	c.mu.Lock()
	if b.completed || b.seq > 0 {
		c.mu.Unlock()
		return context.Canceled
	}
	c.seq++
	b.seq, b.sentAt = c.seq, time.Now()
	if e.nextBatch == b {
		e.nextBatch = nil
	}
	e.batches = append(e.batches, b)
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	result, err := c.opts.FetchVMs(ctx, e.name, b.ids)
	if err != nil {
		c.completeBatch(e, b, nil, err)
		return err
	}
	c.completeBatch(e, b, &result, nil)
	return nil
}

// completeBatch records the outcome of a batch and wakes its readers.
func (c *Cache) completeBatch(e *entry, b *batch, result *protocol.InventoryResult, err error) {
	c.mu.Lock()
	if b.seq > 0 && !e.removed && !b.completed {
		if err == nil {
			b.answers = answersOf(result, b.ids)
			e.recordVMs(b, result, c.opts.MaxAge)
		}
		e.settle(b.seq, err, time.Now())
	}
	c.resolveBatch(e, b, err)
	c.mu.Unlock()
	c.notify(e)
}

// resolveBatch completes a batch for its readers, once. c.mu must be held.
func (c *Cache) resolveBatch(e *entry, b *batch, err error) {
	if b.completed {
		return
	}
	b.completed, b.err = true, err
	if b.started {
		e.runningBatches--
	}
	e.batches = slices.DeleteFunc(e.batches, func(other *batch) bool { return other == b })
	if e.nextBatch == b {
		e.nextBatch = nil
	}
	e.previousBatch = previousBatch{end: time.Now(), ids: len(b.ids)}
	if e.nextBatch != nil {
		e.previousBatch.waiting = len(e.nextBatch.ids)
	}
	close(b.done)
	if next := e.nextBatch; next != nil && !next.started && !next.byID && c.prefersAll(e, e.previousBatch.end) {
		e.nextBatch = nil
		next.completed, next.err = true, errAskAll
		next.cancel(errAskAll)
		close(next.done)
		return
	}
	c.startBatch(e)
}

// answersOf returns the answer for each virtual machine that was asked for, by key.
func answersOf(result *protocol.InventoryResult, ids []string) map[string]VM {
	answers := make(map[string]VM, len(ids))
	for _, id := range ids {
		answers[casefold.Key(id)] = VM{Host: result.Host.Name, Partial: result.Partial}
	}
	for i := range result.VMs {
		key := casefold.Key(result.VMs[i].ID)
		if a, asked := answers[key]; asked {
			a.VM = &result.VMs[i]
			answers[key] = a
		}
	}
	for i := range result.Elsewhere {
		key := casefold.Key(result.Elsewhere[i].ID)
		if a, asked := answers[key]; asked && a.VM == nil {
			a.Elsewhere = &result.Elsewhere[i]
			answers[key] = a
		}
	}
	return answers
}
