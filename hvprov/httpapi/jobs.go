// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// jobView is a job as the API shows it. It contains no secret, as the record.
type jobView struct {
	ID        string         `json:"id"`
	Host      string         `json:"host"`
	Operation job.Operation  `json:"operation"`
	State     jobstore.State `json:"state"`
	VMName    string         `json:"vm_name,omitempty"`
	VMID      string         `json:"vm_id,omitempty"`
	Requester string         `json:"requester,omitempty"`
	Client    string         `json:"client,omitempty"`

	Schema          job.SchemaRef  `json:"schema"`
	Values          map[string]any `json:"values,omitempty"` // without secrets
	Changed         []string       `json:"changed,omitempty"`
	AllowPowerCycle bool           `json:"allow_power_cycle,omitempty"`
	LimitSeconds    float64        `json:"limit_seconds,omitempty"`

	Submitted time.Time `json:"submitted"`
	Queued    time.Time `json:"queued,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`

	Step            string `json:"step,omitempty"`
	LastEvent       int64  `json:"last_event"` // sequence number; 0: none
	CancelRequested bool   `json:"cancel_requested,omitempty"`

	Result *job.Result `json:"result,omitempty"`
	Error  *jobError   `json:"error,omitempty"`
}

// jobError is why a job did not succeed.
type jobError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Text    string `json:"text,omitempty"` // the whole error for people
	Step    string `json:"step,omitempty"`
	Field   string `json:"field,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	VMID    string `json:"vm_id,omitempty"`

	Causes []string `json:"causes,omitempty"` // codes of the service's own reasons
}

func newJobView(r jobstore.Record) jobView {
	v := jobView{
		ID: r.ID, Host: r.Host, Operation: r.Operation, State: r.State, VMName: r.VMName, VMID: r.VMID, Requester: r.Requester,
		Client: r.Client, Schema: r.Schema, Values: r.Values, Changed: r.Changed, AllowPowerCycle: r.AllowPowerCycle,
		LimitSeconds: r.Limit.Seconds(), Submitted: r.Submitted, Queued: r.Queued, Started: r.Started, Ended: r.Ended,
		Step: r.Step, LastEvent: r.Seq, CancelRequested: r.CancelRequested, Result: r.Result,
	}
	if r.Failure != nil {
		f := r.Failure
		v.Error = &jobError{Code: f.Code, Message: f.Message, Step: f.Step, Field: f.Field, Remedy: f.Remedy, VMID: f.VMID}
	} else if r.Error != "" {
		v.Error = &jobError{Code: "job_failed", Message: r.Error, Step: r.Step}
	}
	if v.Error != nil {
		v.Error.Text, v.Error.Causes = r.Error, r.Causes
	}
	switch {
	case v.Error == nil:
	case len(r.Causes) > 0:
		v.Error.Code = r.Causes[0]
	case r.State == jobstore.Cancelled:
		v.Error.Code = "job_cancelled"
	}
	return v
}

// jobPage is a page of jobs, the newest first.
type jobPage struct {
	Jobs []jobView `json:"jobs"`
	Next string    `json:"next,omitempty"` // the cursor of the next page; absent on the last one
}

// listJobs returns jobs, the newest first.
func (h *Handler) listJobs(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r, "host", "state", "operation", "vm_name", "requester", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 1, 500, 50)
	if err != nil {
		return err
	}
	filter := jobstore.Filter{Host: values.Get("host"), Requester: values.Get("requester")}
	for _, state := range list(values, "state") {
		if !jobstore.State(state).Valid() {
			return newProblem("invalid_request", "state %q is not one of %s", state, oneOf(texts(jobstore.States())))
		}
		filter.States = append(filter.States, jobstore.State(state))
	}
	operations := list(values, "operation")
	for _, operation := range operations {
		if !job.Operation(operation).Valid() {
			return newProblem("invalid_request", "operation %q is not one of %s", operation, oneOf(texts(job.Operations())))
		}
	}
	before, err := parseCursor(values.Get("cursor"))
	if err != nil {
		return err
	}
	records, _, err := h.service.Jobs(filter, jobstore.Page{})
	if err != nil {
		return err
	}
	name := values.Get("vm_name")
	records = slices.DeleteFunc(records, func(record jobstore.Record) bool {
		return len(operations) > 0 && !slices.Contains(operations, string(record.Operation)) ||
			name != "" && !strings.EqualFold(record.VMName, name) || before != "" && jobPosition(record) >= before
	})
	slices.SortFunc(records, func(a, b jobstore.Record) int { return cmp.Compare(jobPosition(b), jobPosition(a)) })
	page := jobPage{Jobs: []jobView{}}
	for i, record := range records {
		if int64(i) == limit {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(jobPosition(records[i-1])))
			break
		}
		page.Jobs = append(page.Jobs, newJobView(record))
	}
	return replyTagged(w, r, "application/json", page)
}

func texts[T ~string](all []T) []string {
	names := make([]string, len(all))
	for i, each := range all {
		names[i] = string(each)
	}
	return names
}

// positionTime is a time in a form that sorts.
const positionTime = "2006-01-02T15:04:05.000000000"

// jobPosition returns the place of a job in the order of submission.
func jobPosition(r jobstore.Record) string {
	return r.Submitted.UTC().Format(positionTime) + " " + strings.ToLower(r.ID)
}

// parseCursor returns the position that a cursor stands for.
func parseCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	at, _, _ := strings.Cut(string(text), " ")
	if _, timeErr := time.Parse(positionTime, at); err != nil || timeErr != nil {
		return "", newProblem("invalid_request", "the cursor is not one of this list: use the value of next, or none")
	}
	return string(text), nil
}

// getJob returns a job.
func (h *Handler) getJob(w http.ResponseWriter, r *http.Request) error {
	record, err := h.service.Job(r.PathValue("id"))
	if err != nil {
		return err
	}
	return replyTagged(w, r, "application/json", newJobView(record))
}

// postCancel asks for a job to be stopped and rolled back.
func (h *Handler) postCancel(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	c := callOf(r)
	record, err := h.service.Job(id)
	if err != nil {
		return err
	}
	c.host, c.job = record.Host, record.ID
	if err := h.service.Cancel(r.Context(), id); err != nil {
		return err
	}
	if record, err = h.service.Job(id); err != nil {
		return err
	}
	return reply(w, http.StatusAccepted, newJobView(record))
}

// eventPage are events of a job.
type eventPage struct {
	Events []job.Event `json:"events"`
	Next   int64       `json:"next"`  // the value of after for the events that follow
	Ended  bool        `json:"ended"` // the job has ended, and these are its last events
}

// maxEventsPage is the maximum number of events in an answer.
const maxEventsPage = 5000

// getJobEvents returns the events of a job after a sequence number.
func (h *Handler) getJobEvents(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	after, err := number(values, "after", 0, 1<<53, 0)
	if err != nil {
		return err
	}
	limit, err := number(values, "limit", 1, maxEventsPage, 1000)
	if err != nil {
		return err
	}
	events, err := h.service.JobEvents(r.Context(), r.PathValue("id"), after, int(limit))
	if err != nil {
		return err
	}
	page := eventPage{Events: events, Next: after}
	if page.Events == nil {
		page.Events = []job.Event{}
	}
	if n := len(events); n > 0 {
		page.Next = events[n-1].Seq
	}
	record, err := h.service.Job(r.PathValue("id"))
	if errors.Is(err, jobstore.ErrNotFound) {
		return err
	}
	page.Ended = err == nil && record.State.Ended() && record.State != jobstore.Unknown && page.Next >= record.Seq
	return reply(w, http.StatusOK, page)
}
