// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

// bubble runs a test in time of its own, that passes only while all goroutines wait, and fails it if one of them is left.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// newPool gives a pool on a machine without load.
func newPool(t *testing.T, opts taskpool.Options) *taskpool.Pool {
	t.Helper()
	if opts.Load == nil {
		opts.Load = func() taskpool.Load { return taskpool.Load{} }
	}
	opts.Name = "test"
	p, err := taskpool.NewPool(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start gives the pool a task that has to be taken.
func start(t *testing.T, p *taskpool.Pool, task taskpool.Task) *taskpool.Handle {
	t.Helper()
	h, err := p.Go(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// lasting is work that takes some time and ends early when it is cancelled.
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

// until is work that lasts until a channel is closed, whatever its context says.
func until(release <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		<-release
		return ctx.Err()
	}
}

func nothing(context.Context) error { return nil }
