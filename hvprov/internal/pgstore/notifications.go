// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
)

// notificationStore is a [notifications.Store] in a database.
type notificationStore struct {
	*database
	keep int
}

// OpenNotifications implements riverjobs.OpenNotifications.
func OpenNotifications(ctx context.Context, opts Options, keep int) (notifications.Store, error) {
	d, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &notificationStore{d, max(cmp.Or(keep, notifications.DefaultKeep), 1)}, nil
}

// Put implements [notifications.Store].
func (s *notificationStore) Put(ctx context.Context, n notifications.Notification) error {
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return s.do(ctx, "write", func(ctx context.Context, _ bool) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO hvprov_notification (id, body) VALUES ($1, $2)
				ON CONFLICT (id) DO UPDATE SET number = DEFAULT, readers = '{}', body = EXCLUDED.body`, text(n.ID), body)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `DELETE FROM hvprov_notification
				WHERE number <= (SELECT number FROM hvprov_notification ORDER BY number DESC OFFSET $1 LIMIT 1)`, s.keep)
			return err
		})
	})
}

// Has implements [notifications.Store].
func (s *notificationStore) Has(ctx context.Context, id string) (has bool, err error) {
	err = s.do(ctx, "read", func(ctx context.Context, _ bool) error {
		return s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM hvprov_notification WHERE id = $1)", text(id)).Scan(&has)
	})
	return has, err
}

// List implements [notifications.Store].
func (s *notificationStore) List(ctx context.Context, f notifications.Filter) (page notifications.Page, err error) {
	f.Reader = text(f.Reader)
	err = s.do(ctx, "read", func(ctx context.Context, _ bool) error {
		rows, err := s.pool.Query(ctx, "SELECT number, readers, body FROM hvprov_notification ORDER BY number DESC")
		if err != nil {
			return err
		}
		defer rows.Close()
		page, err = notifications.List(f, entries(rows))
		return err
	})
	return page, err
}

// entries returns the entries in rows of number, readers and body.
func entries(rows pgx.Rows) iter.Seq2[*notifications.Entry, error] {
	return func(yield func(*notifications.Entry, error) bool) {
		for rows.Next() {
			var e notifications.Entry
			var number int64
			var body []byte
			err := rows.Scan(&number, &e.Readers, &body)
			if err == nil {
				if err = json.Unmarshal(body, &e.Notification); err != nil {
					err = fmt.Errorf("notification %d is damaged: %w", number, err)
				}
			}
			e.Seq = uint64(max(number, 0)) // numbers begin with 1
			slices.Sort(e.Readers)
			if !yield(&e, err) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// MarkRead implements [notifications.Store].
func (s *notificationStore) MarkRead(ctx context.Context, reader string, ids []string) (marked []string, err error) {
	var stored []string // nil: all
	if ids != nil {
		stored = make([]string, len(ids))
	}
	for i, id := range ids {
		stored[i] = text(id)
	}
	err = s.do(ctx, "write", func(ctx context.Context, _ bool) error {
		rows, err := s.pool.Query(ctx, `WITH marked AS (
			UPDATE hvprov_notification SET readers = array_append(readers, $1)
			WHERE NOT $1 = ANY(readers) AND ($2::text[] IS NULL OR id = ANY($2)) RETURNING number, id)
			SELECT id FROM marked ORDER BY number`, text(reader), stored)
		if err != nil {
			return err
		}
		marked, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return marked, err
}
