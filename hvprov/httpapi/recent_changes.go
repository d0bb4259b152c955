// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// maxRecent is the number of changes of a host that are remembered. A host with more is shown as of its snapshot.
const maxRecent = 1000

// recentChanges are the virtual machines that jobs have created, changed and deleted since the latest snapshots of their hosts, as the
// jobs reported them. Without them, a new virtual machine would disappear between the end of its job and the next snapshot.
type recentChanges struct {
	mu    sync.Mutex
	hosts map[string]map[string]recentChange // by lower-case name of the host and GUID
}

// recentChange is what a job did.
type recentChange struct {
	at time.Time // end of the job
	vm *job.VM   // nil: deleted
}

func newRecentChanges() *recentChanges {
	return &recentChanges{hosts: map[string]map[string]recentChange{}}
}

// add records what a job did.
func (c *recentChanges) add(r jobstore.Record) {
	if r.State != jobstore.Succeeded || r.VMID == "" {
		return
	}
	change := recentChange{at: r.Ended}
	if r.Operation != job.OperationDelete {
		if r.Result == nil || r.Result.VM == nil {
			return
		}
		change.vm = r.Result.VM
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	host := strings.ToLower(r.Host)
	if c.hosts[host] == nil || len(c.hosts[host]) >= maxRecent {
		c.hosts[host] = map[string]recentChange{}
	}
	c.hosts[host][strings.ToLower(r.VMID)] = change
}

// apply adds the changes since the snapshot of a view to it.
func (c *recentChanges) apply(v inventory.HostView) inventory.HostView {
	c.mu.Lock()
	defer c.mu.Unlock()
	changes := c.hosts[strings.ToLower(v.Host)]
	for id, change := range changes {
		if v.Snapshot != nil && change.at.Before(v.Snapshot.TakenAt) {
			delete(changes, id)
		}
	}
	if len(changes) == 0 {
		return v
	}
	seen := map[string]bool{}
	vms := make([]inventory.VMView, 0, len(v.VMs)+len(changes))
	for _, item := range v.VMs {
		key := strings.ToLower(item.ID)
		change, ok := changes[key]
		if ok && change.vm == nil && item.JobID == "" {
			continue
		}
		if ok && change.vm != nil {
			seen[key] = true
			item.VM, item.Name = change.vm, change.vm.Name
			if item.JobID == "" {
				item.State = change.vm.PowerState
			}
		}
		vms = append(vms, item)
	}
	known := len(vms)
	for id, change := range changes {
		if change.vm != nil && !seen[id] {
			vms = append(vms, inventory.VMView{ID: change.vm.ID, Name: change.vm.Name, State: change.vm.PowerState, VM: change.vm})
		}
	}
	slices.SortFunc(vms[known:], func(a, b inventory.VMView) int { return strings.Compare(a.ID, b.ID) })
	v.VMs = vms
	return v
}
