// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// problem is an answer of the server as defined in RFC 9457.
type problem struct {
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	Code      string       `json:"code"`
	RequestID string       `json:"request_id"`
	Errors    []fieldError `json:"errors"`

	Expected job.SchemaRef `json:"expected"`
	Received job.SchemaRef `json:"received"`

	Host      string        `json:"host"`
	Node      string        `json:"node"`
	Hosts     []string      `json:"hosts"`
	Name      string        `json:"name"`
	JobID     string        `json:"job_id"`
	VMID      string        `json:"vm_id"`
	Operation job.Operation `json:"operation"`
}

// fieldError is what is wrong with one value.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Code    string `json:"code"`
	Remedy  string `json:"remedy"`
}

// Error is an error of the service of a server, or of one of its jobs. It has the text of its cause.
type Error struct {
	Server string // its URL
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// statusError reports an answer that is not one of the service: the server refused the request, or something else answered.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// problem returns the error for an answer without success.
func (c *Client) problem(resp *http.Response, answer []byte) error {
	var p problem
	if !isProblem(resp) || json.Unmarshal(answer, &p) != nil || p.Code == "" {
		return &statusError{resp.StatusCode, fmt.Sprintf("server %s answered with status %s, which is not an answer of hvprovd: check url, and proxies on the way", c.url, resp.Status)}
	}
	if err := p.restored(); err != nil {
		return c.reported(err)
	}
	text := fmt.Sprintf("server %s: %s", c.url, p.Detail)
	switch p.Code {
	case "unauthenticated":
		text += ": check token, which may be missing, expired or revoked"
	case "forbidden":
		text += ": use a token with that role"
	case "internal":
		text += fmt.Sprintf(" (request_id %s)", p.RequestID)
	}
	return &statusError{resp.StatusCode, text}
}

func (c *Client) reported(err error) error { return &Error{Server: c.url.String(), Err: err} }

// hostClasses are the classes of [hvprov.HostError] by code.
var hostClasses = map[string]error{
	"host_unreachable": hvprov.ErrHostUnreachable, "authentication_refused": hvprov.ErrAuthentication,
	"access_denied": hvprov.ErrAccessDenied, "host_not_ready": hvprov.ErrHostNotReady,
}

// restored returns the error of the service that the server described, or nil if the problem is one of the server itself.
func (p *problem) restored() error {
	switch p.Code {
	case "schema_mismatch":
		return &jobschema.VersionMismatchError{Expected: p.Expected, Given: p.Received}
	case "invalid_submission":
		return &jobschema.ValidationError{Faults: faults(p.Errors)}
	case "host_unknown":
		return &hvprov.HostUnknownError{Host: p.Host, Known: p.Hosts}
	case "name_taken":
		taken := &hvprov.NameTakenError{Host: p.Host, Name: p.Name, JobID: p.JobID, VMID: p.VMID}
		if len(p.Errors) > 0 {
			taken.Field = p.Errors[0].Field
		}
		return taken
	case "vm_busy":
		return &hvprov.VMBusyError{Host: p.Host, VMID: p.VMID, JobID: p.JobID, Operation: p.Operation}
	case "vm_elsewhere":
		return p.elsewhere()
	}
	if class := hostClasses[p.Code]; class != nil && p.Host != "" {
		text := strings.TrimPrefix(p.Detail, fmt.Sprintf("host %s: %v: ", p.Host, class))
		return &hvprov.HostError{Host: p.Host, Class: class, Err: cause.Restore(text, []string{p.Code})}
	}
	if err := cause.Restore(p.Detail, []string{p.Code}); cause.Code(err) != "" {
		return err
	}
	return nil
}

// elsewhere returns the error for a virtual machine that moved, whose cause is the end of the text.
func (p *problem) elsewhere() error {
	e := &hvprov.VMElsewhereError{Host: p.Host, VMID: p.VMID, Node: p.Node}
	if p.Node != "" && e.Error() == p.Detail {
		return e
	}
	const mark = "\x00"
	e.Err = errors.New(mark)
	text := strings.TrimPrefix(p.Detail, strings.TrimSuffix(e.Error(), mark))
	e.Err = errors.New(text)
	return e
}

func faults(all []fieldError) []jobschema.Fault {
	found := make([]jobschema.Fault, len(all))
	for i, f := range all {
		found[i] = jobschema.Fault{Rule: f.Code, Message: f.Message, Remedy: f.Remedy}
		if path, err := jobschema.ParsePath(f.Field); err == nil {
			found[i].Path = path
		}
	}
	return found
}
