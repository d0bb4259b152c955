// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
)

// leases are the hosts that one replica owns, in the database. Times are those of the database's clock.
type leases struct {
	*database
	replica  string
	duration time.Duration
}

// alive records that this replica is alive, and returns the ids of all that are.
func (l *leases) alive(ctx context.Context) ([]string, error) {
	_, err := l.pool.Exec(ctx, `INSERT INTO hvprov_replica (id, seen) VALUES ($1, clock_timestamp())
		ON CONFLICT (id) DO UPDATE SET seen = EXCLUDED.seen`, l.replica)
	if err != nil {
		return nil, err
	}
	if _, err := l.pool.Exec(ctx, "DELETE FROM hvprov_replica WHERE seen < clock_timestamp() - interval '1 day'"); err != nil {
		return nil, err
	}
	rows, err := l.pool.Query(ctx, "SELECT id FROM hvprov_replica WHERE seen > clock_timestamp() - $1::interval", l.duration)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// add makes a host known to all replicas.
func (l *leases) add(ctx context.Context, host string) error {
	_, err := l.pool.Exec(ctx, `INSERT INTO hvprov_host (host, owner, term, expires) VALUES ($1, '', 0, clock_timestamp())
		ON CONFLICT (host) DO NOTHING`, host)
	return err
}

// renew extends the leases of this replica, and returns their terms by host. A lease that is missing was taken by another replica.
func (l *leases) renew(ctx context.Context) (map[string]int64, error) {
	rows, err := l.pool.Query(ctx, `UPDATE hvprov_host SET expires = clock_timestamp() + $2::interval WHERE owner = $1 RETURNING host, term`,
		l.replica, l.duration)
	if err != nil {
		return nil, err
	}
	terms := map[string]int64{}
	var host string
	var term int64
	_, err = pgx.ForEachRow(rows, []any{&host, &term}, func() error {
		terms[host] = term
		return nil
	})
	return terms, err
}

// take takes the lease of a host if it has expired for a time.
func (l *leases) take(ctx context.Context, host string, expiredFor time.Duration) (term int64, taken bool, err error) {
	err = l.pool.QueryRow(ctx, `UPDATE hvprov_host SET owner = $2, term = term + 1, expires = clock_timestamp() + $3::interval
		WHERE host = $1 AND expires <= clock_timestamp() - $4::interval RETURNING term`, host, l.replica, l.duration, expiredFor).Scan(&term)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return term, err == nil, err
}

// release ends a lease, so that another replica can take it at once.
func (l *leases) release(ctx context.Context, host string, term int64) error {
	_, err := l.pool.Exec(ctx, `UPDATE hvprov_host SET owner = '', expires = clock_timestamp() WHERE host = $1 AND owner = $2 AND term = $3`,
		host, l.replica, term)
	return err
}

// leave releases all leases of this replica and records that it is not alive.
func (l *leases) leave(ctx context.Context) error {
	_, err := l.pool.Exec(ctx, "UPDATE hvprov_host SET owner = '', expires = clock_timestamp() WHERE owner = $1", l.replica)
	if err != nil {
		return err
	}
	_, err = l.pool.Exec(ctx, "DELETE FROM hvprov_replica WHERE id = $1", l.replica)
	return err
}

// preferred returns the replica that should own a host, by rendezvous hashing: when a replica leaves, only its hosts move.
func preferred(host string, replicas []string) string {
	var best string
	var most uint64
	for _, replica := range replicas {
		h := fnv.New64a()
		_, _ = h.Write([]byte(replica + "\x00" + host)) // never fails
		weight := h.Sum64()
		weight ^= weight >> 31 // FNV mixes its last bytes little
		weight *= 0x9e3779b97f4a7c15
		weight ^= weight >> 29
		if best == "" || weight > most || weight == most && replica < best {
			best, most = replica, weight
		}
	}
	return best
}
