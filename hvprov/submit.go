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

	VMID            string   // update, delete: the GUID of the virtual machine
	Changed         []string // update: the fields to touch, all others are left as they are
	AllowPowerCycle bool     // update: the machine may be stopped and started where a change needs it

	// JobID is the job's GUID. Empty: one is made.
	JobID string
	// OnEvent is told each event of the job, in order and once, secrets removed. It is called from one goroutine, which
	// waits for it.
	OnEvent func(job.Event)
}

// Submit checks a submission against the schema and starts its job. What the schema refuses is a
// *jobschema.ValidationError; a host that is not configured is [ErrHostUnknown]. Everything that only the host can tell
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
	fields := s.inOrder(sub.Values)
	if sub.Operation != job.OperationDelete {
		var err error
		if fields, err = s.schema.Validate(sub.Values); err != nil {
			return nil, err
		}
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
		redactor: redact.New(secretValues(fields, s.schema.SecretIDs())...),
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

func secretValues(fields job.Fields, ids []string) []string {
	var values []string
	for _, id := range ids {
		if v, ok := fields.Get(id); ok {
			values = append(values, fmt.Sprint(v))
		}
	}
	return values
}

// newJobID gives a random GUID (RFC 9562, version 4).
func newJobID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
