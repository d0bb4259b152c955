// SPDX-License-Identifier: MPL-2.0

package ui_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/ui"
)

func ask(method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	ui.Handler().ServeHTTP(w, r)
	return w
}

// references match what an asset loads: attributes of HTML, imports, and urls in CSS.
var references = regexp.MustCompile(`(?:href|src)="(/[^"#]+)"|from '\./([^']+)'|url\("([^"]+)"\)`)

func TestEveryFileThatThePageLoadsIsServed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var visit func(string)
	visit = func(target string) {
		if seen[target] {
			return
		}
		seen[target] = true
		w := ask(http.MethodGet, target)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d, %d bytes of %q", target, w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
		}
		if strings.Contains(target, "/vendor/") {
			return
		}
		for _, found := range references.FindAllStringSubmatch(w.Body.String(), -1) {
			name := found[1] + found[2] + found[3]
			if !strings.HasPrefix(name, "/") {
				name = path.Join("/", path.Dir(target), name)
			}
			visit(name)
		}
	}
	visit("/")
	err := fs.WalkDir(os.DirFS("assets"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && (strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".css")) && !seen["/"+name] {
			t.Errorf("nothing loads %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestThePageMayLoadNothingOfOtherOriginsAndNothingInline(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/", "/app.js", "/nothing"} {
		policy := ask(http.MethodGet, target).Header().Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("%s: the policy %q lacks %s", target, policy, directive)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", target, policy)
		}
	}
	if page := ask(http.MethodGet, "/").Body.String(); regexp.MustCompile(`<script>|<style|style=|\son[a-z]+=|https?:`).MatchString(page) {
		t.Errorf("the page has inline scripts, inline styles or foreign addresses:\n%s", page)
	}
}

func TestScriptsShowTextsAsTextOnly(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|style=\$?\{|style="`)
	files, err := fs.Glob(os.DirFS("assets"), "*.js")
	if err != nil || len(files) < 10 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, name := range files {
		if found := forbidden.FindString(ask(http.MethodGet, "/"+name).Body.String()); found != "" {
			t.Errorf("%s has %s", name, found)
		}
	}
}

func TestABrowserTransfersAFileOnceAndAsksForANewVersion(t *testing.T) {
	t.Parallel()
	first := ask(http.MethodGet, "/app.js")
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("headers %v", first.Header())
	}
	if again := ask(http.MethodGet, "/app.js", "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("with the tag: %d, %d bytes", again.Code, again.Body.Len())
	}
	if other := ask(http.MethodGet, "/style.css"); other.Header().Get("ETag") == tag {
		t.Error("two files have the same tag")
	}
	if head := ask(http.MethodHead, "/app.js"); head.Code != http.StatusOK || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", head.Code, head.Body.Len())
	}
	if post := ask(http.MethodPost, "/app.js"); post.Code != http.StatusMethodNotAllowed || post.Header().Get("Allow") == "" {
		t.Errorf("POST: %d, Allow %q", post.Code, post.Header().Get("Allow"))
	}
}

func TestPathsLeadToNoOtherFile(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"/index.html", "/assets/index.html", "//app.js", "/./app.js", "/vendor/../app.js", "/../ui.go", "/..%2fui.go", "/ui.go", "/vendor", "/vendor/",
		"/vendor/README.md", "/tests/page.test.mjs", "/app.js/", "/APP.JS", "/app.js\x00", `/..\ui.go`, "", "app.js", "/etc/passwd",
	} {
		w := ask(http.MethodGet, target)
		if w.Code != http.StatusNotFound || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%q: %d, %s", target, w.Code, w.Header().Get("Content-Type"))
		}
	}
}
