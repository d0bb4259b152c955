// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"context"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Queue decides which of several services with the same store runs a job, and carries the events of jobs between them. Its methods are
// safe for concurrent use.
type Queue interface {
	// Start begins to run jobs. run submits a job to its host, or attaches to it, and returns nil when it has ended. When the context of
	// run ends, another service runs the job: run returns without waiting for it. deliver is called with each event that another service
	// has published, in order; its calls do not overlap.
	Start(ctx context.Context, run func(ctx context.Context, id string) error, deliver func(id string, e job.Event)) error
	// AddHost adds a host of this service, and the number of jobs that run on it at once, whichever service runs them.
	AddHost(ctx context.Context, name string, jobs int) error
	// RemoveHost removes a host of this service. Its jobs are left to a service that has it.
	RemoveHost(ctx context.Context, name string) error

	// Put puts a job whose record is stored into the queue of its host. It has no effect on a job that is in the queue.
	Put(ctx context.Context, host, id string) error
	// Remove removes a job that waits from the queue, and reports whether it did.
	Remove(ctx context.Context, id string) (removed bool, err error)

	// Publish adds an event of a job for the other services. It waits while too many events are not stored yet.
	Publish(id string, e job.Event)
	// Flush returns when the events that were published before are stored.
	Flush(ctx context.Context) error
	// Receive delivers the events that the other services have stored before.
	Receive(ctx context.Context) error
	// Events returns stored events of a job after one with a sequence number: at most limit, in order and without gaps.
	Events(ctx context.Context, id string, after int64, limit int) ([]job.Event, error)

	// Close leaves the hosts to other services, and waits, within ctx, for the calls of run to return.
	Close(ctx context.Context) error
}
