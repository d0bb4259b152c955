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

// What the zero values of a [Source] mean.
const (
	DefaultTimeout = 30 * time.Second
	DefaultRetries = 3
)

// Source says where a schema is, and how it is fetched. All but the URL may be left at its zero value. A Source is not
// changed by [Source.Load], and is safe for concurrent use.
type Source struct {
	// URL of the schema: https://host/path. Its userinfo is sent as Basic authentication; neither that nor its query
	// is shown in errors or logs.
	URL string
	// CacheFile is the path of the last good copy, which its user alone may read; notes on it stand beside, in
	// CacheFile + ".json". The directory must be there. One file is for one URL, whatever its query. Empty: no copy.
	CacheFile string
	// Timeout is for all tries together. 0 or less means [DefaultTimeout].
	Timeout time.Duration
	// MaxSize in bytes beyond which a schema is refused, after decompression. 0 or less, or more than
	// [jobschema.MaxSize], means [jobschema.MaxSize].
	MaxSize int64
	// Retries after the first try. 0 means [DefaultRetries], less than 0 none. Between tries there are 1, 2, 4 … seconds,
	// 30 at most, or what the server's Retry-After asks for; a wait that would outlast the time limit is not begun.
	Retries int
	// SHA256 of the schema, 64 hexadecimal digits: other content is refused, from the URL and from CacheFile alike.
	// Empty: any content.
	SHA256 string
	// Client fetches; its transport decides on the proxy and on the certificates that are trusted, and its
	// CheckRedirect is asked after the rules of this package. Nil: a client of retryablehttp's, with the proxy of the
	// environment (see [http.ProxyFromEnvironment]).
	Client *http.Client
	// Header is sent with each request, for example Authorization; after a redirect to another scheme, host or port,
	// nothing of it is.
	Header http.Header
	// Logger hears of tries (debug) and of a copy being used, or not kept (warn). Nil: no logs.
	Logger *slog.Logger
	// AllowHTTP lets the URL, and redirects, be http. What comes can then be changed on its way: use SHA256 with it.
	AllowHTTP bool

	waitMin time.Duration    // before the first retry; 0 means retryablehttp's
	now     func() time.Time // nil means time.Now
}

// Result is a schema, and where it came from.
type Result struct {
	Schema *jobschema.Schema
	// Stale is nil when the URL gave the schema, or said that the copy is still the same. Otherwise the schema is the
	// last good copy, and Stale says why.
	Stale error
	// NotCached says why the schema could not be kept in CacheFile; nil when it was, or when it was not asked for.
	NotCached error
	// FetchedAt is when the URL last gave, or confirmed, the schema.
	FetchedAt time.Time
}

// Load fetches the schema. When it cannot be fetched, or does not hold together, the last good copy is given, if there
// is one that loads.
//
// Without one, errors are [ErrInsecure], [ErrTooLarge], [ErrRedirects], [ErrDigest], [*StatusError],
// [*jobschema.LoadError], [context.DeadlineExceeded] when the time limit passed, or the network's, joined with what is
// wrong with the copy. When ctx is done its error is given, and so are mistakes in the Source; no copy stands in for
// those.
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
		return nil, fmt.Errorf("unable to fetch the schema %s: %w", shown(u), ctx.Err())
	}
	if kept.schema == nil {
		return nil, errors.Join(err, kept.err)
	}
	stale := errors.Join(err, kept.err)
	s.logger().WarnContext(ctx, "the last good copy of the schema is used", "url", shown(u), "file", s.CacheFile,
		"fetched_at", kept.notes.FetchedAt, "error", stale)
	return &Result{Schema: kept.schema, Stale: stale, FetchedAt: kept.notes.FetchedAt}, nil
}

// fresh gives what the URL has now, and keeps it.
func (s *Source) fresh(ctx context.Context, u *url.URL, kept cached) (*Result, error) {
	got, err := s.fetch(ctx, u, kept.notes)
	if err != nil {
		return nil, err
	}
	schema := kept.schema
	if !got.unchanged {
		if schema, err = s.parse(shown(u), got.body); err != nil {
			return nil, fmt.Errorf("unable to use the schema from %s: %w", shown(u), err)
		}
	}
	result := &Result{Schema: schema, FetchedAt: s.clock()}
	if result.NotCached = s.writeCache(u, got, kept.notes, result.FetchedAt); result.NotCached != nil {
		s.logger().WarnContext(ctx, "the schema is not kept", "url", shown(u), "file", s.CacheFile, "error", result.NotCached)
	}
	return result, nil
}

// parse loads content that SHA256, if there is one, names.
func (s *Source) parse(name string, data []byte) (*jobschema.Schema, error) {
	if sum := digest(data); s.SHA256 != "" && !strings.EqualFold(sum, s.SHA256) {
		return nil, fmt.Errorf("%w: it has %s, and %s is asked for: see what changed, then set SHA256 to it",
			ErrDigest, sum, strings.ToLower(s.SHA256))
	}
	return jobschema.Load(name, data)
}

// address checks the Source before anything is sent.
func (s *Source) address() (*url.URL, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" {
		// What url.Parse has to say may quote a password.
		return nil, errors.New("unable to fetch the schema: its URL does not parse, or names no host: write https://host/path")
	}
	if err := s.secure(u); err != nil {
		return nil, fmt.Errorf("unable to fetch the schema: %w", err)
	}
	if sum, err := hex.DecodeString(s.SHA256); s.SHA256 != "" && (err != nil || len(sum) != 32) {
		return nil, fmt.Errorf("unable to fetch the schema %s: SHA256 is to be 64 hexadecimal digits", shown(u))
	}
	return u, nil
}
