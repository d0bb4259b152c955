// SPDX-License-Identifier: MPL-2.0

package jobstore

import (
	"context"
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
)

// Errors of a [Store], for [errors.Is].
var (
	ErrNotFound = cause.ErrJobNotFound
	ErrExists   = errors.New("job already exists") // from a service, for a submission whose ID is in use
	ErrConflict = errors.New("job record was changed by another writer")
)

// Store keeps job records. Its methods are safe for concurrent use and honour their context. Changes are durable when Put and
// Delete return nil. The letter case of an ID is not significant. [storetest.Run] tests an implementation.
//
// [storetest.Run]: https://pkg.go.dev/github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore/storetest#Run
type Store interface {
	// Put stores r if r.Version equals the version of the stored record, and returns the new version, r.Version+1. Version 0
	// adds a record. If the versions differ, Put changes nothing and returns [ErrConflict]: read the record again, repeat the
	// change and call Put again.
	Put(ctx context.Context, r Record) (version int64, err error)
	// Get returns a record, or [ErrNotFound].
	Get(ctx context.Context, id string) (Record, error)
	// List returns one page of the records that match the filter, in the order of submission, and the value of [Page.After]
	// for the next page. next is empty after the last record.
	List(ctx context.Context, f Filter, p Page) (records []Record, next string, err error)
	// Delete removes a record. Deleting a record that does not exist is not an error.
	Delete(ctx context.Context, id string) error
	// Close releases the resources of the store. No other method may be called after it.
	Close() error
}

// Watcher is implemented by stores that several services use at the same time.
type Watcher interface {
	Store
	// Watch calls changed with the ID and the version of each record that is stored, also by this service, and with version 0 for each
	// record that is deleted, until ctx ends or changed returns an error. It begins with all records. A change may be reported late, or
	// more than once; a deletion may not be reported. The calls do not overlap.
	Watch(ctx context.Context, changed func(id string, version int64) error) error
}
