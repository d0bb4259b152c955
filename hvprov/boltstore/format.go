// SPDX-License-Identifier: MPL-2.0

package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A file has two buckets: one with the version of its format, and one with a record for each job, as
// [jobstore.Record.Marshal] writes it, by the job's id.
var (
	metaBucket    = []byte("hvprov")
	recordsBucket = []byte("jobs")
	formatKey     = []byte("format")
	format        = []byte("1")
)

// prepare makes a new file ready, and looks whether an old one is of this format.
func prepare(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return fmt.Errorf("%w: another program wrote it: name another file", ErrForeign)
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
		return fmt.Errorf("%w: its format is %q and this version knows %q: use the version that wrote it, or another file",
			ErrForeign, found, format)
	}
	_, err := tx.CreateBucketIfNotExists(recordsBucket)
	return err
}

// checkWhole looks whether a file that exists is as long as it says. One that was cut short, by a full disk or a bad copy,
// would else end the process: its pages are read as memory, where what is missing is a fault that nothing can catch. Opened
// to be read, only the first two pages are looked at, and bbolt checks that those are there.
func checkWhole(path string, wait time.Duration) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	db, err := bolt(path, &bbolt.Options{Timeout: wait, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path) // now that nobody else writes
		if err == nil && info.Size() < tx.Size() {
			err = damaged(fmt.Errorf("it has %d of %d bytes", info.Size(), tx.Size()))
		}
		return err
	})
}

// caught turns a panic, which is bbolt's way with pages that are not as they should be, into an error.
func caught(err *error) {
	if value := recover(); value != nil {
		*err = damaged(fmt.Errorf("%v", value))
	}
}

func damaged(err error) error {
	return fmt.Errorf("%w: it is damaged: %w: bring back a whole copy, or move it away", ErrForeign, err)
}

// bolt opens a file and says what its errors mean here.
func bolt(path string, opts *bbolt.Options) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, opts)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return db, err
}
