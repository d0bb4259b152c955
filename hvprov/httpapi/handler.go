// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// apiPath is the path of the API.
const apiPath = "/api/v1"

const (
	headerRequestID      = "X-Request-Id"
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
	headerCSRF           = "X-CSRF-Token"
)

// Handler serves the API. Create it with [New].
type Handler struct {
	service *hvprov.Service
	opts    Options
	logger  *slog.Logger

	mux      *http.ServeMux
	routes   []route
	origins  *http.CrossOriginProtection
	limiter  *limiter
	requests *slots
	streams  *slots
	sessions *sessions
	bodies   *fingerprints
	schema   schemaDocuments

	hub        *hub
	recent     *recentChanges
	events     []notify.Subscription // of the service
	background sync.WaitGroup
}

// route is a route of the API.
type route struct {
	method, path string
	role         Role // needed; 0: no authentication
	stream       bool // lasts until the client or the server ends it
	handle       func(w http.ResponseWriter, r *http.Request) error
}

func (rt *route) writes() bool {
	return rt.method != http.MethodGet
}

// New returns a handler for a service. To stop, end the streams, shut the server down, close the service, and close the handler, which
// then keeps the notifications of jobs that have ended meanwhile.
func New(service *hvprov.Service, opts Options) (*Handler, error) {
	opts = opts.withDefaults()
	h := &Handler{
		service: service, opts: opts, logger: opts.Logger, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection(),
		limiter:  newLimiter(opts.RequestsPerSecond, opts.now),
		requests: newSlots(opts.MaxRequests, len(opts.Authenticators) == 0), streams: newSlots(opts.MaxStreams, len(opts.Authenticators) == 0),
		sessions: newSessions(opts.SessionAge, opts.now), bodies: newFingerprints(),
	}
	for _, origin := range opts.Origins {
		if err := h.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("option Origins: %w", err)
		}
	}
	var err error
	if h.schema, err = newSchemaDocuments(service.Schema()); err != nil {
		return nil, err
	}
	h.addRoutes()
	h.hub, h.recent = newHub(opts.KeepMessages), newRecentChanges()
	all, notable := subscribe(service)
	h.events = []notify.Subscription{all, notable}
	h.background.Go(func() { h.pump(all) })
	h.background.Go(func() { (&notifier{h: h, down: map[string]bool{}}).watch(notable) })
	return h, nil
}

// addRoutes registers all routes. The OpenAPI document describes each of them.
func (h *Handler) addRoutes() {
	h.routes = []route{
		{method: http.MethodGet, path: "/healthz", handle: h.getHealth},
		{method: http.MethodGet, path: "/readyz", handle: h.getReadiness},
		{method: http.MethodGet, path: apiPath + "/openapi.json", role: RoleReader, handle: h.getOpenAPI},
		{method: http.MethodGet, path: apiPath + "/schema/job-inputs", role: RoleReader, handle: h.getSchema},

		{method: http.MethodGet, path: apiPath + "/jobs", role: RoleReader, handle: h.listJobs},
		{method: http.MethodPost, path: apiPath + "/jobs:check", role: RoleReader, handle: h.postCheck},
		{method: http.MethodGet, path: apiPath + "/jobs/{id}", role: RoleReader, handle: h.getJob},
		{method: http.MethodGet, path: apiPath + "/jobs/{id}/events", role: RoleReader, handle: h.getJobEvents},
		{method: http.MethodPost, path: apiPath + "/jobs/{id}/cancel", role: RoleWriter, handle: h.postCancel},

		{method: http.MethodGet, path: apiPath + "/hosts", role: RoleReader, handle: h.listHosts},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}", role: RoleReader, handle: h.getHost},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}/inventory", role: RoleReader, handle: h.getHostInventory},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}/snapshot", role: RoleReader, handle: h.getSnapshot},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}/disks", role: RoleReader, handle: h.getDisks},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}/switches", role: RoleReader, handle: h.getSwitches},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}/vms/{vm}", role: RoleReader, handle: h.getVM},
		{method: http.MethodGet, path: apiPath + "/hosts/{host}/vms/{vm}/checkpoints", role: RoleReader, handle: h.getCheckpoints},
		{method: http.MethodPost, path: apiPath + "/hosts/{host}/vms/{vm}/comparison", role: RoleReader, handle: h.postComparison},
		{method: http.MethodGet, path: apiPath + "/inventory", role: RoleReader, handle: h.getInventory},

		{method: http.MethodGet, path: apiPath + "/notifications", role: RoleReader, handle: h.listNotifications},
		{method: http.MethodPost, path: apiPath + "/notifications:read", role: RoleReader, handle: h.postNotificationsRead},

		{method: http.MethodGet, path: apiPath + "/events", role: RoleReader, stream: true, handle: h.getEvents},
		{method: http.MethodGet, path: apiPath + "/ws", role: RoleReader, stream: true, handle: h.getWebsocket},

		{method: http.MethodGet, path: apiPath + "/session", role: RoleReader, handle: h.getSession},
		{method: http.MethodPost, path: apiPath + "/session", role: RoleReader, handle: h.postSession},
		{method: http.MethodDelete, path: apiPath + "/session", role: RoleReader, handle: h.deleteSession},
		{method: http.MethodGet, path: loginPath, handle: h.getLogin},
		{method: http.MethodGet, path: callbackPath, handle: h.getCallback},
		{method: http.MethodGet, path: apiPath + "/diagnostics", role: RoleAdmin, handle: h.getDiagnostics},
	}
	for _, operation := range job.Operations() {
		h.routes = append(h.routes, route{
			method: http.MethodPost, path: apiPath + "/jobs/" + string(operation), role: RoleWriter,
			handle: func(w http.ResponseWriter, r *http.Request) error { return h.submit(w, r, operation) },
		})
	}
	if h.opts.Metrics != nil {
		h.routes = append(h.routes, route{method: http.MethodGet, path: "/metrics", role: RoleReader, handle: h.getMetrics})
	}
	for i := range h.routes {
		rt := &h.routes[i]
		h.mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, rt) })
	}
}

// EndStreams ends all websockets and event streams. It is a function for [http.Server.RegisterOnShutdown].
func (h *Handler) EndStreams() { h.hub.close() }

// Close ends all streams, keeps the notifications of what has happened, and closes [Options.Notifications].
func (h *Handler) Close() error {
	h.EndStreams()
	for _, s := range h.events {
		s.Close() // what waits is still handled
	}
	h.background.Wait()
	return h.opts.Notifications.Close()
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set(headerRequestID, rand.Text())
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	_, pattern := h.mux.Handler(r)
	if pattern != "" && path.Clean(r.URL.Path) == r.URL.Path {
		h.mux.ServeHTTP(w, r)
		return
	}
	allowed := h.methods(r.URL.Path)
	switch {
	case len(allowed) > 0:
		header.Set("Allow", strings.Join(allowed, ", "))
		newProblem("method_not_allowed", "%s does not allow %s: use %s", r.URL.Path, r.Method, oneOf(allowed)).write(w, r)
	case h.opts.Page != nil && !strings.HasPrefix(r.URL.Path, "/api/"):
		h.opts.Page.ServeHTTP(w, r)
	default:
		newProblem("not_found", "there is no %s: %s/openapi.json describes all routes", r.URL.Path, apiPath).write(w, r)
	}
}

// methods returns the methods of the routes with a path.
func (h *Handler) methods(urlPath string) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: cloneURL(urlPath)}
		if _, pattern := h.mux.Handler(probe); pattern != "" && path.Clean(urlPath) == urlPath {
			methods = append(methods, method)
		}
	}
	return methods
}

// serve serves one request of a route.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, rt *route) {
	call := &call{route: rt}
	recorder := &recorder{ResponseWriter: w}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, call))
	defer func() {
		if value := recover(); value != nil {
			if value == http.ErrAbortHandler { //nolint:errorlint // a panic value
				panic(value)
			}
			h.logger.Error("request panicked", "request", w.Header().Get(headerRequestID), "panic", value, "stack", string(debug.Stack()))
			if recorder.status == 0 {
				newProblem("internal", "the server could not serve the request: its log has the cause under the request_id").write(recorder, r)
			}
		}
		h.finish(recorder, r, call)
	}()
	if err := h.admit(recorder, r, call); err != nil {
		h.fail(recorder, r, call, err)
		return
	}
	if !rt.stream {
		if rt.role > 0 { // a check of health does not depend on the load
			release, ok := h.requests.take(call.identity.Name)
			if !ok {
				p := newProblem("overloaded", "too many requests are served at the same time: repeat the request later")
				p.retryAfter = time.Second
				h.fail(recorder, r, call, p)
				return
			}
			defer release()
		}
		ctx, cancel := context.WithTimeout(r.Context(), h.opts.RequestTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		_ = http.NewResponseController(w).SetWriteDeadline(h.opts.now().Add(h.opts.RequestTimeout + 30*time.Second)) // not every writer has deadlines
	}
	r.Body = http.MaxBytesReader(recorder, r.Body, h.opts.MaxBodyBytes)
	if err := rt.handle(recorder, r); err != nil {
		h.fail(recorder, r, call, err)
	}
}

// admit authenticates a request and checks whether its sender may send it.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, c *call) error {
	if c.route.role == 0 {
		return nil
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if err := h.origins.Check(r); err != nil {
		return newProblem("cross_origin", "the request comes from a page of another origin")
	}
	identity, err := h.identify(r, c)
	if err != nil {
		if wait := h.limiter.take("address " + addressOf(r)); wait > 0 {
			return tooMany(wait)
		}
		return err
	}
	c.identity = identity
	if wait := h.limiter.take("client " + identity.Name); wait > 0 {
		return tooMany(wait)
	}
	if identity.Role < c.route.role {
		return newProblem("forbidden", "%s has the role %s, and %s %s needs the role %s", identity.Name, identity.Role, r.Method, r.URL.Path, c.route.role)
	}
	return nil
}

func tooMany(wait time.Duration) *problem {
	p := newProblem("rate_limited", "too many requests: wait before the next one")
	p.retryAfter = max(wait.Round(time.Second), time.Second)
	return p
}

// fail sends the problem for an error.
func (h *Handler) fail(w *recorder, r *http.Request, c *call, err error) {
	p := h.problemOf(err)
	c.code = p.Code
	if p.cause != nil {
		h.logger.Error("request failed", "request", w.Header().Get(headerRequestID), "method", r.Method, "path", r.URL.Path, "error", p.cause)
	}
	if w.status == 0 {
		p.write(w, r)
	}
}

// finish logs a request, and records it in the audit log if it changes something.
func (h *Handler) finish(w *recorder, r *http.Request, c *call) {
	attrs := []slog.Attr{
		slog.String("request", w.Header().Get(headerRequestID)), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", w.status), slog.String("who", c.identity.Name), slog.String("remote", r.RemoteAddr),
	}
	if c.code != "" {
		attrs = append(attrs, slog.String("code", c.code))
	}
	logger, level, message := h.logger, slog.LevelDebug, "request"
	if c.route.writes() && c.route.role > RoleReader {
		logger, level, message = h.opts.Audit, slog.LevelInfo, "audit"
		attrs = append(attrs, slog.String("role", c.identity.Role.String()), slog.String("host", c.host), slog.String("job", c.job))
	}
	logger.LogAttrs(r.Context(), level, message, attrs...)
}

// call is what becomes known about a request while it is served.
type call struct {
	route    *route
	identity Identity
	session  *session
	host     string // of a job
	job      string // GUID
	code     string // of the problem
}

type callKey struct{}

func callOf(r *http.Request) *call {
	c, ok := r.Context().Value(callKey{}).(*call)
	if !ok {
		panic(errors.New("httpapi: request without a call"))
	}
	return c
}

// recorder records the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
