// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

func TestTheOpenAPIDocumentDescribesAllRoutesAndNoOther(t *testing.T) {
	t.Parallel()
	if _, err := router(); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			described = append(described, method+" "+path)
			if operation.OperationID == "" || operation.Summary == "" {
				t.Errorf("%s %s has no operationId or no summary", method, path)
			}
			for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if item.Parameters.GetByInAndName("path", name[1]) == nil {
					t.Errorf("%s %s does not describe %s", method, path, name[1])
				}
			}
		}
	}
	described = slices.DeleteFunc(described, func(route string) bool { return route == "GET /metrics" }) // depends on the options
	slices.Sort(described)
	if got := newAPI(t, nil).handler.Routes(); !slices.Equal(got, described) {
		t.Errorf("routes are\n%s\nthe document describes\n%s", strings.Join(got, "\n"), strings.Join(described, "\n"))
	}
}

func TestTheOpenAPIDocumentIsServed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	got := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/openapi.json", nil)
	if got.text("openapi") != "3.1.0" {
		t.Errorf("got %.100s", got.body)
	}
	a.want(http.StatusNotModified, "", http.MethodGet, "/api/v1/openapi.json", nil, "If-None-Match", got.header.Get("ETag"))
}

func TestAPageAndMetricsAreServedIfTheOptionsHaveThem(t *testing.T) {
	t.Parallel()
	text := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte(text))
		})
	}
	a, _ := newProtectedAPI(t, func(o *httpapi.Options) { o.Page, o.Metrics = text("page"), text("metrics") })
	for path, want := range map[string]string{"/": "page", "/assets/app.js": "page", "/api/v1/nothing": "", "/metrics": "metrics"} {
		if got := a.send(http.MethodGet, path, nil, "Authorization", "Bearer reader"); want != "" && string(got.body) != want || want == "" && got.text("code") != "not_found" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	a.want(http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/metrics", nil)
}
