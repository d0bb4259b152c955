// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ChangeKind is the kind of a [Change].
type ChangeKind string

// The kinds of a [Change].
const (
	HostConnected    ChangeKind = "host_connected"    // a request succeeded, the first one or after a failure
	HostDisconnected ChangeKind = "host_disconnected" // a request failed, the first one or after a success
	HostRemoved      ChangeKind = "host_removed"      // by RemoveHost; the last change of a host
	VMAppeared       ChangeKind = "vm_appeared"
	VMDisappeared    ChangeKind = "vm_disappeared"
	VMStateChanged   ChangeKind = "vm_state_changed"
)

// Change is one difference between two snapshots of a host. The first snapshot of a host is reported as HostConnected only:
// its virtual machines are not new.
type Change struct {
	Kind ChangeKind
	Host string    // configured name
	Time time.Time // when it was noticed
	Seq  uint64    // of the request whose answer shows it; 0 for HostRemoved

	VM            *job.VM // vm_…: current, or as last seen; must not be modified
	Before, After string  // vm_state_changed: power states
	Err           error   // host_disconnected: the cause
}

// addChange queues a change for delivery. Cache.mu must be held.
func (e *entry) addChange(change Change) {
	change.Host = e.name
	e.changes = append(e.changes, change)
}

// compare queues the differences between two snapshots. Virtual machines that disappeared come first, so that a name is
// free before it is used again. Cache.mu must be held.
func (e *entry) compare(before, after *inventory.Snapshot, now time.Time) {
	earlier, current := byID(before), byID(after)
	add := func(change Change) {
		change.Time, change.Seq = now, after.Seq
		e.addChange(change)
	}
	for i := range before.VMs {
		if vm := &before.VMs[i]; current[casefold.Key(vm.ID)] == nil {
			add(Change{Kind: VMDisappeared, VM: vm})
		}
	}
	for i := range after.VMs {
		vm := &after.VMs[i]
		switch old := earlier[casefold.Key(vm.ID)]; {
		case old == nil:
			add(Change{Kind: VMAppeared, VM: vm})
		case old.PowerState != vm.PowerState:
			add(Change{Kind: VMStateChanged, VM: vm, Before: old.PowerState, After: vm.PowerState})
		}
	}
}

func byID(s *inventory.Snapshot) map[string]*job.VM {
	vms := make(map[string]*job.VM, len(s.VMs))
	for i := range s.VMs {
		vms[casefold.Key(s.VMs[i].ID)] = &s.VMs[i]
	}
	return vms
}

// notify delivers the queued changes of a host. Only one goroutine per host delivers at a time.
func (c *Cache) notify(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.notifying {
		return
	}
	for e.notifying = true; len(e.changes) > 0; {
		changes := e.changes
		e.changes = nil
		c.mu.Unlock()
		for _, change := range changes {
			c.deliver(change)
		}
		c.mu.Lock()
	}
	e.notifying = false
}

func (c *Cache) deliver(change Change) {
	switch change.Kind {
	case HostConnected:
		c.opts.Logger.Info("inventory of host is available", "host", change.Host)
	case HostDisconnected:
		c.opts.Logger.Warn("inventory refresh failed", "host", change.Host, "error", change.Err)
	}
	if c.opts.OnChange != nil {
		c.opts.OnChange(change)
	}
}
