// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/redact"
)

// Submission is what is asked for.
type Submission struct {
	Host      string
	Operation job.Operation
	Values    map[string]any // by field of the schema; a delete needs none

	// Schema is the schema, and its version, that Values were made for. Another one than the service's is refused. The
	// zero value is whatever the service has.
	Schema job.SchemaRef

	VMID            string   // update, delete: the GUID of the virtual machine
	Changed         []string // update: the fields to touch, all others are left as they are
	AllowPowerCycle bool     // update: the machine may be stopped and started where a change needs it

	// JobID is the job's GUID. Empty: one is made.
	JobID string
	// OnEvent is told each event of the job, in order and once, secrets removed. It is called from one goroutine, which
	// waits for it.
	OnEvent func(job.Event)
}

// Submit checks a submission against the schema and starts its job. One that was made for another schema or version is a
// *jobschema.VersionMismatchError; what the schema refuses is a *jobschema.ValidationError; a host that is not configured is [ErrHostUnknown]. Everything that only the host can tell
// comes from [Job.Wait].
//
// The job does not end with ctx, which is for the submission alone: it is [Job.Wait]'s context that cancels it.
func (s *Service) Submit(ctx context.Context, sub Submission) (*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !sub.Operation.Valid() {
		return nil, fmt.Errorf("operation %q is not one of provision, update and delete", sub.Operation)
	}
	fields, secrets, err := s.fields(sub)
	if err != nil {
		return nil, err
	}
	if (sub.Operation == job.OperationProvision) != (sub.VMID == "") {
		return nil, fmt.Errorf("operation %s with virtual machine %q: an update and a delete name one, a provision does not",
			sub.Operation, sub.VMID)
	}
	h, err := s.host(sub.Host)
	if err != nil {
		return nil, err
	}
	if sub.JobID == "" {
		sub.JobID = newJobID()
	}
	j := &Job{
		id:       sub.JobID,
		host:     h,
		service:  s,
		sub:      sub,
		def:      s.definition(sub.Operation, fields),
		redactor: redact.New(secrets...),
		done:     make(chan struct{}),
	}
	j.cancelled, j.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.jobs[j.id] != nil {
		return nil, fmt.Errorf("job %s runs already", j.id)
	}
	s.jobs[j.id] = j
	s.group.Go(j.run)
	return j, nil
}

// fields gives a submission's values as agents know them, and the secrets among them.
func (s *Service) fields(sub Submission) (fields job.Fields, secrets []string, err error) {
	if sub.Schema != (job.SchemaRef{}) {
		if err := s.schema.CheckVersion(sub.Schema.ID, sub.Schema.Version); err != nil {
			return nil, nil, err
		}
	}
	if sub.Operation == job.OperationDelete {
		return nil, nil, nil // the virtual machine's GUID says it all
	}
	given, err := s.schema.Validate(sub.Values)
	if err != nil {
		return nil, nil, err
	}
	fields, err = s.agents.Fields(given)
	return fields, s.schema.SecretValues(given), err
}

// targets gives ids of fields as agents know them.
func (s *Service) targets(ids []string) []string {
	targets := make([]string, len(ids))
	for i, id := range ids {
		targets[i] = s.agents.Target(id)
	}
	return targets
}

// newJobID gives a random GUID (RFC 9562, version 4).
func newJobID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
