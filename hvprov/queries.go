// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// errVMNotFound reports a virtual machine that is not on its host.
func errVMNotFound(host, vm string) error {
	return cause.Errorf(ErrVMNotFound, "virtual machine %q is not on host %s", vm, host)
}

// LookupVM returns a virtual machine by its name or GUID. The error is [ErrVMNotFound] if the host does not have it, and
// [ErrVMAmbiguous] if several have the name.
func (s *Service) LookupVM(ctx context.Context, host, nameOrID string) (*job.VM, error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	if protocol.IsGUID(nameOrID) { // a name may look like one
		at := s.readVM(ctx, h, nameOrID)
		if vm := at.vm(nameOrID); vm != nil || at.err != nil {
			return vm, at.err
		}
	}
	snapshot, err := s.HostInventory(ctx, host)
	if err != nil {
		return nil, err
	}
	if vm, ok := snapshot.ByID(nameOrID); ok {
		return vm, nil
	}
	found := snapshot.ByName(nameOrID)
	switch len(found) {
	case 0:
		return nil, errVMNotFound(host, nameOrID)
	case 1:
		return &found[0], nil
	}
	ids := make([]string, len(found))
	for i, vm := range found {
		ids[i] = vm.ID
	}
	return nil, cause.Errorf(ErrVMAmbiguous, "host %s has %d virtual machines named %q: use one of their GUIDs: %s", host, len(ids), nameOrID, strings.Join(ids, ", "))
}

// HostInventory returns the contents of a host, at most [Options.InventoryMaxAge] old.
func (s *Service) HostInventory(ctx context.Context, host string) (*inventory.Snapshot, error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.inventory.Get(ctx, h.Name)
	return snapshot, h.Error(err)
}

// fetchInventory requests the inventory of a host.
func (s *Service) fetchInventory(ctx context.Context, host string) (*inventory.Snapshot, error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return nil, err
	}
	var result protocol.InventoryResult
	if result, err = h.Agent.Inventory(ctx); err != nil {
		return nil, h.Error(err)
	}
	s.translateRecorded(result.VMs)
	return &inventory.Snapshot{Host: result.Host.Name, Info: result.Host, VMs: result.VMs, Partial: result.Partial}, nil
}

// fetchVMs requests virtual machines of a host by their GUIDs.
func (s *Service) fetchVMs(ctx context.Context, host string, ids []string) (protocol.InventoryResult, error) {
	h, err := s.hosts.Get(host)
	if err != nil {
		return protocol.InventoryResult{}, err
	}
	result, err := h.Agent.Inventory(ctx, ids...)
	if err != nil {
		return protocol.InventoryResult{}, h.Error(err)
	}
	s.translateRecorded(result.VMs)
	return result, nil
}

// translateRecorded translates recorded values of the agent's schema to those of the service's.
func (s *Service) translateRecorded(vms []job.VM) {
	for i := range vms {
		vms[i].Recorded = s.specs.Translation.FromTarget(vms[i].Recorded)
	}
}

// runFetch runs a request for the inventory of a host in the pool of queries.
func (s *Service) runFetch(ctx context.Context, host string, fetch func(context.Context) error) error {
	limit := hostset.QueryLimit(s.opts.QueryLimit, hostset.InventoryCategory)
	return s.pools.Query.Do(ctx, taskpool.Task{Category: hostset.InventoryCategory, Host: host, Limit: limit, Run: fetch})
}

// HostView returns a host as it was last seen, with the virtual machines that jobs are creating, updating and deleting. It makes no
// request, so it does not fail for a host that does not answer: see [inventory.HostView.State].
func (s *Service) HostView(host string) (inventory.HostView, error) { return s.inventory.Cached(host) }

// HostViews returns a view of each host, sorted by name. It makes no request.
func (s *Service) HostViews() []inventory.HostView { return s.inventory.CachedAll() }

// Job returns the record of a job. The error is [ErrJobNotFound] if there is none.
func (s *Service) Job(id string) (jobstore.Record, error) { return s.dispatcher.Record(id) }

// Jobs returns one page of the records that a filter selects, in the order of submission, and the value of [jobstore.Page.After] for
// the next page; it is empty after the last record. The zero values of filter and page select all records.
func (s *Service) Jobs(filter jobstore.Filter, page jobstore.Page) (records []jobstore.Record, next string, err error) {
	return s.jobs.List(filter, page)
}
