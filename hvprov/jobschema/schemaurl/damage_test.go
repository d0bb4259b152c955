// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestADamagedCache changes the cache; the server fails, and then returns a schema.
func TestADamagedCache(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*testing.T, *Source)
		used   bool   // the cached schema is used
		want   string // in the error, or in Stale
	}{
		"the schema is not YAML": {
			change: func(t *testing.T, s *Source) { write(t, s.CacheFile, "\x00{{") }, want: "cached schema",
		},
		"the schema is a directory": {
			change: func(t *testing.T, s *Source) {
				remove(t, s.CacheFile)
				if err := os.Mkdir(s.CacheFile, 0o700); err != nil {
					t.Fatal(err)
				}
			}, want: "cached schema",
		},
		"the schema is too large": {
			change: func(t *testing.T, s *Source) { write(t, s.CacheFile, strings.Repeat("#", maxSize+1)) }, want: "too large",
		},
		"the schema was removed": {
			change: func(t *testing.T, s *Source) { remove(t, s.CacheFile) },
		},
		"the schema is of another URL": {
			change: func(_ *testing.T, s *Source) { s.URL += ".new" }, want: "another CacheFile for each URL",
		},
		"the schema has another SHA256": {
			change: func(_ *testing.T, s *Source) { s.SHA256 = digest([]byte(nextSchema)) }, want: "SHA-256",
		},
		"the metadata is not JSON": {
			change: func(t *testing.T, s *Source) { write(t, s.metadataFile(), `{"etag": `) }, used: true, want: "metadata",
		},
		"the metadata was removed": {
			change: func(t *testing.T, s *Source) { remove(t, s.metadataFile()) }, used: true,
		},
		"the metadata is of other content": {
			change: func(t *testing.T, s *Source) { write(t, s.CacheFile, labSchema+"# changed\n") }, used: true,
		},
		"the metadata is of another query": {
			change: func(_ *testing.T, s *Source) { s.URL += "?version=2" }, used: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unconditional := func(then http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
						t.Error("validators of another schema were sent")
					}
					then(w, r)
				}
			}
			_, s := cachedSource(t, inTurn(unconditional(responds(404, "")), unconditional(responds(200, nextSchema))))
			test.change(t, s)
			result, err := s.Load(t.Context())
			if test.used != (err == nil) {
				t.Fatalf("got %v, %v", result, err)
			}
			if test.used {
				err = result.Stale
			}
			if !isStatus(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want the status and %q", err, test.want)
			}
			if result, err = s.Load(t.Context()); err != nil || result.Schema.Version != 2 || result.Stale != nil {
				t.Errorf("got %v, %v, want the schema of the server", result, err)
			}
		})
	}
}

func TestACacheThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newHost(t, tagged).source()
	s.CacheFile = filepath.Join(t.TempDir(), "missing", "lab.yaml")
	result := mustLoad(t, s)
	if result.Schema.Version != 1 || result.Stale != nil || !errors.Is(result.NotCached, os.ErrNotExist) {
		t.Errorf("got %+v, want the schema, and why it was not cached", result)
	}
}

func TestAnInvalidSchemaIsNotCached(t *testing.T) {
	t.Parallel()
	s := newHost(t, responds(200, noSchema)).source()
	s.CacheFile = cacheFile(t)
	if _, err := s.Load(t.Context()); !isFault(err) {
		t.Errorf("got %v, want a LoadError", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(s.CacheFile)); len(entries) != 0 {
		t.Errorf("the cache was written: %v", entries)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
