// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// cached is the last good copy as it is found.
type cached struct {
	schema *jobschema.Schema // nil when there is none that can be used
	notes  notes             // with validators only if they are the copy's
	err    error             // what is wrong with the copy, or with its notes
}

// notes stand beside the copy.
type notes struct {
	URL          string    `json:"url"`        // without userinfo and query
	URLSHA256    string    `json:"url_sha256"` // of the URL without userinfo, which the validators are for
	SHA256       string    `json:"sha256"`     // of the copy, which the validators are for
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	FetchedAt    time.Time `json:"fetched_at"`
}

func (n notes) validates() bool { return n.ETag != "" || n.LastModified != "" }

func (s *Source) notesFile() string { return s.CacheFile + ".json" }

// readCache reads the copy, which has validators only if it can be used, and is of this very URL.
func (s *Source) readCache(u *url.URL) cached {
	if s.CacheFile == "" {
		return cached{}
	}
	data, written, err := readFile(s.CacheFile, s.maxSize())
	if errors.Is(err, fs.ErrNotExist) {
		return cached{}
	}
	var schema *jobschema.Schema
	if err == nil {
		schema, err = s.parse(s.CacheFile, data)
	}
	if err != nil {
		return cached{err: fmt.Errorf("unable to use the last good copy %s, which can be removed: %w", s.CacheFile, err)}
	}
	n, err := s.readNotes()
	switch {
	case err != nil:
		return cached{schema, notes{FetchedAt: written}, fmt.Errorf("unable to use the notes on the last good copy: %w", err)}
	case n.URL != "" && n.URL != shown(u):
		return cached{err: fmt.Errorf("unable to use the last good copy %s: it is of %s: use one CacheFile for each URL", s.CacheFile, n.URL)}
	case n.SHA256 != digest(data):
		return cached{schema, notes{FetchedAt: written}, nil} // another process, or its end, came between the two files
	case n.URLSHA256 != urlDigest(u):
		n.ETag, n.LastModified = "", ""
	}
	return cached{schema, n, nil}
}

func (s *Source) readNotes() (notes, error) {
	var n notes
	data, _, err := readFile(s.notesFile(), jobschema.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		return notes{}, fmt.Errorf("%s, which can be removed: %w", s.notesFile(), err)
	}
	return n, nil
}

// writeCache keeps an answer, or that the copy is confirmed.
func (s *Source) writeCache(u *url.URL, got answer, before notes, at time.Time) error {
	if s.CacheFile == "" {
		return nil
	}
	now := notes{
		URL: shown(u), URLSHA256: urlDigest(u), SHA256: digest(got.body), FetchedAt: at,
		ETag: got.header.Get("ETag"), LastModified: got.header.Get("Last-Modified"),
	}
	if got.unchanged {
		now.SHA256 = before.SHA256
		if !now.validates() {
			now.ETag, now.LastModified = before.ETag, before.LastModified
		}
	} else if err := replaceFile(s.CacheFile, got.body); err != nil {
		return fmt.Errorf("unable to keep the schema in %s: %w", s.CacheFile, err)
	}
	data, err := json.MarshalIndent(now, "", "  ")
	if err == nil {
		err = replaceFile(s.notesFile(), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("unable to keep the notes on the schema in %s: %w", s.notesFile(), err)
	}
	return nil
}
