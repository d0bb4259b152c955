// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// secret is the password in submissions. It must not be in any answer.
const secret = "c0rrect horse"

// values are those of a provision.
func values(name string) map[string]any {
	return map[string]any{
		"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": secret,
	}
}

// schemaVersion returns the version of the embedded job schema.
func schemaVersion() int {
	schema, err := schemas.Load()
	if err != nil {
		panic(err)
	}
	return schema.Version
}

func provisionBody(name string) map[string]any {
	return map[string]any{"schema_version": schemaVersion(), "host": "hv01", "values": values(name)}
}

// api is a served handler with one simulated host, hv01.
type api struct {
	t       *testing.T
	host    *simhost.Server
	service *hvprov.Service
	handler *httpapi.Handler
	server  *httptest.Server
	headers map[string]string // of all requests
}

// newAPI serves a service. change may change the options.
func newAPI(t *testing.T, change func(*hvprov.Options, *httpapi.Options)) *api {
	t.Helper()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	opts := hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}}}
	var httpOpts httpapi.Options
	if change != nil {
		change(&opts, &httpOpts)
	}
	service, err := hvprov.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close(context.Background()) })
	handler, err := httpapi.New(service, httpOpts)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		if err := handler.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		server.Close()
	})
	return &api{t: t, host: host, service: service, handler: handler, server: server, headers: map[string]string{}}
}

// updateHost changes the state of the simulated host.
func (a *api) updateHost(change func(*hyperv.State)) {
	a.t.Helper()
	if err := a.host.Store().Update(func(s *hyperv.State) error { change(s); return nil }); err != nil {
		a.t.Fatal(err)
	}
}

// answer is an answer of the API.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any
}

// get returns a value by its path in the JSON body.
func (a answer) get(path ...string) any {
	var at any = a.json
	for _, name := range path {
		object, _ := at.(map[string]any)
		at = object[name]
	}
	return at
}

func (a answer) text(path ...string) string {
	text, _ := a.get(path...).(string)
	return text
}

func (a answer) list(path ...string) []any {
	all, _ := a.get(path...).([]any)
	return all
}

// send sends a request with a JSON body, unless it is nil, and holds the answer to the OpenAPI document. Headers follow as pairs.
func (a *api) send(method, path string, body any, headers ...string) answer {
	a.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			a.t.Fatal(err)
		}
	}
	return a.sendText(method, path, string(text), headers...)
}

func (a *api) sendText(method, path, body string, headers ...string) answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.server.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range a.headers {
		req.Header.Set(name, value)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	response, err := a.server.Client().Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	got := answer{status: response.StatusCode, header: response.Header, body: content}
	if strings.Contains(response.Header.Get("Content-Type"), "json") && len(content) > 0 {
		if err := json.Unmarshal(content, &got.json); err != nil {
			a.t.Fatalf("%s %s: %v: %s", method, path, err, content)
		}
	}
	if bytes.Contains(content, []byte(secret)) {
		a.t.Errorf("%s %s: the answer contains a secret: %s", method, path, content)
	}
	holdToDocument(a.t, req, got)
	return got
}

// want sends a request and checks the status, and the code of a problem if there is one.
func (a *api) want(status int, code, method, path string, body any, headers ...string) answer {
	a.t.Helper()
	got := a.send(method, path, body, headers...)
	if got.status != status || got.text("code") != code && code != "" {
		a.t.Fatalf("%s %s: status %d, code %q, want %d, %q: %s", method, path, got.status, got.text("code"), status, code, got.body)
	}
	return got
}

// await returns the job when it has ended.
func (a *api) await(id string) answer {
	a.t.Helper()
	j, err := a.service.Attach(a.t.Context(), "hv01", id)
	if err != nil {
		a.t.Fatal(err)
	}
	_, _ = j.Wait(a.t.Context())
	return a.want(http.StatusOK, "", http.MethodGet, "/api/v1/jobs/"+id, nil)
}

// document is the OpenAPI document with a router for it.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromData(httpapi.OpenAPI())
})

var router = sync.OnceValues(func() (routers.Router, error) {
	doc, err := document()
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// answered are the operations of the document that a test has answered with success, by method and path of the document.
var answered sync.Map

// holdToDocument checks an answer against the OpenAPI document.
func holdToDocument(t *testing.T, req *http.Request, got answer) {
	t.Helper()
	find, err := router()
	if err != nil {
		t.Fatalf("the OpenAPI document: %v", err)
	}
	probe := req.Clone(req.Context())
	probe.URL.Host, probe.URL.Scheme, probe.Host = "", "", ""
	route, params, err := find.FindRoute(probe)
	if err != nil { // there is no such route
		if got.status < 400 {
			return // the page
		}
		if got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %v, and the answer is not a problem: %d %s", req.Method, req.URL, err, got.status, got.body)
		}
		return
	}
	err = openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: probe, PathParams: params, Route: route},
		Status:                 got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader(got.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s %s: the answer is not that of the OpenAPI document: %v\n%d %s", req.Method, req.URL, err, got.status, got.body)
	}
	if got.status < 400 {
		answered.Store(req.Method+" "+route.Path, true)
	}
}
