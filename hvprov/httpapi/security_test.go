// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

// fixedTokens are tokens with their owners.
type fixedTokens struct {
	mu      sync.Mutex
	owners  map[string]httpapi.Identity
	revoked bool
}

// Authenticate implements [httpapi.Authenticator].
func (f *fixedTokens) Authenticate(r *http.Request) (*httpapi.Identity, error) {
	token := httpapi.BearerToken(r)
	if token == "" {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	owner, ok := f.owners[token]
	if !ok || f.revoked {
		return nil, httpapi.ErrCredentials
	}
	return &owner, nil
}

func (f *fixedTokens) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revoked = true
}

// people has a token for each role, named as the role.
func people() *fixedTokens {
	return &fixedTokens{owners: map[string]httpapi.Identity{
		"reader": {Name: "rita", Role: httpapi.RoleReader}, "writer": {Name: "walt", Role: httpapi.RoleWriter}, "admin": {Name: "ada", Role: httpapi.RoleAdmin},
		"none": {Name: "nora"},
	}}
}

// newProtectedAPI serves a service with tokens.
func newProtectedAPI(t *testing.T, change func(*httpapi.Options)) (*api, *fixedTokens) {
	t.Helper()
	tokens := people()
	return newAPI(t, func(_ *hvprov.Options, o *httpapi.Options) {
		o.Authenticators = []httpapi.Authenticator{tokens}
		if change != nil {
			change(o)
		}
	}), tokens
}

func TestEachRouteNeedsItsRole(t *testing.T) {
	t.Parallel()
	a, _ := newProtectedAPI(t, nil)
	needs := map[string]string{
		"GET /healthz": "", "GET /readyz": "", "GET /api/v1/session/login": "", "GET /api/v1/session/callback": "", "GET /api/v1/diagnostics": "admin",
	}
	for _, route := range a.handler.Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{id}", "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99", "{host}", "hv01", "{vm}", "x").Replace(path)
		need, known := needs[route]
		switch {
		case known:
		case strings.HasPrefix(route, "POST /api/v1/jobs/"):
			need = "writer"
		default:
			need = "reader"
		}
		if got := a.send(method, path, nil); (got.status == http.StatusUnauthorized) != (need != "") && !strings.HasSuffix(path, "/callback") {
			t.Errorf("%s without a token: %d", route, got.status)
		}
		if need == "" || strings.HasSuffix(path, "/ws") || strings.HasSuffix(path, "/session") {
			continue
		}
		for role, allowed := range map[string]bool{"none": false, "reader": need == "reader", "writer": need != "admin", "admin": true} {
			got := a.send(method, path, nil, "Authorization", "Bearer "+role)
			if (got.status != http.StatusForbidden) != allowed {
				t.Errorf("%s by %s: %d %s", route, role, got.status, got.body)
			}
		}
	}
	wrong := a.want(http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/api/v1/jobs", nil, "Authorization", "Bearer wrong")
	if wrong.header.Get("WWW-Authenticate") == "" {
		t.Error("no WWW-Authenticate")
	}
}

func TestWithoutAuthenticationOnlyThisComputerIsServed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs", nil)
	a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs", nil, "Host", "localhost:8080")
	for name, headers := range map[string][]string{
		"a name that resolves to this computer": {"Host", "rebound.lab.example"},
		"a proxy":                               {"X-Forwarded-For", "192.0.2.7"},
		"another proxy":                         {"Forwarded", "for=192.0.2.7"},
	} {
		if got := a.send(http.MethodGet, "/api/v1/jobs", nil, headers...); got.text("code") != "forbidden" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

func TestPagesOfOtherOriginsChangeNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *hvprov.Options, o *httpapi.Options) { o.Origins = []string{"https://ops.lab.example"} })
	const path = "/api/v1/jobs:check"
	body := map[string]any{"operation": "delete", "host": "", "vm_id": "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e99"}
	a.want(http.StatusForbidden, "cross_origin", http.MethodPost, path, body, "Origin", "https://other.lab.example")
	a.want(http.StatusForbidden, "cross_origin", http.MethodPost, path, body, "Sec-Fetch-Site", "cross-site")
	a.want(http.StatusOK, "", http.MethodPost, path, body, "Origin", a.server.URL)
	a.want(http.StatusOK, "", http.MethodPost, path, body, "Origin", "https://ops.lab.example")
	a.want(http.StatusUnsupportedMediaType, "unsupported_media_type", http.MethodPost, path, body, "Content-Type", "text/plain")
}

func TestASessionLastsAsLongAsItsToken(t *testing.T) {
	t.Parallel()
	a, tokens := newProtectedAPI(t, nil)
	created := a.want(http.StatusCreated, "", http.MethodPost, "/api/v1/session", nil, "Authorization", "Bearer writer")
	cookie := created.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s: %s", want, cookie)
		}
	}
	if strings.Contains(cookie, "writer") {
		t.Errorf("the cookie contains the token: %s", cookie)
	}
	a.headers["Cookie"], _, _ = strings.Cut(cookie, ";")
	if who := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/session", nil); who.text("name") != "walt" || who.text("csrf_token") != created.text("csrf_token") {
		t.Errorf("session is %s", who.body)
	}
	body := map[string]any{"all": true}
	const path = "/api/v1/notifications:read"
	a.want(http.StatusForbidden, "forbidden", http.MethodPost, path, body)
	a.want(http.StatusForbidden, "forbidden", http.MethodPost, path, body, "X-CSRF-Token", "forged")
	a.want(http.StatusOK, "", http.MethodPost, path, body, "X-CSRF-Token", created.text("csrf_token"))
	a.want(http.StatusUnauthorized, "", http.MethodGet, "/api/v1/session", nil, "Cookie", "hvprov_session=forged")

	tokens.revoke()
	a.want(http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/api/v1/session", nil)
}

func TestASessionCanBeEnded(t *testing.T) {
	t.Parallel()
	a, _ := newProtectedAPI(t, nil)
	created := a.want(http.StatusCreated, "", http.MethodPost, "/api/v1/session", nil, "Authorization", "Bearer reader")
	a.headers["Cookie"], _, _ = strings.Cut(created.header.Get("Set-Cookie"), ";")
	a.want(http.StatusNoContent, "", http.MethodDelete, "/api/v1/session", nil, "X-CSRF-Token", created.text("csrf_token"))
	a.want(http.StatusUnauthorized, "", http.MethodGet, "/api/v1/jobs", nil)
}

func TestEachSubmissionIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var mu sync.Mutex
	a, _ := newProtectedAPI(t, func(o *httpapi.Options) { o.Audit = slog.New(slog.NewTextHandler(&lockedWriter{&mu, &log}, nil)) })
	a.headers["Authorization"] = "Bearer writer"
	accepted := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01"))
	if accepted.text("requester") != "walt" {
		t.Errorf("the requester is %q", accepted.text("requester"))
	}
	a.await(accepted.text("id"))
	a.want(http.StatusNotFound, "host_unknown", http.MethodPost, "/api/v1/jobs/provision", map[string]any{"schema_version": schemaVersion(), "host": "hv09", "values": values("a")})
	a.server.Close() // waits for the requests
	mu.Lock()
	defer mu.Unlock()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("the log is\n%s", log.String())
	}
	for i, want := range [][]string{
		{"who=walt", "role=writer", "host=hv01", "job=" + accepted.text("id"), "status=202", "path=/api/v1/jobs/provision"},
		{"who=walt", "host=hv09", "code=host_unknown", "status=404"},
	} {
		for _, part := range want {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %d lacks %s: %s", i+1, part, lines[i])
			}
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the log contains a secret")
	}
}

// lockedWriter writes to a buffer that others read.
type lockedWriter struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

func TestRequestsHaveLimits(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *hvprov.Options, o *httpapi.Options) { o.MaxBodyBytes = 2000 })
	large := provisionBody(strings.Repeat("x", 3000))
	a.want(http.StatusRequestEntityTooLarge, "body_too_large", http.MethodPost, "/api/v1/jobs/provision", large)
	for _, body := range []string{"{", "[]", `{"host":1}`, `{"host":"hv01"} {}`, `"x"`, `{"host":"hv01","host_":1}`} {
		if got := a.sendText(http.MethodPost, "/api/v1/jobs/provision", body); got.text("code") != "invalid_request" {
			t.Errorf("body %s: %d %s", body, got.status, got.body)
		}
	}
	for path, status := range map[string]int{
		"/api/v1/nothing": http.StatusNotFound, "/": http.StatusNotFound, "/api/v1/jobs/../hosts": http.StatusNotFound, "//api/v1/jobs": http.StatusNotFound,
		"/api/v1/jobs/%2e%2e%2fhosts": http.StatusNotFound, "/api/v1/jobs/provision": http.StatusNotFound,
	} {
		if got := a.send(http.MethodGet, path, nil); got.status != status || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	refused := a.want(http.StatusMethodNotAllowed, "method_not_allowed", http.MethodPut, "/api/v1/hosts", nil)
	if refused.header.Get("Allow") != "GET" {
		t.Errorf("Allow is %q", refused.header.Get("Allow"))
	}
}

func TestAClientThatSendsTooManyRequestsWaits(t *testing.T) {
	t.Parallel()
	a, _ := newProtectedAPI(t, func(o *httpapi.Options) { o.RequestsPerSecond = 0.001 }) // the burst is one hundredth of a request
	got := a.want(http.StatusTooManyRequests, "rate_limited", http.MethodGet, "/api/v1/jobs", nil, "Authorization", "Bearer reader")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	a.want(http.StatusOK, "", http.MethodGet, "/healthz", nil)
}

// LoginURL implements [httpapi.Login]: the code is the token.
func (f *fixedTokens) LoginURL(redirect, state, verifier string) string {
	return "https://id.lab.example/auth?" + url.Values{"redirect_uri": {redirect}, "state": {state}, "challenge": {verifier}}.Encode()
}

// Exchange implements [httpapi.Login].
func (f *fixedTokens) Exchange(_ context.Context, _, code, verifier string) (string, error) {
	if code == "" || len(verifier) < 43 { // RFC 7636 4.1
		return "", errors.New("no code")
	}
	return code, nil
}

func TestAPersonSignsInWithABrowser(t *testing.T) {
	t.Parallel()
	a, _ := newProtectedAPI(t, nil)
	if refused := a.want(http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/api/v1/session", nil); refused.text("login") != "/api/v1/session/login" {
		t.Errorf("refused: %s", refused.body)
	}
	begin := func(back string) (cookie, state string) {
		t.Helper()
		sent := a.want(http.StatusFound, "", http.MethodGet, "/api/v1/session/login?return="+url.QueryEscape(back), nil)
		to, err := url.Parse(sent.header.Get("Location"))
		if err != nil || to.Query().Get("redirect_uri") != a.server.URL+"/api/v1/session/callback" {
			t.Errorf("sent to %v, error %v", to, err)
		}
		if text := sent.header.Get("Set-Cookie"); !strings.Contains(text, "HttpOnly") || !strings.Contains(text, "SameSite=Lax") {
			t.Errorf("cookie is %s", text)
		}
		cookie, _, _ = strings.Cut(sent.header.Get("Set-Cookie"), ";")
		return cookie, to.Query().Get("state")
	}
	for back, want := range map[string]string{"/jobs?state=failed": "/jobs?state=failed", "https://other.lab.example/": "/", "//other.lab.example": "/", `/\other.lab.example`: "/", "": "/"} {
		cookie, state := begin(back)
		signedIn := a.want(http.StatusFound, "", http.MethodGet, "/api/v1/session/callback?iss=x&code=writer&state="+state, nil, "Cookie", cookie)
		if got := signedIn.header.Get("Location"); got != want {
			t.Errorf("from %q to %q, want %q", back, got, want)
		}
		session := signedIn.header.Values("Set-Cookie")
		cookie, _, _ = strings.Cut(session[len(session)-1], ";")
		if who := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/session", nil, "Cookie", cookie); who.text("name") != "walt" {
			t.Errorf("session is %s", who.body)
		}
	}
	cookie, state := begin("/")
	for query, header := range map[string]string{
		"code=writer&state=" + state:      "",
		"code=writer&state=x":             cookie,
		"code=writer":                     cookie,
		"error=denied&state=" + state:     cookie,
		"code=unknown-one&state=" + state: cookie,
	} {
		if got := a.send(http.MethodGet, "/api/v1/session/callback?"+query, nil, "Cookie", header); got.status != http.StatusUnauthorized || strings.Contains(got.header.Get("Set-Cookie"), "hvprov_session") {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	other := newAPI(t, nil)
	other.want(http.StatusNotFound, "not_found", http.MethodGet, "/api/v1/session/login", nil)
	other.want(http.StatusNotFound, "not_found", http.MethodGet, "/api/v1/session/callback", nil)
}
