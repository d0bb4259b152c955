// SPDX-License-Identifier: MPL-2.0

// Package boltstore implements [jobstore.Store], and [notifications.Store], each in a single file with [bbolt].
//
// [bbolt]: https://github.com/etcd-io/bbolt
package boltstore

import (
	"context"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/boltfile"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
)

// Errors of [Open], for [errors.Is].
var (
	ErrLocked  = boltfile.ErrLocked
	ErrInvalid = boltfile.ErrInvalid // also a damaged file, or one of a later version
)

// Options configure [Open] and [OpenNotifications].
type Options struct {
	// Path is the file. It must be on a local disk: file locks are not reliable on network file systems. A missing file and its
	// folder are created, accessible to the current account only.
	Path string
	// LockTimeout is how long to wait for a locked file. 0: five seconds.
	LockTimeout time.Duration
}

// Open opens the job store file, or creates it. Only one store can have a file open at a time. The error is [ErrLocked],
// [ErrInvalid], or that of the file system.
func Open(ctx context.Context, opts Options) (jobstore.Store, error) {
	return boltfile.Open(ctx, boltfile.Options(opts))
}

// OpenNotifications opens the file of a notification store, or creates it. It keeps a number of notifications, or
// [notifications.DefaultKeep] if keep is 0. The error is as that of [Open].
func OpenNotifications(ctx context.Context, opts Options, keep int) (notifications.Store, error) {
	return boltfile.OpenNotifications(ctx, boltfile.Options(opts), keep)
}
