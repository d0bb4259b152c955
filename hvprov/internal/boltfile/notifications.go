// SPDX-License-Identifier: MPL-2.0

package boltfile

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
)

// Entries are keyed by a number that grows with each Put, in the order of bytes, and their numbers by ID.
var (
	entriesBucket = []byte("notifications")
	numbersBucket = []byte("notification_numbers")
)

// notificationStore is a [notifications.Store] in a file.
type notificationStore struct {
	file
	keep uint64
}

// OpenNotifications implements boltstore.OpenNotifications.
func OpenNotifications(ctx context.Context, opts Options, keep int) (notifications.Store, error) {
	f, err := open(ctx, opts, "notification store", entriesBucket, numbersBucket)
	if err != nil {
		return nil, err
	}
	return &notificationStore{f, uint64(max(cmp.Or(keep, notifications.DefaultKeep), 1))}, nil
}

// Put implements [notifications.Store].
func (s *notificationStore) Put(ctx context.Context, n notifications.Notification) error {
	data, err := json.Marshal(notifications.Entry{Notification: n})
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *bbolt.Tx) error {
		entries, numbers := tx.Bucket(entriesBucket), tx.Bucket(numbersBucket)
		if err := remove(entries, numbers, numbers.Get([]byte(n.ID)), n.ID); err != nil {
			return err
		}
		seq, err := entries.NextSequence()
		if err != nil {
			return err
		}
		number := binary.BigEndian.AppendUint64(nil, seq)
		if err := errors.Join(entries.Put(number, data), numbers.Put([]byte(n.ID), number)); err != nil {
			return err
		}
		for number, data := range oldest(entries) { // the entries are numbered without duplicates, so that there are at most keep
			if seq-binary.BigEndian.Uint64(number) < s.keep {
				break
			}
			e, err := decodeEntry(number, data)
			if err != nil {
				return err
			}
			if err := remove(entries, numbers, number, e.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// oldest returns an iterator over the first entry, as long as there is one: the loop removes it.
func oldest(entries *bbolt.Bucket) func(yield func(number, data []byte) bool) {
	return func(yield func(number, data []byte) bool) {
		for {
			number, data := entries.Cursor().First()
			if number == nil || !yield(slices.Clone(number), data) {
				return
			}
		}
	}
}

// remove removes an entry; a nil number is none.
func remove(entries, numbers *bbolt.Bucket, number []byte, id string) error {
	if number == nil {
		return nil
	}
	return errors.Join(entries.Delete(slices.Clone(number)), numbers.Delete([]byte(id)))
}

func decodeEntry(number, data []byte) (e notifications.Entry, err error) {
	if len(number) != 8 {
		return e, damaged(errors.New("a notification has no number"))
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, damaged(fmt.Errorf("notification %d: %w", binary.BigEndian.Uint64(number), err))
	}
	e.Seq = binary.BigEndian.Uint64(number)
	return e, nil
}

// Has implements [notifications.Store].
func (s *notificationStore) Has(ctx context.Context, id string) (has bool, err error) {
	err = s.read(ctx, func(tx *bbolt.Tx) error {
		has = tx.Bucket(numbersBucket).Get([]byte(id)) != nil
		return nil
	})
	return has, err
}

// List implements [notifications.Store].
func (s *notificationStore) List(ctx context.Context, f notifications.Filter) (page notifications.Page, err error) {
	err = s.read(ctx, func(tx *bbolt.Tx) error {
		page, err = notifications.List(f, newestFirst(tx.Bucket(entriesBucket)))
		return err
	})
	return page, err
}

func newestFirst(entries *bbolt.Bucket) iter.Seq2[*notifications.Entry, error] {
	return func(yield func(*notifications.Entry, error) bool) {
		cursor := entries.Cursor()
		for number, data := cursor.Last(); number != nil; number, data = cursor.Prev() {
			if e, err := decodeEntry(number, data); !yield(&e, err) {
				return
			}
		}
	}
}

// MarkRead implements [notifications.Store].
func (s *notificationStore) MarkRead(ctx context.Context, reader string, ids []string) (marked []string, err error) {
	err = s.write(ctx, func(tx *bbolt.Tx) error {
		marked = nil // bbolt may run it again
		entries := tx.Bucket(entriesBucket)
		changed := map[string][]byte{} // a bucket must not be changed while it is iterated
		err := entries.ForEach(func(number, data []byte) error {
			e, err := decodeEntry(number, data)
			if err != nil || ids != nil && !slices.Contains(ids, e.ID) || !e.MarkRead(reader) {
				return err
			}
			marked = append(marked, e.ID)
			changed[string(number)], err = json.Marshal(e)
			return err
		})
		for number, data := range changed {
			err = cmp.Or(err, entries.Put([]byte(number), data))
		}
		return err
	})
	return marked, err
}
