// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// NameHolder describes the virtual machine that has the name of a submission.
type NameHolder struct {
	Host string  // configured name of the host that has it
	VM   *job.VM // its JobID is empty if no job created it

	// Differs lists the fields for which its last job had another value than the submission has, in the order of the schema. Secrets
	// are not recorded and not compared, nor are values of the submission that are [jobschema.Unknown]. It is nil if no job created
	// the virtual machine.
	Differs []string

	// ActiveJob is the GUID of a job that works on it now, with its operation. [Service.Attach] follows the job.
	ActiveJob       string
	ActiveOperation job.Operation

	// Incomplete is why the virtual machine may be incomplete: the job that created it failed, or the host does not remember the job
	// ([ErrJobNotFound]), or a job that was to delete it did not succeed. It is nil for a complete one.
	Incomplete error
}

// Matches reports whether the virtual machine is what the submission would create: a job created it completely, with the same values,
// and no job works on it. Such a virtual machine is left when the client of a job ended before it could record the outcome.
func (h *NameHolder) Matches() bool {
	return h.VM.JobID != "" && len(h.Differs) == 0 && h.ActiveJob == "" && h.Incomplete == nil
}

// NameHolder returns the virtual machine that has the name of a submission. id is its GUID, as [job.Finding] and [job.Failure] report
// it with [job.CodeNameTaken], and [NameTakenError] does. The error is [ErrVMNotFound] if it does not exist any more.
//
// A program that knows the id of its job does not need it: submitting the same job again under the same id returns the job.
func (s *Service) NameHolder(ctx context.Context, sub Submission, id string) (*NameHolder, error) {
	var holder NameHolder
	var err error
	if holder.Host, holder.VM, err = s.FindVM(ctx, sub.Host, id); err != nil {
		return nil, err
	}
	h, err := s.hosts.Get(holder.Host)
	if err != nil {
		return nil, err
	}
	var jobs []protocol.JobInfo
	err = h.Query(ctx, "jobs", func(ctx context.Context) (err error) {
		jobs, err = h.Agent.Jobs(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if holder.VM.JobID != "" {
		if holder.Differs, err = s.differs(sub.Values, holder.VM.Recorded); err != nil {
			return nil, err
		}
		holder.Incomplete = fmt.Errorf("host %s does not remember job %s, which created the virtual machine: %w", h.Name, holder.VM.JobID, ErrJobNotFound)
	}
	deletion := ""
	for _, info := range jobs {
		created := strings.EqualFold(info.Job, holder.VM.JobID)
		switch {
		case !created && !strings.EqualFold(info.VMID, holder.VM.ID):
		case info.Status != protocol.StatusEnded:
			holder.ActiveJob, holder.ActiveOperation, holder.Incomplete = info.Job, info.Operation, nil
			return &holder, nil
		case created:
			holder.Incomplete = nil
			if err := s.outcome(ctx, h, info.Job); err != nil {
				holder.Incomplete = fmt.Errorf("the job that created the virtual machine did not succeed: %w", err)
			}
		case info.Operation == job.OperationDelete:
			deletion = info.Job
		}
	}
	if deletion != "" {
		holder.Incomplete = fmt.Errorf("job %s, which was to delete the virtual machine, did not succeed", deletion)
	}
	if holder.Incomplete != nil { // it may have been read before a job removed it
		s.inventory.InvalidateVM(holder.Host, holder.VM.ID)
		if _, _, err := s.FindVM(ctx, holder.Host, holder.VM.ID); err != nil {
			return nil, err
		}
	}
	return &holder, nil
}

// outcome returns the error of a job that has ended on its host.
func (s *Service) outcome(ctx context.Context, h *hostset.Host, id string) error {
	j, err := s.dispatcher.Attach(ctx, h, id)
	if err != nil {
		return err
	}
	select {
	case <-j.Done():
		_, err = j.Wait(context.WithoutCancel(ctx)) // which would cancel the job with ctx
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// differs returns the fields whose value in a submission is another than the recorded one.
func (s *Service) differs(values, recorded map[string]any) (ids []string, err error) {
	schema := s.specs.Schema
	valid, err := schema.Validate(values)
	var invalid *jobschema.ValidationError
	partial := errors.As(err, &invalid)
	if err != nil && !partial {
		return nil, err
	}
	for i := range schema.Fields {
		f := &schema.Fields[i]
		want, ok := valid.Get(f.ID)
		if partial { // some values are not known yet: those that are can be compared
			want, ok = values[f.ID]
		}
		if f.HoldsSecret() || partial && (!ok || want == nil || want == jobschema.Unknown) || f.Equal(want, recorded[f.ID]) {
			continue
		}
		ids = append(ids, f.ID)
	}
	return ids, nil
}
