// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// TestDamagedCopy changes what was kept, then has the server fail, then answer.
func TestDamagedCopy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*testing.T, *Source)
		stands bool   // the copy stands in
		says   string // in the error, or in Stale
	}{
		"the copy is garbage": {
			change: func(t *testing.T, s *Source) { write(t, s.CacheFile, "\x00{{") }, says: "last good copy",
		},
		"the copy is a directory": {
			change: func(t *testing.T, s *Source) {
				remove(t, s.CacheFile)
				if err := os.Mkdir(s.CacheFile, 0o700); err != nil {
					t.Fatal(err)
				}
			}, says: "last good copy",
		},
		"the copy has no end": {
			change: func(t *testing.T, s *Source) { write(t, s.CacheFile, strings.Repeat("#", jobschema.MaxSize+1)) }, says: "too large",
		},
		"the copy is gone": {
			change: func(t *testing.T, s *Source) { remove(t, s.CacheFile) },
		},
		"the copy is of another URL": {
			change: func(_ *testing.T, s *Source) { s.URL += ".new" }, says: "one CacheFile for each URL",
		},
		"the copy is not what SHA256 names": {
			change: func(_ *testing.T, s *Source) { s.SHA256 = digest([]byte(nextSchema)) }, says: "SHA-256",
		},
		"the notes are garbage": {
			change: func(t *testing.T, s *Source) { write(t, s.notesFile(), `{"etag": `) }, stands: true, says: "notes",
		},
		"the notes are gone": {
			change: func(t *testing.T, s *Source) { remove(t, s.notesFile()) }, stands: true,
		},
		"the notes are on other content": {
			change: func(t *testing.T, s *Source) { write(t, s.CacheFile, labSchema+"# changed\n") }, stands: true,
		},
		"the notes are on another query": {
			change: func(_ *testing.T, s *Source) { s.URL += "?version=2" }, stands: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unconditional := func(then http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
						t.Error("validators were sent that are not the copy's")
					}
					then(w, r)
				}
			}
			_, s := kept(t, inTurn(unconditional(answers(404, "")), unconditional(answers(200, nextSchema))))
			test.change(t, s)
			result, err := s.Load(t.Context())
			if test.stands != (err == nil) {
				t.Fatalf("got %v, %v", result, err)
			}
			if test.stands {
				err = result.Stale
			}
			if !isStatus(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want the status and %q", err, test.says)
			}
			if result, err = s.Load(t.Context()); err != nil || result.Schema.Version != 2 || result.Stale != nil {
				t.Errorf("got %v, %v, want what the server has", result, err)
			}
		})
	}
}

func TestCopyThatCannotBeKept(t *testing.T) {
	t.Parallel()
	s := newHost(t, tagged).source()
	s.CacheFile = filepath.Join(t.TempDir(), "missing", "lab.yaml")
	result := mustLoad(t, s)
	if result.Schema.Version != 1 || result.Stale != nil || !errors.Is(result.NotCached, os.ErrNotExist) {
		t.Errorf("got %+v, want the schema and why it was not kept", result)
	}
}

func TestFaultIsNotKept(t *testing.T) {
	t.Parallel()
	s := newHost(t, answers(200, noSchema)).source()
	s.CacheFile = cacheFile(t)
	if _, err := s.Load(t.Context()); !isFault(err) {
		t.Errorf("got %v, want a LoadError", err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(s.CacheFile)); len(entries) != 0 {
		t.Errorf("something was kept: %v", entries)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
