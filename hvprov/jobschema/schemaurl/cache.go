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

// cached is the content of the cache.
type cached struct {
	schema   *jobschema.Schema // nil if there is no valid one
	metadata metadata          // with validators only if they belong to the schema
	err      error             // why the schema, or its metadata, cannot be used
}

// metadata describes the cached schema.
type metadata struct {
	URL          string    `json:"url"`        // without userinfo and query
	URLSHA256    string    `json:"url_sha256"` // of the URL with its query, to which the validators belong
	SHA256       string    `json:"sha256"`     // of the cached schema, to which the validators belong
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	FetchedAt    time.Time `json:"fetched_at"`
}

func (n metadata) validates() bool { return n.ETag != "" || n.LastModified != "" }

func (s *Source) metadataFile() string { return s.CacheFile + ".json" }

// readCache reads the cached schema of a URL.
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
		return cached{err: fmt.Errorf("unable to use the cached schema %s: %w: remove the file", s.CacheFile, err)}
	}
	n, err := s.readMetadata()
	switch {
	case err != nil:
		return cached{schema, metadata{FetchedAt: written}, fmt.Errorf("unable to use the metadata of the cached schema: %w", err)}
	case n.URL != "" && n.URL != displayed(u):
		return cached{err: fmt.Errorf("unable to use the cached schema %s: it was fetched from %s: use another CacheFile for each URL", s.CacheFile, n.URL)}
	case n.SHA256 != digest(data):
		return cached{schema, metadata{FetchedAt: written}, nil} // the two files were not written together
	case n.URLSHA256 != urlDigest(u):
		n.ETag, n.LastModified = "", ""
	}
	return cached{schema, n, nil}
}

func (s *Source) readMetadata() (metadata, error) {
	var n metadata
	data, _, err := readFile(s.metadataFile(), maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil {
		return metadata{}, fmt.Errorf("%s: %w: remove the file", s.metadataFile(), err)
	}
	return n, nil
}

// writeCache stores a fetched schema, or that the cached schema was confirmed.
func (s *Source) writeCache(u *url.URL, got answer, before metadata, at time.Time) error {
	if s.CacheFile == "" {
		return nil
	}
	now := metadata{
		URL: displayed(u), URLSHA256: urlDigest(u), SHA256: digest(got.body), FetchedAt: at,
		ETag: got.header.Get("ETag"), LastModified: got.header.Get("Last-Modified"),
	}
	if got.unchanged {
		now.SHA256 = before.SHA256
		if !now.validates() {
			now.ETag, now.LastModified = before.ETag, before.LastModified
		}
	} else if err := replaceFile(s.CacheFile, got.body); err != nil {
		return fmt.Errorf("write the schema cache %s: %w", s.CacheFile, err)
	}
	data, err := json.MarshalIndent(now, "", "  ")
	if err == nil {
		err = replaceFile(s.metadataFile(), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the schema cache %s: %w", s.metadataFile(), err)
	}
	return nil
}
