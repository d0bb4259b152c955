// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// problemTypes is the address of the documentation of the codes.
const problemTypes = "https://github.com/hypervvm/terraform-provider-hypervvm/blob/main/docs/guides/api.md#"

// problem is the body of an error answer as defined in RFC 9457.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`

	Code      string       `json:"code"` // stable; see [hvprov.Code]
	RequestID string       `json:"request_id,omitempty"`
	Errors    []fieldError `json:"errors,omitempty"`

	Expected *job.SchemaRef `json:"expected,omitempty"`
	Received *job.SchemaRef `json:"received,omitempty"`

	Host      string   `json:"host,omitempty"`
	HostState string   `json:"host_state,omitempty"`
	Node      string   `json:"node,omitempty"`
	Hosts     []string `json:"hosts,omitempty"`
	Name      string   `json:"name,omitempty"`
	JobID     string   `json:"job_id,omitempty"`
	VMID      string   `json:"vm_id,omitempty"`
	Operation string   `json:"operation,omitempty"` // of the job
	Login     string   `json:"login,omitempty"`     // unauthenticated: where people sign in with a browser

	retryAfter time.Duration
	cause      error // of an internal error, for the log
}

// fieldError is what is wrong with one value.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Code    string `json:"code"`
	Remedy  string `json:"remedy,omitempty"`
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// titles are the titles of problems by code. Together with [statuses] they define the codes of the API.
var titles = map[string]string{
	"schema_mismatch":        "Schema version mismatch",
	"invalid_submission":     "Invalid values",
	"invalid_request":        "Invalid request",
	"unsupported_media_type": "Unsupported media type",
	"body_too_large":         "Request body too large",
	"not_found":              "Not found",
	"method_not_allowed":     "Method not allowed",
	"unauthenticated":        "Authentication required",
	"forbidden":              "Not allowed",
	"cross_origin":           "Cross-origin request refused",
	"rate_limited":           "Too many requests",
	"overloaded":             "Server is overloaded",
	"timeout":                "Time limit exceeded",
	"internal":               "Internal error",
	"idempotency_key_reused": "Idempotency key was used for another request",

	"host_unknown":           "Host is not configured",
	"host_unreachable":       "Host is not reachable",
	"host_not_ready":         "Host is not ready",
	"host_busy":              "Host has active jobs",
	"authentication_refused": "Host refused the credentials",
	"access_denied":          "Account lacks a right on the host",
	"quota_exceeded":         "Quota of the host exceeded",
	"connection_lost":        "Connection to the host lost",
	"name_taken":             "Name is taken",
	"vm_busy":                "Virtual machine is busy",
	"vm_not_found":           "Virtual machine not found",
	"vm_ambiguous":           "Several virtual machines have the name",
	"vm_elsewhere":           "Virtual machine is on another host",
	"job_not_found":          "Job not found",
	"service_closed":         "Service is stopping",
}

// statuses are the status codes of problems by code. Other codes are 500.
var statuses = map[string]int{
	"schema_mismatch":        http.StatusConflict,
	"invalid_submission":     http.StatusUnprocessableEntity,
	"invalid_request":        http.StatusBadRequest,
	"unsupported_media_type": http.StatusUnsupportedMediaType,
	"body_too_large":         http.StatusRequestEntityTooLarge,
	"not_found":              http.StatusNotFound,
	"method_not_allowed":     http.StatusMethodNotAllowed,
	"unauthenticated":        http.StatusUnauthorized,
	"forbidden":              http.StatusForbidden,
	"cross_origin":           http.StatusForbidden,
	"rate_limited":           http.StatusTooManyRequests,
	"overloaded":             http.StatusServiceUnavailable,
	"timeout":                http.StatusGatewayTimeout,
	"idempotency_key_reused": http.StatusUnprocessableEntity,

	"host_unknown":           http.StatusNotFound,
	"host_unreachable":       http.StatusServiceUnavailable,
	"host_not_ready":         http.StatusServiceUnavailable,
	"host_busy":              http.StatusConflict,
	"authentication_refused": http.StatusServiceUnavailable,
	"access_denied":          http.StatusServiceUnavailable,
	"quota_exceeded":         http.StatusServiceUnavailable,
	"connection_lost":        http.StatusServiceUnavailable,
	"name_taken":             http.StatusConflict,
	"vm_busy":                http.StatusConflict,
	"vm_not_found":           http.StatusNotFound,
	"vm_ambiguous":           http.StatusConflict,
	"vm_elsewhere":           http.StatusConflict,
	"job_not_found":          http.StatusNotFound,
	"service_closed":         http.StatusServiceUnavailable,
}

// newProblem returns a problem with the status and the title of its code.
func newProblem(code, format string, args ...any) *problem {
	p := &problem{Code: code, Title: titles[code], Status: statuses[code], Detail: fmt.Sprintf(format, args...)}
	if p.Status == 0 {
		p.Status, p.Title = http.StatusInternalServerError, titles["internal"]
	}
	p.Type = problemTypes + code
	return p
}

// problemOf returns the problem for an error of the service or of this package. The text of an error without a code is not shown: it
// may name files and addresses.
func (h *Handler) problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	code := hvprov.Code(err)
	if code == "" || statuses[code] == 0 && code != "job_exists" {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			p = newProblem("timeout", "the request took longer than %s: repeat it; a job that was submitted continues", h.opts.RequestTimeout)
			return p
		}
		p = newProblem("internal", "the server could not serve the request: its log has the cause under the request_id")
		p.cause = err
		return p
	}
	if code == "job_exists" {
		return newProblem("idempotency_key_reused", "the Idempotency-Key was used for another submission: use a new key, or repeat the same submission")
	}
	p = newProblem(code, "%s", err)
	h.describe(p, err)
	return p
}

// describe adds what a typed error of the service knows.
func (h *Handler) describe(p *problem, err error) {
	var (
		invalid  *jobschema.ValidationError
		mismatch *jobschema.VersionMismatchError
		unknown  *hvprov.HostUnknownError
		host     *hvprov.HostError
		taken    *hvprov.NameTakenError
		busy     *hvprov.VMBusyError
		moved    *hvprov.VMElsewhereError
	)
	switch {
	case errors.As(err, &mismatch):
		p.Expected, p.Received = &mismatch.Expected, &mismatch.Given
	case errors.As(err, &invalid):
		p.Detail = fmt.Sprintf("%d of the values are not valid", len(invalid.Faults))
		p.Errors = fieldErrors(invalid.Faults)
	case errors.As(err, &unknown):
		p.Host, p.Hosts = unknown.Host, unknown.Known
	case errors.As(err, &taken):
		p.Host, p.Name, p.JobID, p.VMID = taken.Host, taken.Name, taken.JobID, taken.VMID
		if taken.Field != "" {
			p.Errors = []fieldError{{Field: taken.Field, Message: err.Error(), Code: p.Code}}
		}
	case errors.As(err, &busy):
		p.Host, p.JobID, p.VMID, p.Operation = busy.Host, busy.JobID, busy.VMID, string(busy.Operation)
	case errors.As(err, &moved):
		p.Host, p.Node, p.VMID = moved.Host, moved.Node, moved.VMID
	case errors.As(err, &host):
		p.Host = host.Host
	}
	if p.Status == http.StatusServiceUnavailable {
		p.retryAfter = 30 * time.Second
		if view, err := h.service.HostView(p.Host); err == nil {
			p.HostState = string(view.State)
		}
	}
}

func fieldErrors(faults []jobschema.Fault) []fieldError {
	all := make([]fieldError, len(faults))
	for i, f := range faults {
		all[i] = fieldError{Field: f.Path.String(), Message: f.Message, Code: f.Rule, Remedy: f.Remedy}
	}
	return all
}

// write sends the problem.
func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	sent := *p
	sent.Instance, sent.RequestID = r.URL.Path, w.Header().Get(headerRequestID)
	body, err := json.Marshal(sent)
	if err != nil {
		body = []byte(`{"code":"internal"}`) // does not happen: a problem holds texts and numbers
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	if p.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Bearer realm="hvprov"`)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
