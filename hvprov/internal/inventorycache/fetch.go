// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
)

// maxCalls limits the concurrent requests to one host: one that is out of date and may hang, and a current one. Readers that
// need a later one wait for it together.
const maxCalls = 2

// call is one request for the inventory of a host, shared by its readers. Cache.mu guards it.
type call struct {
	ctx     context.Context // with the values of the first reader's context, but not its end
	cancel  context.CancelCauseFunc
	started bool
	seq     uint64 // 0 until the request is sent
	sentAt  time.Time

	completed bool
	done      chan struct{} // closed on completion; snapshot and err do not change afterwards
	snapshot  *inventory.Snapshot
	err       error
}

// join returns a call that can serve a new reader, and starts one if necessary. c.mu must be held.
func (c *Cache) join(ctx context.Context, e *entry) *call {
	for _, request := range e.sent {
		if request.seq >= e.validFrom {
			return request
		}
	}
	if e.unsent == nil {
		request := &call{done: make(chan struct{})}
		request.ctx, request.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		e.unsent = request
		c.start(e)
	}
	return e.unsent
}

// start starts the unsent call, unless the host has maxCalls already. c.mu must be held.
func (c *Cache) start(e *entry) {
	request := e.unsent
	if request == nil || request.started || e.removed || e.calls >= maxCalls {
		return
	}
	request.started = true
	e.calls++
	c.work.Go(func() { c.run(e, request) })
}

// run executes a call through Options.Run.
func (c *Cache) run(e *entry, request *call) {
	defer request.cancel(nil)
	err := c.opts.Run(request.ctx, e.name, func(ctx context.Context) error { return c.send(ctx, e, request) })
	if err == nil {
		err = errors.New("the inventory request was not sent")
	}
	c.complete(e, request, nil, err) // no effect if send has completed it
}

// send requests the inventory. The request is numbered here: changes after this moment may be missing in the answer.
func (c *Cache) send(ctx context.Context, e *entry, request *call) error {
	c.mu.Lock()
	if request.completed || request.seq > 0 {
		c.mu.Unlock()
		return context.Canceled
	}
	c.seq++
	request.seq, request.sentAt = c.seq, time.Now()
	e.unsent = nil
	e.sent = append(e.sent, request)
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	snapshot, err := c.opts.Fetch(ctx, e.name)
	if err == nil && snapshot == nil {
		err = errors.New("the host returned no inventory")
	}
	if err == nil {
		snapshot.Seq, snapshot.TakenAt = request.seq, request.sentAt
	}
	c.complete(e, request, snapshot, err)
	return err
}

// complete records the outcome of a call and wakes its readers. An answer that arrives after the call was abandoned still
// updates the cache.
func (c *Cache) complete(e *entry, request *call, snapshot *inventory.Snapshot, err error) {
	c.mu.Lock()
	if request.seq > 0 && !e.removed && (!request.completed || err == nil) {
		e.record(request, snapshot, err)
	}
	c.resolve(e, request, err)
	c.mu.Unlock()
	c.notify(e)
}

// record stores the outcome of a call, unless that of a later one is known. Cache.mu must be held.
func (e *entry) record(request *call, snapshot *inventory.Snapshot, err error) {
	now := time.Now()
	first := e.snapshot == nil
	if err == nil && len(snapshot.Partial) > 0 {
		e.partial++
	}
	if err == nil && (first || request.seq > e.snapshot.Seq) {
		if !first {
			e.compare(e.snapshot, snapshot, now)
		}
		e.snapshot = snapshot
	}
	e.settle(request.seq, err, now)
}

// settle records whether the host answered a request, unless the outcome of a later one is known. Cache.mu must be held.
func (e *entry) settle(seq uint64, err error, now time.Time) {
	if seq < e.settled {
		return
	}
	previous, unknown := e.failure, e.settled == 0
	e.settled = seq
	switch {
	case err != nil && previous == nil:
		e.failure = &inventory.HostFailure{Since: now, Count: 1, Err: err, Message: err.Error()}
		e.addChange(Change{Kind: HostDisconnected, Time: now, Seq: seq, Err: err})
	case err != nil:
		e.failure = &inventory.HostFailure{Since: previous.Since, Count: previous.Count + 1, Err: err, Message: err.Error()}
	case previous != nil || unknown:
		e.failure = nil
		e.addChange(Change{Kind: HostConnected, Time: now, Seq: seq})
	}
}

// resolve completes a call for its readers, once. A later snapshot serves them too. c.mu must be held.
func (c *Cache) resolve(e *entry, request *call, err error) {
	if request.completed {
		return
	}
	request.completed = true
	request.err = err
	if !e.removed && e.snapshot != nil && request.seq > 0 && e.snapshot.Seq >= request.seq {
		request.snapshot, request.err = e.snapshot, nil
	}
	if request.started {
		e.calls--
	}
	e.sent = slices.DeleteFunc(e.sent, func(other *call) bool { return other == request })
	if e.unsent == request {
		e.unsent = nil
	}
	close(request.done)
	c.start(e)
}
