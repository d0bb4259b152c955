// SPDX-License-Identifier: MPL-2.0

package boltfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A file has a bucket with the version of the file format. That of a job store has one with the output of [jobstore.Encode] by
// lower-case job ID, and that of a notification store those in notifications.go.
var (
	metaBucket    = []byte("hvprov")
	recordsBucket = []byte("jobs")
	formatKey     = []byte("format")
	format        = []byte("1")
)

// initialize creates the buckets of a new file, and checks the format of an existing one.
func initialize(tx *bbolt.Tx, buckets [][]byte) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return fmt.Errorf("%w: it was written by another program; choose another file", ErrInvalid)
		}
		var err error
		if meta, err = tx.CreateBucket(metaBucket); err != nil {
			return err
		}
		if err := meta.Put(formatKey, format); err != nil {
			return err
		}
	}
	if found := meta.Get(formatKey); !bytes.Equal(found, format) {
		return fmt.Errorf("%w: its format is %q, this version reads %q; use the version that wrote it, or another file", ErrInvalid, found, format)
	}
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// checkSize checks that an existing file is not shorter than its header says. bbolt maps the file into memory, so that reading a
// page that was cut off (by a full disk or an incomplete copy) would kill the process with a signal that cannot be handled. A
// read-only open touches only the first two pages, and bbolt checks that these exist.
func checkSize(path string, lockTimeout time.Duration) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	db, err := openFile(path, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path) // again: now the file is locked against writers
		if err == nil && info.Size() < tx.Size() {
			err = damaged(fmt.Errorf("it has %d of %d bytes", info.Size(), tx.Size()))
		}
		return err
	})
}

// recoverDamage turns a panic into an error. bbolt panics when a page is not valid.
func recoverDamage(err *error) {
	if value := recover(); value != nil {
		*err = damaged(fmt.Errorf("%v", value))
	}
}

func damaged(err error) error {
	return fmt.Errorf("%w: it is damaged: %w; restore it from a backup, or move it away", ErrInvalid, err)
}

// openFile opens a file and maps the errors of bbolt to those of this package.
func openFile(path string, opts *bbolt.Options) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, opts)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return db, err
}
