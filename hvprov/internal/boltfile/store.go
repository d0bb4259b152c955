// SPDX-License-Identifier: MPL-2.0

// Package boltfile implements package boltstore.
package boltfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Errors of boltstore.Open.
var (
	ErrLocked  = errors.New("job store file is locked by another process")
	ErrInvalid = errors.New("not a valid job store file") // also a damaged file, or one of a later version
)

// Options are boltstore.Options.
type Options struct {
	Path        string
	LockTimeout time.Duration
}

// file is an open file with buckets.
type file struct {
	kind string // what it is, for errors
	path string
	db   *bbolt.DB
}

// store is a [jobstore.Store] in a file. Records are keyed by lower-case job ID.
type store struct{ file }

// batchDelay is how long a write waits for other writes to share one transaction.
const batchDelay = time.Millisecond

// Open implements boltstore.Open.
func Open(ctx context.Context, opts Options) (jobstore.Store, error) {
	f, err := open(ctx, opts, "job store", recordsBucket)
	if err != nil {
		return nil, err
	}
	return &store{f}, nil
}

// open opens a file, or creates it, with its buckets.
func open(ctx context.Context, opts Options, kind string, buckets ...[]byte) (file, error) {
	s := file{kind: kind, path: opts.Path}
	if opts.Path == "" {
		return s, errors.New("boltstore: no file: set Options.Path")
	}
	if opts.LockTimeout <= 0 {
		opts.LockTimeout = 5 * time.Second
	}
	if deadline, ok := ctx.Deadline(); ok {
		opts.LockTimeout = max(min(opts.LockTimeout, time.Until(deadline)), time.Nanosecond)
	}
	if err := ctx.Err(); err != nil {
		return s, err
	}
	if err := os.MkdirAll(filepath.Dir(opts.Path), 0o700); err != nil {
		return s, s.wrap("create", err)
	}
	if err := s.open(opts.LockTimeout, buckets); err != nil {
		if s.db != nil {
			_ = s.db.Close()
		}
		return s, s.wrap("open", err)
	}
	s.db.MaxBatchDelay = batchDelay
	return s, nil
}

func (s *file) open(lockTimeout time.Duration, buckets [][]byte) (err error) {
	defer recoverDamage(&err)
	if err := checkSize(s.path, lockTimeout); err != nil {
		return err
	}
	if s.db, err = openFile(s.path, &bbolt.Options{Timeout: lockTimeout}); err != nil {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error { return initialize(tx, buckets) })
}

func (s *file) wrap(action string, err error) error {
	return fmt.Errorf("%s %s file %s: %w", action, s.kind, s.path, err)
}

func key(id string) []byte { return []byte(strings.ToLower(id)) }

// Put implements [jobstore.Store].
func (s *store) Put(ctx context.Context, r jobstore.Record) (int64, error) {
	if r.ID == "" {
		return 0, errors.New("job record has no ID")
	}
	version := r.Version
	r.Version++
	data, err := jobstore.Encode(r)
	if err != nil {
		return 0, fmt.Errorf("encode record of job %s: %w", r.ID, err)
	}
	err = s.write(ctx, func(tx *bbolt.Tx) error {
		records := tx.Bucket(recordsBucket)
		stored, err := storedVersion(r.ID, records.Get(key(r.ID)))
		if err != nil {
			return err
		}
		if stored != version {
			return fmt.Errorf("job %s: %w", r.ID, jobstore.ErrConflict)
		}
		return records.Put(key(r.ID), data)
	})
	if err != nil {
		return 0, err
	}
	return r.Version, nil
}

// storedVersion returns the version of a stored record, or 0 if there is none.
func storedVersion(id string, data []byte) (int64, error) {
	if data == nil {
		return 0, nil
	}
	var stored struct {
		Version int64 `json:"version"`
	}
	if err := json.Unmarshal(data, &stored); err != nil {
		return 0, damagedRecord(id, err)
	}
	return stored.Version, nil
}

// Delete implements [jobstore.Store].
func (s *store) Delete(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *bbolt.Tx) error { return tx.Bucket(recordsBucket).Delete(key(id)) })
}

// write runs change in a transaction and returns when it is on the disk. ctx is checked before the transaction begins.
func (s *file) write(ctx context.Context, change func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.batch(change)
	if err == nil || errors.Is(err, jobstore.ErrConflict) {
		return err
	}
	return s.wrap("write", err)
}

func (s *file) batch(change func(*bbolt.Tx) error) (err error) {
	defer recoverDamage(&err)
	return s.db.Batch(change)
}

// Get implements [jobstore.Store].
func (s *store) Get(ctx context.Context, id string) (jobstore.Record, error) {
	var r jobstore.Record
	err := s.read(ctx, func(tx *bbolt.Tx) error {
		data := tx.Bucket(recordsBucket).Get(key(id))
		if data == nil {
			return fmt.Errorf("job %s: %w", id, jobstore.ErrNotFound)
		}
		var err error
		r, err = decode(id, data)
		return err
	})
	return r, err
}

// List implements [jobstore.Store].
func (s *store) List(ctx context.Context, f jobstore.Filter, p jobstore.Page) ([]jobstore.Record, string, error) {
	var records []jobstore.Record
	err := s.read(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket(recordsBucket).ForEach(func(id, data []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			r, err := decode(string(id), data)
			if f.Match(&r) {
				records = append(records, r)
			}
			return err
		})
	})
	if err != nil {
		return nil, "", err
	}
	return p.Apply(records)
}

func (s *file) read(ctx context.Context, f func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.view(f)
	if err == nil || errors.Is(err, jobstore.ErrNotFound) || ctx.Err() != nil {
		return err
	}
	return s.wrap("read", err)
}

func (s *file) view(f func(*bbolt.Tx) error) (err error) {
	defer recoverDamage(&err)
	return s.db.View(f)
}

func decode(id string, data []byte) (jobstore.Record, error) {
	r, err := jobstore.Decode(data)
	if err != nil {
		return r, damagedRecord(id, err)
	}
	return r, nil
}

func damagedRecord(id string, err error) error {
	return fmt.Errorf("record of job %s is damaged: %w", id, err)
}

// Close implements [jobstore.Store] and [notifications.Store]. It waits for running transactions.
func (s *file) Close() error { return s.db.Close() }
