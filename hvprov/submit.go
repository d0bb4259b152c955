// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Submit checks a submission, records it as a job, and puts the job into the queue of its host. It returns the first of these errors:
//
//   - another schema or version: [*jobschema.VersionMismatchError]
//   - values that the schema does not allow: [*jobschema.ValidationError]
//   - a host that is not configured: [ErrHostUnknown]
//   - a host that does not answer, or refuses the credentials: [ErrHostUnreachable], [ErrAuthentication], [ErrAccessDenied]
//   - a host on which the agent cannot be made ready: [ErrHostNotReady]
//   - a name that an active job uses, or a virtual machine has according to the inventory, in any letter case: [ErrNameTaken]
//   - a virtual machine that another job works on: [ErrVMBusy]
//   - a virtual machine to be deleted that is on another host of the service: [ErrVMElsewhere]
//
// The name is reserved for the job until its end. [Job.Wait] returns what only the host can find, which checks names again.
//
// ctx limits the submission only: to cancel the job, pass a context to [Job.Wait], or call [Job.Cancel].
func (s *Service) Submit(ctx context.Context, sub Submission) (*Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	spec, err := s.newSpec(sub)
	if err != nil {
		return nil, err
	}
	h, err := s.hosts.Get(sub.Host)
	if err != nil {
		return nil, err
	}
	if known, err := s.submittedBefore(ctx, h, &spec); known != nil || err != nil {
		return known, err
	}
	if err := s.makeReady(ctx, h, sub); err != nil {
		return nil, err
	}
	if err := s.checkNotMoved(ctx, h, sub); err != nil {
		return nil, err
	}
	j, err := s.dispatcher.Submit(ctx, spec)
	if errors.Is(err, jobstore.ErrExists) { // submitted twice at the same time
		return s.submittedBefore(ctx, h, &spec)
	}
	if err != nil {
		return nil, err
	}
	return &Job{j}, nil
}

// newSpec checks a submission without asking its host.
func (s *Service) newSpec(sub Submission) (jobspec.Spec, error) {
	r := sub.record()
	r.Client = s.opts.Client
	if r.Limit == 0 {
		r.Limit = s.opts.JobLimit
	}
	spec, err := s.specs.New(r, sub.Values)
	spec.OnEvent = sub.OnEvent
	return spec, err
}

// submittedBefore returns the job that was submitted under the same id, or nil. Another submission under a known id is an error.
func (s *Service) submittedBefore(ctx context.Context, h *hostset.Host, spec *jobspec.Spec) (*Job, error) {
	r, err := s.dispatcher.Record(spec.Record.ID)
	if errors.Is(err, jobstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil || !sameJob(r, spec) {
		return nil, fmt.Errorf("job %s: %w, with another submission: use another id", spec.Record.ID, jobstore.ErrExists)
	}
	return s.attach(ctx, h, r.ID)
}

// sameJob reports whether a record is of the same submission.
func sameJob(r jobstore.Record, spec *jobspec.Spec) bool {
	return strings.EqualFold(r.Host, spec.Record.Host) && r.Operation == spec.Record.Operation &&
		(spec.Record.VMID == "" || strings.EqualFold(r.VMID, spec.Record.VMID)) && sameJSON(r.Values, spec.Record.Values)
}

// sameJSON reports whether values are the same for a store.
func sameJSON(a, b map[string]any) bool {
	left, errLeft := json.Marshal(a)
	right, errRight := json.Marshal(b)
	return len(a) == 0 && len(b) == 0 || errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// makeReady returns when the agent of the host is ready to run jobs. A host that is not in the inventory is asked for its contents
// at the same time, for their names, so that both share a round trip.
func (s *Service) makeReady(ctx context.Context, h *hostset.Host, sub Submission) error {
	listed := make(chan struct{})
	if view, err := s.inventory.Cached(h.Name); err == nil && view.Snapshot == nil && !sub.SkipInventoryCheck && sub.Operation != job.OperationDelete {
		go func() {
			defer close(listed)
			_, _ = s.inventory.Get(ctx, h.Name) // best effort: the agent checks the name again when the job starts
		}()
	} else {
		close(listed)
	}
	err := h.Query(ctx, "ready", h.Agent.Ready)
	<-listed
	return err
}

// checkNotMoved refuses to delete a virtual machine that another host has. The job would not find it, and succeed: without a cluster,
// its host cannot know that the virtual machine has moved.
func (s *Service) checkNotMoved(ctx context.Context, h *hostset.Host, sub Submission) error {
	if sub.Operation != job.OperationDelete || len(s.hosts.Names()) < 2 {
		return nil
	}
	found, err := s.searchVM(ctx, s.askFor(ctx, h, sub.VMID), sub.VMID)
	switch {
	case found.vm != nil && found.host != h.Name:
		s.inventory.InvalidateVM(h.Name, sub.VMID) // what FindVM knows is out of date
		return &VMElsewhereError{Host: h.Name, VMID: sub.VMID, Found: found.host}
	case errors.Is(err, ErrVMNotFound): // a job that finds nothing removes what it has left
		return nil
	}
	return err
}

// Attach returns a job by its id, to wait for its end: one of this service, active or ended, or one that another client submitted to
// the host. An unknown outcome is requested again. The error is [ErrJobNotFound] if neither the service nor the host knows the job,
// or if it is a job of another host. Hosts forget jobs some days after their end.
func (s *Service) Attach(ctx context.Context, host, jobID string) (*Job, error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	return s.attach(ctx, h, jobID)
}

func (s *Service) attach(ctx context.Context, h *hostset.Host, jobID string) (*Job, error) {
	j, err := s.dispatcher.Attach(ctx, h, jobID)
	if err != nil {
		return nil, err
	}
	return &Job{j}, nil
}

// Cancel asks for a job to be stopped and rolled back. It returns when the host was asked, or the job has ended: [Job.Wait] and
// [Service.Job] report the outcome. A job that has ended is left as it is. The error is [ErrJobNotFound] for a job that is not known.
func (s *Service) Cancel(ctx context.Context, id string) error { return s.dispatcher.Cancel(ctx, id) }
