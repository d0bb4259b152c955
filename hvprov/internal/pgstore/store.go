// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// store is a [jobstore.Store] in a database.
type store struct{ *database }

var _ jobstore.Watcher = (*store)(nil)

// Open implements riverjobs.Open.
func Open(ctx context.Context, opts Options) (jobstore.Store, error) {
	d, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &store{d}, nil
}

// Each change notifies the other replicas in its transaction, with the new version, or 0 for a deleted record.
const (
	insertRecord = `WITH put AS (
		INSERT INTO hvprov_job (id, version, host, state, requester, submitted, record, name_key, vm_key) VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO NOTHING RETURNING id, version)
		SELECT pg_notify('hvprov_job', version || ' ' || id) FROM put`
	updateRecord = `WITH put AS (
		UPDATE hvprov_job SET version = version + 1, host = $3, state = $4, requester = $5, submitted = $6, record = $7, changed = clock_timestamp(),
		name_key = CASE WHEN $8 THEN NULL ELSE name_key END, vm_key = CASE WHEN $8 THEN NULL ELSE vm_key END
		WHERE id = $1 AND version = $2 RETURNING id, version)
		SELECT pg_notify('hvprov_job', version || ' ' || id) FROM put`
	deleteRecord = `WITH gone AS (DELETE FROM hvprov_job WHERE id = $1 RETURNING id) SELECT pg_notify('hvprov_job', '0 ' || id) FROM gone`
)

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
	args := []any{key(r.ID), version, casefold.Key(text(r.Host)), string(r.State), text(r.Requester), nanoseconds(r.Submitted), data}
	query := updateRecord
	if version == 0 {
		query = insertRecord
		name, vm := reservation(&r)
		args = append(args, name, vm)
	} else {
		args = append(args, r.State.Ended())
	}
	err = s.do(ctx, "write", func(ctx context.Context, repeated bool) error {
		done, err := s.pool.Exec(ctx, query, args...)
		if err != nil {
			return s.reserved(ctx, &r, err)
		}
		if done.RowsAffected() == 1 || repeated && s.has(ctx, r.ID, data) {
			return nil
		}
		return fmt.Errorf("job %s: %w", r.ID, jobstore.ErrConflict)
	})
	if err != nil {
		return 0, err
	}
	return r.Version, nil
}

// has reports whether a record is stored: an attempt to write it had an effect although its answer was lost.
func (s *store) has(ctx context.Context, id string, data []byte) bool {
	var stored []byte
	err := s.pool.QueryRow(ctx, "SELECT record FROM hvprov_job WHERE id = $1", key(id)).Scan(&stored)
	return err == nil && bytes.Equal(stored, data)
}

// Get implements [jobstore.Store].
func (s *store) Get(ctx context.Context, id string) (r jobstore.Record, err error) {
	err = s.do(ctx, "read", func(ctx context.Context, _ bool) error {
		var data []byte
		err := s.pool.QueryRow(ctx, "SELECT record FROM hvprov_job WHERE id = $1", key(id)).Scan(&data)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("job %s: %w", id, jobstore.ErrNotFound)
		}
		if err != nil {
			return err
		}
		r, err = decode(id, data)
		return err
	})
	return r, err
}

// List implements [jobstore.Store].
func (s *store) List(ctx context.Context, f jobstore.Filter, p jobstore.Page) ([]jobstore.Record, string, error) {
	submitted, last, err := p.Position()
	if err != nil {
		return nil, "", err
	}
	limit := int64(math.MaxInt64)
	if p.Limit > 0 {
		limit = int64(p.Limit) + 1 // one more: there is a next page
	}
	states := make([]string, len(f.States))
	for i, state := range f.States {
		states[i] = string(state)
	}
	var records []jobstore.Record
	err = s.do(ctx, "read", func(ctx context.Context, _ bool) error {
		rows, err := s.pool.Query(ctx, `SELECT id, record FROM hvprov_job
			WHERE ($1 = '' OR host = $1) AND (cardinality($2::text[]) = 0 OR state = ANY($2)) AND ($3 = '' OR requester = $3)
			AND ($4 = '' OR (submitted, id) > ($5, $4)) ORDER BY submitted, id LIMIT $6`,
			casefold.Key(text(f.Host)), states, text(f.Requester), key(last), nanoseconds(submitted), limit)
		if err != nil {
			return err
		}
		records, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (jobstore.Record, error) {
			var id string
			var data []byte
			if err := row.Scan(&id, &data); err != nil {
				return jobstore.Record{}, err
			}
			return decode(id, data)
		})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return p.Apply(records)
}

// Delete implements [jobstore.Store].
func (s *store) Delete(ctx context.Context, id string) error {
	return s.do(ctx, "write", func(ctx context.Context, _ bool) error {
		_, err := s.pool.Exec(ctx, deleteRecord, key(id))
		return err
	})
}

// key returns the form of an ID for comparisons: the letter case of a GUID is not significant.
func key(id string) string { return strings.ToLower(text(id)) }

// text returns s as PostgreSQL can store it: valid UTF-8 without NUL.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// nanoseconds returns a time as a number in the same order. The zero time is the least.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}

func decode(id string, data []byte) (jobstore.Record, error) {
	r, err := jobstore.Decode(data)
	if err != nil {
		return r, fmt.Errorf("record of job %s is damaged: %w", id, err)
	}
	return r, nil
}

// reservation returns what the job of a new record reserves on its host; nil: nothing.
func reservation(r *jobstore.Record) (name, vm *string) {
	if r.State.Ended() {
		return nil, nil
	}
	if r.VMName != "" && (r.Operation == job.OperationProvision || r.Operation == job.OperationUpdate && slices.Contains(r.Changed, "vm_name")) {
		folded := casefold.Key(text(strings.TrimSpace(r.VMName)))
		name = &folded
	}
	if r.VMID != "" && r.Operation != job.OperationProvision {
		folded := key(r.VMID)
		vm = &folded
	}
	return name, vm
}
