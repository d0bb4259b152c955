// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// pollEvery is how often changes are read that no notification has reported: PostgreSQL does not keep notifications for a listener
	// that is not connected.
	pollEvery = 30 * time.Second
	// overlap is how far a poll goes back before the previous one. A change becomes visible after the time that it has recorded.
	overlap = time.Minute
)

// follow calls poll at intervals, and notified with the payload of each notification of a channel, until ctx ends, or a function returns an
// error that no other attempt mends. It needs a separate connection, which must not go through a pooler that shares connections between
// transactions.
func (d *database) follow(ctx context.Context, channel string, poll func(context.Context) error, notified func(payload string) error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		connected, err := d.listen(ctx, channel, poll, notified)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !isTransient(err) {
			return d.wrap("watch", err)
		}
		if connected {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// listen is follow until the connection is lost.
func (d *database) listen(
	ctx context.Context, channel string, poll func(context.Context) error, notified func(payload string) error,
) (connected bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, d.pool.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is left to do on it
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return false, err
	}
	for {
		if err := poll(ctx); err != nil {
			return true, err
		}
		if err := receive(ctx, conn, notified); err != nil {
			return true, err
		}
	}
}

// receive reports notifications until the next poll is due.
func receive(ctx context.Context, conn *pgx.Conn, notified func(payload string) error) error {
	due, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(due)
		if err != nil {
			if due.Err() != nil && ctx.Err() == nil && !conn.IsClosed() {
				return nil
			}
			return err
		}
		if err := notified(n.Payload); err != nil {
			return err
		}
	}
}

// Watch implements [jobstore.Watcher].
func (s *store) Watch(ctx context.Context, changed func(id string, version int64) error) error {
	var since time.Time // on the clock of the database; the first poll reports all records
	poll := func(ctx context.Context) error { return s.poll(ctx, &since, changed) }
	return s.follow(ctx, "hvprov_job", poll, func(payload string) error {
		number, id, ok := strings.Cut(payload, " ")
		version, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil {
			return fmt.Errorf("notification of a change is not valid: %q", payload)
		}
		return changed(id, version)
	})
}

// poll reports the changes since the previous poll. Records that were deleted while there was no connection are not reported.
func (s *store) poll(ctx context.Context, since *time.Time, changed func(id string, version int64) error) error {
	var now time.Time
	if err := s.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	rows, err := s.pool.Query(ctx, "SELECT id, version FROM hvprov_job WHERE changed >= $1", since.Add(-overlap))
	if err != nil {
		return err
	}
	type change struct {
		ID      string
		Version int64
	}
	changes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
	if err != nil {
		return err
	}
	for _, c := range changes {
		if err := changed(c.ID, c.Version); err != nil {
			return err
		}
	}
	*since = now
	return nil
}
