// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

const (
	defaultTimeout = 30 * time.Second
	defaultRetries = 3
	maxSize        = 1 << 20 // that jobschema loads, in bytes
)

// Source is the location of a schema and the options for fetching it. All but the URL are optional. It is safe for concurrent use.
type Source struct {
	// URL of the schema: https://host/path. Its userinfo is sent as Basic authentication. Errors and logs show neither the
	// userinfo nor the query.
	URL string
	// CacheFile is the path of the cached schema, which only the user can read; its metadata is in CacheFile + ".json". The
	// directory must exist. Use a file for each URL, regardless of the query. Empty: no cache.
	CacheFile string
	// Timeout limits all attempts together. 0 or less means 30 s.
	Timeout time.Duration
	// MaxSize is the maximum size of the schema in bytes, after decompression. 0 or less, or more than 1 MiB, means 1 MiB.
	MaxSize int64
	// Retries after the first attempt. 0 means 3, less than 0 none. The delays are 1, 2, 4 … seconds, at most 30, or those of the
	// server's Retry-After; there is no retry if its delay would exceed the time limit.
	Retries int
	// SHA256 of the schema in 64 hexadecimal digits: other content is refused, from the URL and from CacheFile. Empty: any content.
	SHA256 string
	// Client sends the requests. Its transport selects the proxy and the trusted certificates, and its CheckRedirect is called
	// after the checks of this package. Nil: a client of retryablehttp with the proxy of the environment (see
	// [http.ProxyFromEnvironment]).
	Client *http.Client
	// Header is sent with each request, for example Authorization, but not after a redirect to another scheme, host or port.
	Header http.Header
	// Logger logs attempts (debug), and that the cache is used or cannot be written (warn). Nil: no logs.
	Logger *slog.Logger
	// AllowHTTP allows http for the URL and for redirects. An attacker can then change the schema in transit: set SHA256 as well.
	AllowHTTP bool

	waitMin time.Duration    // delay of the first retry; 0 means that of retryablehttp
	now     func() time.Time // nil means time.Now
}

// Result is a schema with its origin.
type Result struct {
	Schema *jobschema.Schema
	// Stale is nil if the schema was fetched, or the server confirmed the cached one. Otherwise the schema is the cached one, and
	// Stale is the reason.
	Stale error
	// NotCached is the reason why CacheFile could not be written; nil if it was, or is not set.
	NotCached error
	// FetchedAt is when the schema was last fetched or confirmed.
	FetchedAt time.Time
}

// Load fetches the schema. If it cannot be fetched, or is invalid, Load returns the cached schema.
//
// Without a valid cached schema, the error wraps a [*StatusError], a [*jobschema.LoadError], [context.DeadlineExceeded] if the time
// limit was exceeded, or the error of the network, and the error of the cache if it is invalid. If ctx is done, or the Source is
// invalid, Load returns that error and ignores the cache.
func (s *Source) Load(ctx context.Context) (*Result, error) {
	u, err := s.address()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	kept := s.readCache(u)
	fresh, err := s.fresh(limited, u, kept)
	if err == nil {
		return fresh, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("unable to fetch the schema %s: %w", displayed(u), ctx.Err())
	}
	if kept.schema == nil {
		return nil, errors.Join(err, kept.err)
	}
	stale := errors.Join(err, kept.err)
	s.logger().WarnContext(ctx, "using the cached schema", "url", displayed(u), "file", s.CacheFile,
		"fetched_at", kept.metadata.FetchedAt, "error", stale)
	return &Result{Schema: kept.schema, Stale: stale, FetchedAt: kept.metadata.FetchedAt}, nil
}

// fresh fetches the schema and writes the cache.
func (s *Source) fresh(ctx context.Context, u *url.URL, kept cached) (*Result, error) {
	got, err := s.fetch(ctx, u, kept.metadata)
	if err != nil {
		return nil, err
	}
	schema := kept.schema
	if !got.unchanged {
		if schema, err = s.parse(displayed(u), got.body); err != nil {
			return nil, fmt.Errorf("unable to use the schema from %s: %w", displayed(u), err)
		}
	}
	result := &Result{Schema: schema, FetchedAt: s.clock()}
	if result.NotCached = s.writeCache(u, got, kept.metadata, result.FetchedAt); result.NotCached != nil {
		s.logger().WarnContext(ctx, "cannot write the schema cache", "url", displayed(u), "file", s.CacheFile, "error", result.NotCached)
	}
	return result, nil
}

// parse loads content, which must have the SHA256 if it is set.
func (s *Source) parse(name string, data []byte) (*jobschema.Schema, error) {
	if sum := digest(data); s.SHA256 != "" && !strings.EqualFold(sum, s.SHA256) {
		return nil, fmt.Errorf("%w: got %s, want %s: check what changed, then set SHA256 to the new value",
			errDigest, sum, strings.ToLower(s.SHA256))
	}
	return jobschema.Load(name, data)
}

// address validates the Source and returns its URL.
func (s *Source) address() (*url.URL, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" {
		// The error of url.Parse may quote a password.
		return nil, errors.New("unable to fetch the schema: its URL is invalid or has no host: use the form https://host/path")
	}
	if err := s.secure(u); err != nil {
		return nil, fmt.Errorf("unable to fetch the schema: %w", err)
	}
	if sum, err := hex.DecodeString(s.SHA256); s.SHA256 != "" && (err != nil || len(sum) != 32) {
		return nil, fmt.Errorf("unable to fetch the schema %s: SHA256 must be 64 hexadecimal digits", displayed(u))
	}
	return u, nil
}
