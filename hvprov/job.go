// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/dispatch"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Job is a submitted job. Its methods are safe for concurrent use.
type Job struct{ job *dispatch.Job }

// ID returns the GUID of the job.
func (j *Job) ID() string { return j.job.ID() }

// VMID returns the GUID of the virtual machine. It is empty until the host has created it.
func (j *Job) VMID() string { return j.job.VMID() }

// String returns the id and the host of the job, and nothing that was submitted.
func (j *Job) String() string { return j.job.String() }

// Done returns a channel that is closed when the job has ended, or is no longer followed because the service was closed.
func (j *Job) Done() <-chan struct{} { return j.job.Done() }

// Cancel asks for the job to be stopped and rolled back. [Job.Wait] returns the outcome.
func (j *Job) Cancel() { j.job.Cancel() }

// Wait waits for the end of the job. When ctx ends first, the job is cancelled, and Wait waits up to [Options.CancelGrace] while the
// job is rolled back. The error of a job that did not succeed is a [*JobError], whose Result says what is left on the host.
func (j *Job) Wait(ctx context.Context) (*job.Result, error) { return j.job.Wait(ctx) }
