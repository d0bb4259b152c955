// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Cached returns what is known of a host, regardless of its age. It sends no request.
func (c *Cache) Cached(host string) (inventory.HostView, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.find(host)
	if err != nil {
		return inventory.HostView{}, err
	}
	return e.view(), nil
}

// CachedAll returns what is known of all hosts, sorted by name. It sends no request.
func (c *Cache) CachedAll() []inventory.HostView {
	c.mu.Lock()
	defer c.mu.Unlock()
	views := make([]inventory.HostView, 0, len(c.hosts))
	for _, e := range c.hosts {
		views = append(views, e.view())
	}
	slices.SortFunc(views, func(a, b inventory.HostView) int {
		return strings.Compare(casefold.Key(a.Host), casefold.Key(b.Host))
	})
	return views
}

// VMName returns the last known name of a virtual machine on a host, or an empty string. It sends no request.
func (c *Cache) VMName(host, id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.hosts[casefold.Key(host)]
	if e == nil || e.snapshot == nil {
		return ""
	}
	if vm, ok := e.snapshot.ByID(id); ok {
		return vm.Name
	}
	return ""
}

// PartialAnswers returns the number of answers of a host that were not complete.
func (c *Cache) PartialAnswers(host string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.hosts[casefold.Key(host)]; e != nil {
		return e.partial
	}
	return 0
}

// view returns the latest snapshot of a host with its reservations. Cache.mu must be held.
func (e *entry) view() inventory.HostView {
	v := inventory.HostView{Host: e.name, State: inventory.StateUnknown, Failure: e.failure, Snapshot: e.snapshot}
	switch {
	case e.failure != nil:
		v.State = inventory.StateDisconnected
	case e.settled > 0:
		v.State = inventory.StateConnected
	}
	inSnapshot := make([]bool, len(e.reservations))
	if e.snapshot != nil {
		v.Partial = e.snapshot.Partial
		v.VMs = make([]inventory.VMView, 0, len(e.snapshot.VMs)+len(e.reservations))
		for i := range e.snapshot.VMs {
			vm := &e.snapshot.VMs[i]
			item := inventory.VMView{ID: vm.ID, Name: vm.Name, State: vm.PowerState, VM: vm}
			for n, r := range e.reservations {
				if r.isFor(vm) {
					item.State, item.Operation, item.JobID = r.vmState(), r.Operation, r.JobID
					inSnapshot[n] = true
				}
			}
			v.VMs = append(v.VMs, item)
		}
	}
	for n, r := range e.reservations {
		if !inSnapshot[n] && (r.Operation.NeedsVM() || r.Operation == job.OperationProvision) {
			v.VMs = append(v.VMs, inventory.VMView{ID: r.VMID, Name: r.Name, State: r.vmState(), Operation: r.Operation, JobID: r.JobID})
		}
	}
	return v
}

// vmState returns the state of a virtual machine while the job of a reservation is working on it.
func (r *reservation) vmState() string {
	switch r.Operation {
	case job.OperationProvision:
		return inventory.VMCreating
	case job.OperationDelete:
		return inventory.VMDeleting
	}
	return inventory.VMUpdating
}
