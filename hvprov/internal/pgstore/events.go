// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

const (
	eventLock = 0x687670726f7602 // held by the replica that stores events: see migrationLock

	maxUnstored = 4096           // events of a replica that wait to be stored
	maxBatch    = 512            // events that are stored, or read, at once
	keepEvents  = 24 * time.Hour // older ones are read from the host
	purgeEvery  = time.Hour
)

// events carries the events of jobs from the replica that runs a job to the others. An event is a row. A notification says only that there
// are new rows, because its payload is limited to 8,000 bytes and PostgreSQL does not keep it for a replica that is not connected.
type events struct {
	*database
	replica string
	deliver func(id string, e job.Event)

	unstored chan unstored
	ended    chan struct{} // closed when nothing is stored any more

	reading sync.Mutex
	last    int64 // number of the last row that was read; guarded by reading
}

// unstored is an event that waits to be stored, or a mark, which is closed when the events before it are.
type unstored struct {
	job   string
	event job.Event
	mark  chan struct{}
}

func newEvents(d *database, replica string) *events {
	return &events{database: d, replica: replica, unstored: make(chan unstored, maxUnstored), ended: make(chan struct{})}
}

// start delivers and stores events until ctx ends.
func (v *events) start(ctx context.Context, wait *sync.WaitGroup, failed func(error)) error {
	err := v.do(ctx, "read", func(ctx context.Context, _ bool) error {
		return v.pool.QueryRow(ctx, "SELECT coalesce(max(number), 0) FROM hvprov_event").Scan(&v.last)
	})
	if err != nil {
		return err
	}
	wait.Go(func() { v.storeAll(ctx, failed) })
	wait.Go(func() {
		for ctx.Err() == nil {
			if err := v.follow(ctx, "hvprov_event", v.Receive, func(string) error { return v.Receive(ctx) }); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	})
	return nil
}

// Publish implements [jobstore.Queue].
func (v *events) Publish(id string, e job.Event) {
	v.add(context.Background(), unstored{job: key(id), event: e})
}

// Flush implements [jobstore.Queue].
func (v *events) Flush(ctx context.Context) error {
	mark := make(chan struct{})
	v.add(ctx, unstored{mark: mark})
	select {
	case <-mark:
		return nil
	case <-v.ended:
		return errors.New("the queue was closed before all events of jobs were stored")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *events) add(ctx context.Context, u unstored) {
	select {
	case v.unstored <- u:
	case <-v.ended:
	case <-ctx.Done():
	}
}

// storeAll stores events in the order of their publication, however long the database cannot be reached.
func (v *events) storeAll(ctx context.Context, failed func(error)) {
	defer close(v.ended)
	var purged time.Time
	for {
		var batch []unstored
		select {
		case u := <-v.unstored:
			batch = append(batch, u)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case u := <-v.unstored:
				batch = append(batch, u)
			default:
				more = false
			}
		}
		for ctx.Err() == nil {
			err := v.do(ctx, "write", func(ctx context.Context, _ bool) error { return v.store(ctx, batch) })
			if err == nil {
				break
			}
			failed(err)
			select {
			case <-ctx.Done():
			case <-time.After(maxPause):
			}
		}
		if ctx.Err() != nil {
			return
		}
		for _, u := range batch {
			if u.mark != nil {
				close(u.mark)
			}
		}
		if time.Since(purged) > purgeEvery {
			purged = time.Now()
			if _, err := v.pool.Exec(ctx, "DELETE FROM hvprov_event WHERE at < clock_timestamp() - $1::interval", keepEvents); err != nil {
				failed(err)
			}
		}
	}
}

// store stores a batch. A row that a replica has stored before, which ran the job, is kept. The lock is held until the rows are visible, so
// that no reader sees a number before a lower one.
func (v *events) store(ctx context.Context, batch []unstored) error {
	var jobs []string
	var seqs []int64
	var texts [][]byte
	for _, u := range batch {
		if u.mark != nil {
			continue
		}
		text, err := json.Marshal(u.event)
		if err != nil {
			return err
		}
		jobs, seqs, texts = append(jobs, u.job), append(seqs, u.event.Seq), append(texts, text)
	}
	if len(jobs) == 0 {
		return nil
	}
	return pgx.BeginFunc(ctx, v.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(eventLock)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO hvprov_event (job, seq, origin, event)
			SELECT job, seq, $1, event FROM unnest($2::text[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS new (job, seq, event, place) ORDER BY place
			ON CONFLICT (job, seq) DO NOTHING`, v.replica, jobs, seqs, texts)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "NOTIFY hvprov_event")
		return err
	})
}

// Receive implements [jobstore.Queue].
func (v *events) Receive(ctx context.Context) error {
	v.reading.Lock()
	defer v.reading.Unlock()
	for {
		type row struct {
			Number      int64
			Job, Origin string
			Event       []byte
		}
		var found []row
		err := v.do(ctx, "read", func(ctx context.Context, _ bool) error {
			rows, err := v.pool.Query(ctx, "SELECT number, job, origin, event FROM hvprov_event WHERE number > $1 ORDER BY number LIMIT $2", v.last, maxBatch)
			if err != nil {
				return err
			}
			found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[row])
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range found {
			v.last = r.Number
			if r.Origin == v.replica {
				continue
			}
			e, err := decodeEvent(r.Job, r.Event)
			if err != nil {
				return err
			}
			v.deliver(r.Job, e)
		}
		if len(found) < maxBatch {
			return nil
		}
	}
}

// Events implements [jobstore.Queue].
func (v *events) Events(ctx context.Context, id string, after int64, limit int) (found []job.Event, err error) {
	err = v.do(ctx, "read", func(ctx context.Context, _ bool) error {
		found = nil
		rows, err := v.pool.Query(ctx, "SELECT event FROM hvprov_event WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT $3", key(id), after, limit)
		if err != nil {
			return err
		}
		var text []byte
		_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
			e, err := decodeEvent(id, text)
			if err == nil && e.Seq == after+int64(len(found))+1 {
				found = append(found, e)
			}
			return err
		})
		return err
	})
	return found, err
}

func decodeEvent(id string, text []byte) (e job.Event, err error) {
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("event of job %s is damaged: %w", id, err)
	}
	return e, nil
}
