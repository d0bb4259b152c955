// SPDX-License-Identifier: MPL-2.0

// Package boltstore keeps records of jobs in one file, with [bbolt]. Who does not import it does not pay for it.
//
// [bbolt]: https://github.com/etcd-io/bbolt
package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// What [errors.Is] finds in the errors of this package.
var (
	// ErrInUse is of a file that a process, this one or another, has open.
	ErrInUse = errors.New("it is in use, and only one store at a time can have it open")
	// ErrForeign is of a file that this package did not write, that is damaged, or that a later version wrote.
	ErrForeign = errors.New("it is not a file of job records that can be read here")
)

// Options say where a [Store] keeps its records.
type Options struct {
	// Path is the file, on a disk of this machine: network file systems do not lock well. It is made where it is missing,
	// with its folder, for this account alone.
	Path string
	// Wait is for how long a file that is in use is waited for. 0: five seconds.
	Wait time.Duration
}

// Store is a [jobstore.Store] in a file. What Put and Delete did is on the disk when they return.
type Store struct {
	path string
	db   *bbolt.DB
}

var _ jobstore.Store = (*Store)(nil)

// batchDelay is how long a write waits for others, to share their way to the disk.
const batchDelay = time.Millisecond

// Open opens the file, or makes it. The error is [ErrInUse], [ErrForeign], or that of the file system.
func Open(opts Options) (*Store, error) {
	if opts.Path == "" {
		return nil, errors.New("the file for the records of jobs has no name: set Path")
	}
	if opts.Wait <= 0 {
		opts.Wait = 5 * time.Second
	}
	s := &Store{path: opts.Path}
	if err := os.MkdirAll(filepath.Dir(opts.Path), 0o700); err != nil {
		return nil, s.failed("made", err)
	}
	if err := s.open(opts.Wait); err != nil {
		if s.db != nil {
			_ = s.db.Close()
		}
		return nil, s.failed("opened", err)
	}
	s.db.MaxBatchDelay = batchDelay
	return s, nil
}

func (s *Store) open(wait time.Duration) (err error) {
	defer caught(&err)
	if err := checkWhole(s.path, wait); err != nil {
		return err
	}
	if s.db, err = bolt(s.path, &bbolt.Options{Timeout: wait}); err != nil {
		return err
	}
	return s.db.Update(prepare)
}

func (s *Store) failed(what string, err error) error {
	return fmt.Errorf("the file %s of job records cannot be %s: %w", s.path, what, err)
}

// Put keeps a record.
func (s *Store) Put(ctx context.Context, r jobstore.Record) error {
	text, err := r.Marshal()
	if err != nil {
		return fmt.Errorf("the record of job %s cannot be written: %w", r.ID, err)
	}
	return s.write(ctx, func(records *bbolt.Bucket) error { return records.Put([]byte(r.ID), text) })
}

// Delete removes a record.
func (s *Store) Delete(ctx context.Context, id string) error {
	return s.write(ctx, func(records *bbolt.Bucket) error { return records.Delete([]byte(id)) })
}

// write does what change does, and returns when that is on the disk. Once it has begun, ctx does not end it.
func (s *Store) write(ctx context.Context, change func(*bbolt.Bucket) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.db.Batch(func(tx *bbolt.Tx) error { return change(tx.Bucket(recordsBucket)) }); err != nil {
		return s.failed("written", err)
	}
	return nil
}

// Get gives a record.
func (s *Store) Get(ctx context.Context, id string) (jobstore.Record, error) {
	var r jobstore.Record
	err := s.read(ctx, func(records *bbolt.Bucket) error {
		text := records.Get([]byte(id))
		if text == nil {
			return jobstore.ErrNotFound
		}
		var err error
		r, err = record(id, text)
		return err
	})
	return r, err
}

// List gives all records.
func (s *Store) List(ctx context.Context) ([]jobstore.Record, error) {
	var list []jobstore.Record
	err := s.read(ctx, func(records *bbolt.Bucket) error {
		return records.ForEach(func(id, text []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			r, err := record(string(id), text)
			list = append(list, r)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (s *Store) read(ctx context.Context, look func(*bbolt.Bucket) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.view(look)
	if err == nil || errors.Is(err, jobstore.ErrNotFound) || ctx.Err() != nil {
		return err
	}
	return s.failed("read", err)
}

func (s *Store) view(look func(*bbolt.Bucket) error) (err error) {
	defer caught(&err)
	return s.db.View(func(tx *bbolt.Tx) error { return look(tx.Bucket(recordsBucket)) })
}

func record(id string, text []byte) (jobstore.Record, error) {
	r, err := jobstore.Unmarshal(text)
	if err != nil {
		err = fmt.Errorf("the record of job %s is damaged: %w", id, err)
	}
	return r, err
}

// Close closes the file, once what is under way has ended.
func (s *Store) Close() error { return s.db.Close() }
