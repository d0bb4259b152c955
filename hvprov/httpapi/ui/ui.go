// SPDX-License-Identifier: MPL-2.0

// Package ui is the page for operators that [httpapi.Options.Page] serves: a form for virtual machines rendered from the job schema, jobs
// as they run, hosts, virtual machines and notifications. It consists of the files in assets; nothing has to be built.
//
// [httpapi.Options.Page]: https://pkg.go.dev/github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi#Options
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// policy is the Content-Security-Policy of the page: scripts, styles and connections of its origin only, nothing inline.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'"

// contentTypes are the types of assets. Others are not served.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// asset is a file of the page.
type asset struct {
	content     []byte
	contentType string
	tag         string
}

// Handler returns a handler that serves the page at / and its files beside it. Paths are compared as they are, so that none leads elsewhere.
func Handler() http.Handler {
	files := load(assets)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		file, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.Error(w, "404: there is no such page; the page of hvprovd is at /", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "405: use GET", http.StatusMethodNotAllowed)
		default:
			header.Set("Content-Type", file.contentType)
			header.Set("Cache-Control", "no-cache") // a new version is used at once; the tag saves the transfer
			header.Set("ETag", file.tag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.content))
		}
	})
}

// load returns the assets by the path of their URL.
func load(files fs.FS) map[string]asset {
	all := map[string]asset{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		contentType := contentTypes[path.Ext(name)]
		if err != nil || entry.IsDir() || contentType == "" {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		file := asset{content: content, contentType: contentType, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`}
		url := strings.TrimPrefix(name, "assets")
		if url == "/index.html" {
			url = "/"
		}
		all[url] = file
		return nil
	})
	if err != nil {
		panic(err) // does not happen: the files are part of the program
	}
	return all
}
