// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
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

	// SkipInventoryCheck says that [Service.Check] found nothing in its way a moment ago, maybe in another process. Then a host of which
	// nothing is known yet is not asked what it holds before the job, which looks for itself.
	SkipInventoryCheck bool

	// Limit is for how long the job may run; then its host is told to stop and undo it, and it has failed with
	// [ErrTimeLimit]. The time in the queue does not count. 0: Options.JobLimit.
	Limit time.Duration
	// JobID is the job's GUID. Empty: one is made. One that is known is the same job, which does not run twice: Submit gives
	// it, unless something else is asked for.
	JobID string
	// Requester is who asks for the job, for example an account of a web page. It is kept in the record of the job. It has no effect on the job.
	Requester string
	// OnEvent is told each event of the job, in order and once, secrets removed. It is called from one goroutine, which
	// waits for it: who may be slow subscribes instead.
	OnEvent func(job.Event)
}

// Submit takes a submission on as a job. What stands in its way is told by the first of these:
//
//   - another schema or version: *jobschema.VersionMismatchError
//   - what the schema refuses: *jobschema.ValidationError
//   - a host that is not configured: [ErrHostUnknown]
//   - a host that does not answer, or refuses the credentials: [ErrHostUnreachable], [ErrAuthentication]
//   - an agent that cannot be had ready there: [ErrHostNotReady]
//   - a name that another job has, or a virtual machine by what the host last told, in any letter case: [ErrNameTaken]; a
//     virtual machine that another job is about: [ErrVMBusy]
//
// The name is the job's until its end. Everything that only the host can tell comes from [Job.Wait]: it looks at names again.
//
// The job does not end with ctx, which is for the submission alone: it is [Job.Wait]'s context that cancels it.
func (s *Service) Submit(ctx context.Context, sub Submission) (*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j, err := s.newJob(sub)
	if err != nil {
		return nil, err
	}
	known, err := s.admit(ctx, j)
	if known != nil || err != nil {
		j.abandon()
		return known, err
	}
	if err := s.enqueue(j); err != nil {
		if s.isOpen() != nil {
			err = ErrClosed
		}
		return nil, err
	}
	return j, nil
}

// admit takes a job through the gates that are left, and has it be known. It gives the job that has the same id already.
func (s *Service) admit(ctx context.Context, j *Job) (known *Job, err error) {
	if err := s.isOpen(); err != nil {
		return nil, err
	}
	if known, err := s.submittedBefore(ctx, j); known != nil || err != nil {
		return known, err
	}
	if err := s.ready(ctx, j); err != nil {
		return nil, hostError(j.host.name, err)
	}
	if err := j.reserve(); err != nil {
		return nil, err
	}
	err = j.record(ctx)
	if errors.Is(err, jobstore.ErrExists) { // somebody was faster
		return s.submittedBefore(ctx, j)
	}
	return nil, err
}

// submittedBefore gives the job that was submitted under the same id. Something else under a known id is an error.
func (s *Service) submittedBefore(ctx context.Context, j *Job) (*Job, error) {
	r, err := s.ledger.Get(j.id)
	if errors.Is(err, jobstore.ErrNotFound) {
		return nil, nil
	}
	kept, _ := s.withoutSecrets(j.sub.Values)
	if err != nil || !strings.EqualFold(r.Host, j.host.name) || r.Operation != j.sub.Operation || r.VMName != j.name() ||
		j.sub.VMID != "" && !strings.EqualFold(r.VMID, j.sub.VMID) || !sameJSON(r.Values, kept) {
		return nil, fmt.Errorf("job %s: %w, and is about something else: give this one another id", j.id, jobstore.ErrExists)
	}
	return s.Attach(ctx, r.Host, r.ID)
}

// sameJSON tells whether values are the same to a store.
func sameJSON(a, b map[string]any) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return len(a) == 0 && len(b) == 0 || errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// newJob checks what is asked for, without asking a host.
func (s *Service) newJob(sub Submission) (*Job, error) {
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
	switch {
	case sub.JobID == "":
		sub.JobID = newJobID()
	case !guid.MatchString(sub.JobID):
		return nil, fmt.Errorf("job id %q is not a GUID, such as 0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11: leave it empty to have one made", sub.JobID)
	}
	if sub.Limit == 0 {
		sub.Limit = s.opts.JobLimit
	}
	return s.makeJob(h, sub, s.definition(sub.Operation, fields), secrets), nil
}

// ready returns when the agent of a job's host is ready. A host of which nothing is known yet is asked what it holds at the same
// time, for the names, so that both share a round trip.
func (s *Service) ready(ctx context.Context, j *Job) error {
	h := j.host
	h.agent.Prepare()
	asked := make(chan struct{})
	if view, err := s.inventory.Cached(h.name); err == nil && view.Snapshot == nil && !j.sub.SkipInventoryCheck && j.sub.Operation != job.OperationDelete {
		go func() {
			defer close(asked)
			_, _ = s.inventory.Get(ctx, h.name) // one that cannot be had is no reason: the job's own look has the last word
		}()
	} else {
		close(asked)
	}
	err := s.question("ready")(ctx, h.name, h.agent.Ready)
	<-asked
	return err
}

// reserve takes the name, and the virtual machine, that the job is about.
func (j *Job) reserve() error {
	release, err := j.service.inventory.Reserve(inventorycache.Reservation{
		Host: j.host.name, Name: j.name(), VMID: j.sub.VMID, Operation: j.sub.Operation, JobID: j.id,
	})
	var taken *inventorycache.NameTakenError
	switch {
	case errors.As(err, &taken):
		taken.Field = j.service.agents.Origin("vm_name")
		return &NameTakenError{NameTakenError: *taken}
	case err != nil:
		return err
	}
	j.release = release
	return nil
}

// name gives what the virtual machine is to be called, as far as it is said.
func (j *Job) name() string {
	value, _ := j.def.Fields.Get("vm_name")
	if name, ok := value.(string); ok {
		return name
	}
	return j.vmName
}

// record has the job be known, here and in the store.
func (j *Job) record(ctx context.Context) error {
	s := j.service
	kept, secretless := s.withoutSecrets(j.sub.Values)
	r := jobstore.Record{
		ID: j.id, Host: j.host.name, Operation: j.sub.Operation, VMName: j.name(), VMID: j.sub.VMID, Schema: s.schema.Ref(),
		Client: s.opts.Client, Values: kept, Changed: j.sub.Changed, AllowPowerCycle: j.sub.AllowPowerCycle,
		Limit: j.sub.Limit, HasNoSecrets: secretless,
	}
	if !secretless && s.sealer != nil {
		text, err := json.Marshal(j.sub.Values)
		if err != nil {
			return fmt.Errorf("the values of job %s: %w", j.id, err)
		}
		r.EncryptedValues = s.sealer.Encrypt(j.id, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if _, err := s.ledger.Add(ctx, r); err != nil {
		return err
	}
	s.track(j)
	return nil
}

// withoutSecrets gives values without the fields that are secret or hold a secret, and whether that is all of them.
func (s *Service) withoutSecrets(values map[string]any) (kept map[string]any, whole bool) {
	kept = maps.Clone(values)
	maps.DeleteFunc(kept, func(id string, _ any) bool {
		f, ok := s.schema.Field(id)
		return !ok || f.HoldsSecret()
	})
	return kept, len(kept) == len(values)
}

// enqueue gives the job to the pool, where it waits for a place on its host.
func (s *Service) enqueue(j *Job) error {
	defer close(j.placed)
	r, err := s.ledger.Get(j.id)
	if err == nil && r.State == jobstore.Pending {
		_, err = s.ledger.Transition(context.Background(), j.id, jobstore.Queued, nil)
	}
	if err == nil {
		j.handle, err = s.pools.Job.Go(j.queued, taskpool.Task{Category: string(j.sub.Operation), Host: j.host.name, Run: j.run})
	}
	if err != nil {
		j.dropped(err)
	}
	return err
}

// watch sees to it that a job comes to an end which its run does not bring it to: it was dropped from the queue, or panicked.
func (j *Job) watch() {
	<-j.placed
	if j.handle == nil {
		return
	}
	<-j.handle.Done()
	err := j.handle.Err()
	var dropped *taskpool.CancelledError
	var panicked *taskpool.PanicError
	switch {
	case errors.As(err, &dropped) && !dropped.Started:
		j.dropped(err)
	case errors.As(err, &panicked):
		j.service.opts.Logger.Error("a job's code panicked", "job", j.id, "panic", panicked.Value, "stack", string(panicked.Stack))
		j.finish(nil, j.failure(ErrJobUnknown, nil, err))
	}
}

// dropped ends a job whose turn never came, for a reason.
func (j *Job) dropped(why error) {
	closed := j.service.isOpen() != nil
	switch {
	case closed && j.resumed:
		j.finish(nil, j.failure(ErrJobUnknown, nil, errDetached))
	case closed:
		j.finish(nil, j.failure(ErrJobCancelled, nil, fmt.Errorf("%w: %w", errNotBegun, ErrClosed)))
	case j.cancelled.Err() != nil || errors.Is(why, context.Canceled):
		j.finish(nil, j.stopped(nil, errNotBegun))
	default:
		j.finish(nil, j.failure(ErrJobFailed, nil, why))
	}
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

func (s *Service) isOpen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return nil
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// newJobID gives a random GUID (RFC 9562, version 4).
func newJobID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
