// SPDX-License-Identifier: MPL-2.0

package riverjobs

import (
	"context"
	"errors"
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

// Watch implements [jobstore.Watcher]. It needs a connection of its own, which must not go through a pooler that shares connections between
// transactions.
func (s *store) Watch(ctx context.Context, changed func(id string, version int64) error) error {
	var since time.Time // on the clock of the database; the first poll reports all records
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := s.listen(ctx, &since, changed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var refused *changedError
		if errors.As(err, &refused) {
			return refused.error
		}
		if !isTransient(err) {
			return s.wrap("watch", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// changedError is an error of the function that changes are reported to.
type changedError struct{ error }

// listen reports changes until the connection is lost.
func (s *store) listen(ctx context.Context, since *time.Time, changed func(id string, version int64) error) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is left to do on it
	if _, err := conn.Exec(ctx, "LISTEN hvprov_job"); err != nil {
		return err
	}
	for {
		if err := s.poll(ctx, conn, since, changed); err != nil {
			return err
		}
		if err := receive(ctx, conn, changed); err != nil {
			return err
		}
	}
}

// receive reports the changes that are notified until the next poll is due.
func receive(ctx context.Context, conn *pgx.Conn, changed func(id string, version int64) error) error {
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
		number, id, ok := strings.Cut(n.Payload, " ")
		version, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil {
			return fmt.Errorf("notification of a change is not valid: %q", n.Payload)
		}
		if err := changed(id, version); err != nil {
			return &changedError{err}
		}
	}
}

// poll reports the changes since the previous poll. Records that were deleted while there was no connection are not reported.
func (s *store) poll(ctx context.Context, conn *pgx.Conn, since *time.Time, changed func(id string, version int64) error) error {
	var now time.Time
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	rows, err := conn.Query(ctx, "SELECT id, version FROM hvprov_job WHERE changed >= $1", since.Add(-overlap))
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
			return &changedError{err}
		}
	}
	*since = now
	return nil
}
