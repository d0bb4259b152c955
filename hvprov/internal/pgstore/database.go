// SPDX-License-Identifier: MPL-2.0

// Package pgstore implements package riverjobs: stores and a queue in PostgreSQL, with River.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are riverjobs.Options.
type Options struct {
	URL      string
	RetryFor time.Duration
}

// database is a pool of connections.
type database struct {
	pool     *pgxpool.Pool
	retryFor time.Duration
}

// open connects to the database and migrates it.
func open(ctx context.Context, opts Options) (*database, error) {
	config, err := pgxpool.ParseConfig(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("job database: %w", err) // pgx redacts the password
	}
	d := &database{retryFor: opts.RetryFor}
	if d.retryFor <= 0 {
		d.retryFor = time.Minute
	}
	if d.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("job database: %w", err)
	}
	if err := migrate(ctx, d.pool); err != nil {
		d.pool.Close()
		return nil, d.wrap("open", err)
	}
	return d, nil
}

// Close implements [jobstore.Store] and [notifications.Store]. It waits for running requests.
func (d *database) Close() error {
	d.pool.Close()
	return nil
}

// wrap adds the address of the database to an error.
func (d *database) wrap(action string, err error) error {
	c := d.pool.Config().ConnConfig
	return fmt.Errorf("%s job database %s on %s: %w", action, c.Database, c.Host, err)
}

// firstPause is the pause before a request is repeated. Each further one is twice as long, up to maxPause.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// do runs a request, and repeats it while the database cannot be reached. repeated reports that an earlier attempt may have had an effect.
func (d *database) do(ctx context.Context, action string, request func(ctx context.Context, repeated bool) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, d.retryFor)
	defer cancel()
	repeated := false
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := request(limited, repeated)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return d.wrap(action, errors.Join(ctx.Err(), err))
		case limited.Err() == nil && !isTransient(err):
			return err
		}
		repeated = repeated || !pgconn.SafeToRetry(err)
		select {
		case <-limited.Done():
			return d.wrap(action, err)
		case <-time.After(pause):
		}
	}
}

// isTransient reports whether a request can succeed when it is repeated: its connection was lost, the server starts, stops or has found a
// conflict of transactions, or a reservation was released. The codes are those of appendix A of the PostgreSQL manual.
func isTransient(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code {
		case "57P01", "57P02", "57P03", "40001", "40P01", "53300": // shutdown, crash, starting, serialization, deadlock, too many connections
			return true
		}
		return strings.HasPrefix(answer.Code, "08")
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errReleased) || pgconn.SafeToRetry(err)
}
