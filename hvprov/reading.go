// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// VM returns a virtual machine by its GUID, at most InventoryMaxAge old. One that is not there is [ErrVMNotFound]. Reads that
// come together share one request.
func (s *Service) VM(ctx context.Context, hostName, id string) (*job.VM, error) {
	snapshot, err := s.HostInventory(ctx, hostName)
	if err != nil {
		return nil, err
	}
	if vm, ok := snapshot.ByID(id); ok {
		return vm, nil
	}
	return nil, &VMNotFoundError{Host: hostName, VM: id}
}

// LookupVM returns a virtual machine by its name or GUID. One that is not there, or a name that several share, is an error.
func (s *Service) LookupVM(ctx context.Context, hostName, nameOrID string) (*job.VM, error) {
	snapshot, err := s.HostInventory(ctx, hostName)
	if err != nil {
		return nil, err
	}
	if vm, ok := snapshot.ByID(nameOrID); ok {
		return vm, nil
	}
	found := snapshot.ByName(nameOrID)
	switch len(found) {
	case 0:
		return nil, &VMNotFoundError{Host: hostName, VM: nameOrID}
	case 1:
		return &found[0], nil
	}
	ids := make([]string, len(found))
	for i, vm := range found {
		ids[i] = vm.ID
	}
	return nil, fmt.Errorf("host %s has %d virtual machines named %q: name one by its GUID: %s",
		hostName, len(found), nameOrID, strings.Join(ids, ", "))
}

// HostInventory returns the inventory of a host, at most InventoryMaxAge old.
func (s *Service) HostInventory(ctx context.Context, hostName string) (*inventory.Snapshot, error) {
	h, err := s.host(hostName)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.inventory.Get(ctx, h.name)
	if errors.Is(err, inventorycache.ErrClosed) {
		err = ErrClosed
	}
	return snapshot, hostError(h.name, err)
}

// HostView returns a host as it was last seen, with the machines that jobs are making, changing and removing just now. It asks
// nobody, and so it does not fail for a host that is gone: its State says so.
func (s *Service) HostView(hostName string) (inventory.HostView, error) {
	h, err := s.host(hostName)
	if err != nil {
		return inventory.HostView{}, err
	}
	return s.inventory.Cached(h.name)
}

// HostViews returns all hosts as [Service.HostView] does one, by name.
func (s *Service) HostViews() []inventory.HostView { return s.inventory.CachedAll() }
