// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

// bubble runs a parallel test in a synctest bubble, where time advances only while all goroutines are blocked. The test fails
// if a goroutine is left.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func newPool(t *testing.T, opts taskpool.Options) *taskpool.Pool {
	t.Helper()
	opts.Name = "test"
	p, err := taskpool.NewPool(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start submits a task, which must be accepted.
func start(t *testing.T, p *taskpool.Pool, task taskpool.Task) *taskpool.Handle {
	t.Helper()
	h, err := p.Go(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// wait returns the error of a task once it has ended.
func wait(h *taskpool.Handle) error {
	<-h.Done()
	return h.Err()
}

// lasting returns a Run that takes some time, and returns early when it is cancelled.
func lasting(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// until returns a Run that waits for a channel to be closed and ignores its context until then.
func until(release <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		<-release
		return ctx.Err()
	}
}

func nothing(context.Context) error { return nil }
