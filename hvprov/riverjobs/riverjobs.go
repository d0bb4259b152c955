// SPDX-License-Identifier: MPL-2.0

// Package riverjobs keeps job records and notifications in PostgreSQL 14 or later, for a service with several replicas. Its stores
// implement [jobstore.Store] and [notifications.Store]. The queue that [OpenQueue]
// returns decides which replica runs a job.
//
// A new record reserves the name and the virtual machine that its job works on until the job ends, across all replicas. A store reports
// the changes of other replicas: see [jobstore.Watcher].
//
// Tables begin with hvprov_ and are created, or migrated, when a store is opened. Replicas of different versions must not use one database:
// stop all of them before an upgrade that migrates it. A backup of the database, such as one by pg_dump, is a backup of the service.
package riverjobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/pgstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
)

// Options configure [Open] and [OpenNotifications].
type Options struct {
	// URL is the connection string, such as "postgres://hvprovd@db.lab.example/hvprovd?sslmode=verify-full". Parameters that it lacks
	// are taken from the environment (PGHOST, PGPASSWORD, PGPASSFILE and so on), as the programs of PostgreSQL do.
	URL string
	// RetryFor is how long a request is repeated while the database cannot be reached. A context that ends earlier limits it. 0: one
	// minute.
	RetryFor time.Duration
}

// QueueOptions configure [OpenQueue].
type QueueOptions struct {
	Options
	// Replica is the name of this replica, which no other one has. Empty: a random one.
	Replica string
	// Lease is how long a host stays with a replica that does not answer any more. 0: 15 seconds.
	Lease  time.Duration
	Logger *slog.Logger // nil: nothing is logged
}

// Open opens the store of job records in a database. It creates or migrates the tables.
//
// Put of a new record reserves the name that its job gives a virtual machine, and the virtual machine that it works on. The error is a
// [*inventory.NameTakenError] or a [*inventory.VMBusyError] if another job that has not ended has reserved them.
//
// [*inventory.NameTakenError]: https://pkg.go.dev/github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory#NameTakenError
// [*inventory.VMBusyError]: https://pkg.go.dev/github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory#VMBusyError
func Open(ctx context.Context, opts Options) (jobstore.Store, error) {
	return pgstore.Open(ctx, pgstore.Options(opts))
}

// OpenNotifications opens the store of notifications in a database. It creates or migrates the tables. The store keeps a number of
// notifications, or [notifications.DefaultKeep] if keep is 0.
func OpenNotifications(ctx context.Context, opts Options, keep int) (notifications.Store, error) {
	return pgstore.OpenNotifications(ctx, pgstore.Options(opts), keep)
}

// OpenQueue opens the queue in a database: a host belongs to one replica at a time, which runs its jobs. It creates or migrates the tables,
// also River's.
func OpenQueue(ctx context.Context, opts QueueOptions) (jobstore.Queue, error) {
	return pgstore.OpenQueue(ctx, pgstore.QueueOptions{Options: pgstore.Options(opts.Options), Replica: opts.Replica, Lease: opts.Lease, Logger: opts.Logger})
}
