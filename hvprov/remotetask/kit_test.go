// SPDX-License-Identifier: MPL-2.0

package remotetask_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/remotetask"
)

// bubble runs a test in time of its own, that passes only while all goroutines wait, and fails it if one of them is left.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// newPool gives a pool on a machine without load.
func newPool(t *testing.T, opts remotetask.Options) *remotetask.Pool {
	t.Helper()
	if opts.Load == nil {
		opts.Load = func() remotetask.Load { return remotetask.Load{} }
	}
	opts.Name = "test"
	p, err := remotetask.NewPool(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start gives the pool a task that has to be taken.
func start(t *testing.T, p *remotetask.Pool, task remotetask.Task) *remotetask.Handle {
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
