// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrations are applied in the order of their names. A file that was released is not changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Keys of advisory locks, which no other program of the database may use: "hvprov" in ASCII, and a number.
const migrationLock = 0x687670726f7601

// migrate brings the tables to this version, once for all replicas.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS hvprov_migration (number int PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"); err != nil {
			return err
		}
		var applied int
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(number), 0) FROM hvprov_migration").Scan(&applied); err != nil {
			return err
		}
		if applied > len(files) {
			return fmt.Errorf("its tables have version %d, this program knows %d: upgrade the program", applied, len(files))
		}
		for i, file := range files[applied:] {
			text, err := migrations.ReadFile("migrations/" + file.Name())
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("apply %s: %w", file.Name(), err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO hvprov_migration (number) VALUES ($1)", applied+i+1); err != nil {
				return err
			}
		}
		return nil
	})
}
