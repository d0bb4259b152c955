// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// tagged returns a schema with both validators, and 304 for requests with these.
func tagged(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"one"`)
	w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
	if r.Header.Get("If-None-Match") == `"one"` && r.Header.Get("If-Modified-Since") == "Mon, 02 Jan 2006 15:04:05 GMT" {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	responds(http.StatusOK, labSchema)(w, r)
}

var monday = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

// cachedSource returns a Source whose schema was cached on monday, from a server that continues with another handler.
func cachedSource(t *testing.T, next http.HandlerFunc) (*host, *Source) {
	t.Helper()
	h := newHost(t, inTurn(tagged, next))
	s := h.source()
	s.CacheFile, s.Retries = cacheFile(t), -1
	s.now = func() time.Time { return monday }
	wantFresh(t, mustLoad(t, s), 1)
	s.now = func() time.Time { return monday.AddDate(0, 0, 1) }
	return h, s
}

func TestTheSchemaIsCached(t *testing.T) {
	t.Parallel()
	_, s := cachedSource(t, tagged)
	if got := read(t, s.CacheFile); got != labSchema {
		t.Errorf("the cached schema is %q", got)
	}
	for _, path := range []string{s.CacheFile, s.metadataFile()} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
			t.Errorf("%s has mode %o", path, mode)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(s.CacheFile)); len(entries) != 2 {
		t.Errorf("there are other files: %v", entries)
	}
}

func TestTheCachedSchemaIsConfirmed(t *testing.T) {
	t.Parallel()
	only304 := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != `"one"` {
			t.Error("no validator was sent")
		}
		w.WriteHeader(http.StatusNotModified) // without validators: the previous ones remain valid
	}
	h, s := cachedSource(t, only304)
	for range 2 {
		result := mustLoad(t, s)
		wantFresh(t, result, 1)
		if !result.FetchedAt.Equal(monday.AddDate(0, 0, 1)) {
			t.Errorf("fetched at %s", result.FetchedAt)
		}
	}
	h.wantRequests(t, 3)
}

func TestTheCachedSchemaIsReplaced(t *testing.T) {
	t.Parallel()
	_, s := cachedSource(t, responds(http.StatusOK, nextSchema))
	wantFresh(t, mustLoad(t, s), 2)
	if got := read(t, s.CacheFile); got != nextSchema {
		t.Errorf("the cached schema is %q", got)
	}
}

func TestTheCachedSchemaIsUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next   http.HandlerFunc
		change func(*Source)
		why    func(error) bool
	}{
		"for a status":                   {next: responds(404, ""), why: isStatus},
		"for errors of all attempts":     {next: responds(500, ""), why: isStatus},
		"for an invalid schema":          {next: responds(200, noSchema), why: isFault},
		"for a schema that is too large": {next: responds(200, labSchema+nextSchema), change: func(s *Source) { s.MaxSize = int64(len(labSchema)) }, why: is(errTooLarge)},
		"for other content":              {next: responds(200, nextSchema), change: func(s *Source) { s.SHA256 = digest([]byte(labSchema)) }, why: is(errDigest)},
		"for a slow server":              {next: neverResponds, change: func(s *Source) { s.Timeout = 50 * time.Millisecond }, why: is(context.DeadlineExceeded)},
		"after a redirect to http": {next: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/", http.StatusFound)
		}, why: is(errInsecure)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s := cachedSource(t, test.next)
			if test.change != nil {
				test.change(s)
			}
			result := mustLoad(t, s)
			if result.Schema.Version != 1 || !result.FetchedAt.Equal(monday) || !test.why(result.Stale) {
				t.Errorf("got version %d of %s, stale: %v", result.Schema.Version, result.FetchedAt, result.Stale)
			}
			if got := read(t, s.CacheFile); got != labSchema {
				t.Errorf("the cached schema is now %q", got)
			}
		})
	}
}

func TestTheCachedSchemaIsNotUsed(t *testing.T) {
	t.Parallel()
	t.Run("when the caller cancels", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		_, s := cachedSource(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		if result, err := s.Load(ctx); !errors.Is(err, context.Canceled) || result != nil {
			t.Errorf("got %v, %v, want context.Canceled", result, err)
		}
	})
	t.Run("when the caller's time limit is exceeded", func(t *testing.T) {
		t.Parallel()
		_, s := cachedSource(t, neverResponds)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if result, err := s.Load(ctx); !errors.Is(err, context.DeadlineExceeded) || result != nil {
			t.Errorf("got %v, %v, want the deadline", result, err)
		}
	})
	t.Run("for an invalid source", func(t *testing.T) {
		t.Parallel()
		_, s := cachedSource(t, tagged)
		s.URL = "http" + s.URL[len("https"):]
		if _, err := s.Load(t.Context()); !errors.Is(err, errInsecure) {
			t.Errorf("got %v, want errInsecure", err)
		}
	})
}

func isStatus(err error) bool {
	var status *StatusError
	return errors.As(err, &status)
}

func isFault(err error) bool {
	var fault *jobschema.LoadError
	return errors.As(err, &fault)
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}
