// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// submissionBody is the body of a request that submits or checks a job.
type submissionBody struct {
	Operation job.Operation `json:"operation,omitempty"` // of jobs:check; the path says it otherwise

	SchemaID      string         `json:"schema_id,omitempty"` // empty: that of the server
	SchemaVersion *int           `json:"schema_version,omitempty"`
	Host          string         `json:"host"`
	Values        map[string]any `json:"values,omitempty"`

	VMID            string   `json:"vm_id,omitempty"`
	Changed         []string `json:"changed,omitempty"`
	AllowPowerCycle bool     `json:"allow_power_cycle,omitempty"`
	LimitSeconds    int64    `json:"limit_seconds,omitempty"`

	Unknown []string `json:"unknown,omitempty"` // of jobs:check: fields without a value yet
}

// maxLimitSeconds is the maximum of limit_seconds: a year.
const maxLimitSeconds = 365 * 24 * 3600

// submission returns the submission that the body describes.
func (b *submissionBody) submission(schema *jobschema.Schema) (hvprov.Submission, error) {
	sub := hvprov.Submission{
		Host: strings.TrimSpace(b.Host), Operation: b.Operation, Values: b.Values, VMID: b.VMID, Changed: b.Changed,
		AllowPowerCycle: b.AllowPowerCycle, Limit: time.Duration(b.LimitSeconds) * time.Second,
	}
	var problems []fieldError
	missing := func(name, remedy string) {
		problems = append(problems, fieldError{Field: name, Message: name + " is required", Code: "required", Remedy: remedy})
	}
	if !b.Operation.Valid() {
		return sub, newProblem("invalid_request", "operation is required: use %s", oneOf(texts(job.Operations())))
	}
	if needs := b.Operation.NeedsVM(); needs && b.VMID == "" {
		missing("vm_id", "the inventory has the GUIDs of virtual machines")
	} else if !needs && b.VMID != "" {
		problems = append(problems, fieldError{Field: "vm_id", Message: "vm_id is not used by a " + string(b.Operation), Code: "unknown"})
	}
	if b.LimitSeconds < 0 || b.LimitSeconds > maxLimitSeconds {
		problems = append(problems, fieldError{Field: "limit_seconds", Message: "limit_seconds must be between 0 and 31536000", Code: "maximum"})
	}
	if b.VMID != "" && uuid.Validate(b.VMID) != nil {
		problems = append(problems, fieldError{Field: "vm_id", Message: "vm_id is not a GUID", Code: "guid"})
	}
	switch ref := schema.Ref(); {
	case b.SchemaVersion != nil:
		sub.Schema = job.SchemaRef{ID: ref.ID, Version: *b.SchemaVersion}
		if b.SchemaID != "" {
			sub.Schema.ID = b.SchemaID
		}
	case hasSchemaValues(b.Operation):
		missing("schema_version", "send the version of the schema that the values were made for: "+apiPath+"/schema/job-inputs has it")
	}
	if b.Operation == job.OperationUpdate && b.Changed == nil {
		sub.Changed = slices.Sorted(maps.Keys(b.Values))
	}
	if len(problems) > 0 {
		p := newProblem("invalid_submission", "%d of the properties are not valid", len(problems))
		p.Errors = problems
		return sub, p
	}
	return sub, nil
}

// hasSchemaValues reports whether the values of an operation are fields of the job schema. Those of the other operations do not depend on
// its version.
func hasSchemaValues(o job.Operation) bool {
	return o == job.OperationProvision || o == job.OperationUpdate
}

// submit submits a job and returns its record.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request, operation job.Operation) error {
	var body submissionBody
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.Operation != "" || body.Unknown != nil {
		return newProblem("invalid_request", "operation and unknown are properties of jobs:check")
	}
	body.Operation = operation
	sub, err := body.submission(h.service.Schema())
	if err != nil {
		return err
	}
	c := callOf(r)
	c.host = sub.Host
	sub.Requester = c.identity.Name
	replayed, err := h.useKey(r, &body, &sub)
	if err != nil {
		return err
	}
	submitted, err := h.service.Submit(r.Context(), sub)
	if err != nil {
		return err
	}
	c.job = submitted.ID()
	record, err := h.service.Job(submitted.ID())
	if err != nil {
		return err
	}
	if replayed {
		w.Header().Set(headerReplayed, "true")
	}
	w.Header().Set("Location", apiPath+"/jobs/"+record.ID)
	return reply(w, http.StatusAccepted, newJobView(record))
}

// keySpace is the namespace of the job ids that are derived from idempotency keys.
var keySpace = uuid.MustParse("6f1a3c52-7a0e-5d8b-9c41-2d6f0b7e9a13")

// useKey derives the id of the job from the client and its idempotency key (draft-ietf-httpapi-idempotency-key-header), so that a
// repeated request returns the same job, also after a restart. It reports whether the job exists. Another body under the same key is
// refused: the service compares what a record has, and the fingerprint the rest, such as secrets, for as long as it is remembered.
func (h *Handler) useKey(r *http.Request, body *submissionBody, sub *hvprov.Submission) (replayed bool, err error) {
	key := r.Header.Get(headerIdempotencyKey)
	if key == "" {
		return false, nil
	}
	if len(key) > 255 {
		return false, newProblem("invalid_request", "%s has more than 255 characters", headerIdempotencyKey)
	}
	sub.JobID = uuid.NewSHA1(keySpace, []byte(sub.Requester+"\x00"+key)).String()
	if !h.bodies.same(sub.JobID, body) {
		return false, newProblem("idempotency_key_reused", "the %s was used for another submission: use a new key, or repeat the same submission", headerIdempotencyKey)
	}
	_, err = h.service.Job(sub.JobID)
	return err == nil, nil
}

// maxFingerprints is the number of bodies that are remembered.
const maxFingerprints = 10_000

// fingerprints remember the bodies that were sent with idempotency keys, as keyed hashes: a body may contain secrets.
type fingerprints struct {
	key []byte

	mu    sync.Mutex
	byJob map[string][sha256.Size]byte
	order []string // oldest first
}

func newFingerprints() *fingerprints {
	return &fingerprints{key: []byte(rand.Text()), byJob: map[string][sha256.Size]byte{}}
}

// same records the body of a job, and reports whether it is the first one or the same as before.
func (f *fingerprints) same(id string, body *submissionBody) bool {
	text, err := json.Marshal(body) // with sorted keys
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, f.key)
	mac.Write(text)
	sum := [sha256.Size]byte(mac.Sum(nil))
	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.byJob[id]; ok {
		return known == sum
	}
	if len(f.order) >= maxFingerprints {
		delete(f.byJob, f.order[0])
		f.order = f.order[1:]
	}
	f.byJob[id], f.order = sum, append(f.order, id)
	return true
}

// checkView is the answer to jobs:check.
type checkView struct {
	Valid       bool          `json:"valid"`        // no error, and no finding that would make the job fail
	Errors      []fieldError  `json:"errors"`       // of the values, by the schema
	Findings    []job.Finding `json:"findings"`     // of the host
	HostChecked bool          `json:"host_checked"` // the host was asked
	HostProblem *problem      `json:"host_problem,omitempty"`
}

// postCheck checks a submission without running it. Errors of the values and of the host are its result, not its failure, so that a form
// can show both.
func (h *Handler) postCheck(w http.ResponseWriter, r *http.Request) error {
	var body submissionBody
	if err := decode(r, &body); err != nil {
		return err
	}
	schema := h.service.Schema()
	sub, err := body.submission(schema)
	if err != nil {
		return err
	}
	if sub.Schema != (job.SchemaRef{}) {
		if err := schema.CheckVersion(sub.Schema.ID, sub.Schema.Version); err != nil {
			return err
		}
	}
	values, err := withUnknown(schema, sub.Values, body.Unknown)
	if err != nil {
		return err
	}
	if sub.Operation == job.OperationUpdate {
		schema = schema.ForExisting()
	}
	view := checkView{Errors: []fieldError{}, Findings: []job.Finding{}}
	if hasSchemaValues(sub.Operation) {
		view.Errors = fieldErrors(schema.ValidatePartial(values))
	}
	findings, err := h.service.Check(r.Context(), hvprov.CheckRequest{Submission: sub, Unknown: body.Unknown})
	var invalid *jobschema.ValidationError
	switch {
	case errors.As(err, &invalid):
		view.Errors = fieldErrors(invalid.Faults)
	case sub.Host == "":
	case err == nil:
		view.HostChecked = true
		view.Findings = append(view.Findings, findings...)
	default:
		if view.HostProblem = h.problemOf(err); view.HostProblem.Status == http.StatusInternalServerError {
			return err
		}
	}
	view.Valid = len(view.Errors) == 0 && view.HostProblem == nil
	for _, f := range view.Findings {
		view.Valid = view.Valid && f.Severity != job.SeverityError
	}
	return reply(w, http.StatusOK, view)
}

// withUnknown returns values with the fields whose values are not known yet.
func withUnknown(schema *jobschema.Schema, values map[string]any, unknown []string) (map[string]any, error) {
	values = maps.Clone(values)
	if values == nil {
		values = map[string]any{}
	}
	for _, id := range unknown {
		if _, ok := schema.Field(id); !ok {
			return nil, newProblem("invalid_request", "unknown has %q, which is not a field of the schema", id)
		}
		values[id] = jobschema.Unknown
	}
	return values, nil
}
