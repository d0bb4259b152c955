// SPDX-License-Identifier: MPL-2.0

package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/boltstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/riverjobs"
)

// storeKeySize is the size of the key of the store, in bytes.
const storeKeySize = 32

// storeKey returns the key that encrypts secrets of jobs that have not reached their host. The first start creates that of the state
// folder. Replicas need the same key, so that one that is named must exist.
func (c *Config) storeKey() ([]byte, error) {
	path := c.StoreKeyFile
	if path == "" {
		path = filepath.Join(c.StateDir, "store.key")
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != storeKeySize {
		err = fmt.Errorf("%s has %d bytes instead of %d: restore it from a backup, or remove it; jobs that wait with secrets then fail", path, len(key), storeKeySize)
	}
	if c.StoreKeyFile != "" || !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	key = make([]byte, storeKeySize)
	_, _ = rand.Read(key) // never fails
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, key, 0o600)
}

// databaseURL returns the connection string of the database, or an empty one without a database.
func (c *Config) databaseURL() (string, error) {
	text, err := c.secret("database.url", c.Database.URLFile, c.Database.URLEnv)
	switch {
	case err != nil || c.Database.URLFile == "" && c.Database.URLEnv == "":
		return "", err
	case c.StoreKeyFile == "":
		return "", fmt.Errorf("database requires store_key_file: a file with %d random bytes, the same for all replicas", storeKeySize)
	}
	if u, err := url.Parse(text); err != nil || !strings.HasPrefix(u.Scheme, "postgres") { // an error of Parse would show the password
		return "", errors.New("database.url is not a connection string such as postgres://hvprovd@db.lab.example/hvprovd?sslmode=verify-full")
	}
	return text, nil
}

// stores are what a server keeps.
type stores struct {
	jobs  jobstore.Store
	notes notifications.Store
	queue jobstore.Queue // nil: there are no other replicas
}

// openStores opens the stores in the database, or else in the state folder.
func (c *Config) openStores(ctx context.Context, logger *slog.Logger) (s stores, err error) {
	defer func() {
		if err == nil {
			return
		}
		if s.jobs != nil {
			err = errors.Join(err, s.jobs.Close())
		}
		if s.notes != nil {
			err = errors.Join(err, s.notes.Close())
		}
	}()
	address, err := c.databaseURL()
	if err != nil {
		return s, err
	}
	if address == "" {
		if s.jobs, err = c.openJobFile(ctx); err != nil {
			return s, err
		}
		s.notes, err = boltstore.OpenNotifications(ctx, boltstore.Options{Path: filepath.Join(c.StateDir, "notifications.db")}, 0)
		return s, err
	}
	opts := riverjobs.Options{URL: address}
	if s.jobs, err = riverjobs.Open(ctx, opts); err != nil {
		return s, err
	}
	if s.notes, err = riverjobs.OpenNotifications(ctx, opts, 0); err != nil {
		return s, err
	}
	replica := uuid.NewString()
	queue, err := riverjobs.OpenQueue(ctx, riverjobs.QueueOptions{Options: opts, Replica: replica, Logger: logger})
	if err != nil {
		return s, err
	}
	logger.Info("sharing the jobs of a database", "replica", replica)
	s.queue = queue
	return s, nil
}

func (c *Config) openJobFile(ctx context.Context) (jobstore.Store, error) {
	return boltstore.Open(ctx, boltstore.Options{Path: filepath.Join(c.StateDir, "jobs.db")})
}

// Import copies the records of jobs from the state folder to the database, and returns their number.
func (c *Config) Import(ctx context.Context) (copied int, err error) {
	address, err := c.databaseURL()
	if err != nil {
		return 0, err
	}
	if address == "" {
		return 0, errors.New("the configuration has no database to import to: set database.url_file or database.url_env")
	}
	if _, err := os.Stat(filepath.Join(c.StateDir, "jobs.db")); err != nil {
		return 0, fmt.Errorf("the state folder has no jobs to import: %w", err)
	}
	from, err := c.openJobFile(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := riverjobs.Open(ctx, riverjobs.Options{URL: address})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return riverjobs.Import(ctx, from, to)
}
