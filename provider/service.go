// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpclient"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// service is what the provider needs of [hvprov.Service]: one in this process, or that of a server.
type service interface {
	Hosts() []string
	HostInfo(ctx context.Context, host string) (hvprov.HostInfo, error)
	HostInventory(ctx context.Context, host string) (*inventory.Snapshot, error)
	HostSwitches(ctx context.Context, host string) ([]job.Switch, error)
	Checkpoints(ctx context.Context, host, vmID string) ([]job.Checkpoint, error)
	Disk(ctx context.Context, host, path string) (*job.Disk, error)
	FindVM(ctx context.Context, host, id string) (foundOn string, vm *job.VM, err error)
	LookupVM(ctx context.Context, host, nameOrID string) (*job.VM, error)
	NameHolder(ctx context.Context, sub hvprov.Submission, id string) (*hvprov.NameHolder, error)
	Check(ctx context.Context, req hvprov.CheckRequest) ([]job.Finding, error)
	Submit(ctx context.Context, sub hvprov.Submission) (submittedJob, error)
	Attach(ctx context.Context, host, jobID string) (submittedJob, error)
	// Close cancels the jobs that the provider submitted and that have not ended: no other process would attach to them.
	Close(ctx context.Context) error
}

// submittedJob is what the provider needs of [hvprov.Job].
type submittedJob interface {
	ID() string
	VMID() string
	Done() <-chan struct{}
	Wait(ctx context.Context) (*job.Result, error)
}

var (
	_ service = localService{}
	_ service = serverService{}
)

// localService is a service in this process.
type localService struct{ *hvprov.Service }

func (s localService) Submit(ctx context.Context, sub hvprov.Submission) (submittedJob, error) {
	return orNil(s.Service.Submit(ctx, sub))
}

func (s localService) Attach(ctx context.Context, host, jobID string) (submittedJob, error) {
	return orNil(s.Service.Attach(ctx, host, jobID))
}

func (s localService) Close(ctx context.Context) error {
	active, _, err := s.Jobs(jobstore.Filter{States: []jobstore.State{jobstore.Pending, jobstore.Queued, jobstore.Running}}, jobstore.Page{})
	errs := []error{err}
	for _, j := range active {
		errs = append(errs, s.Cancel(ctx, j.ID))
	}
	return errors.Join(append(errs, s.Service.Close(ctx))...)
}

// serverService is the service of an hvprovd.
type serverService struct{ *httpclient.Client }

func (s serverService) Submit(ctx context.Context, sub hvprov.Submission) (submittedJob, error) {
	return orNil(s.Client.Submit(ctx, sub))
}

func (s serverService) Attach(ctx context.Context, host, jobID string) (submittedJob, error) {
	return orNil(s.Client.Attach(ctx, host, jobID))
}

// orNil returns a job, or a nil interface with an error.
func orNil[T submittedJob](j T, err error) (submittedJob, error) {
	if err != nil {
		return nil, err
	}
	return j, nil
}
