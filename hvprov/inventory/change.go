// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ChangeKind is what kind of thing became different.
type ChangeKind string

// The kinds of a [Change].
const (
	HostConnected    ChangeKind = "host_connected"    // it answered, for the first time or again
	HostDisconnected ChangeKind = "host_disconnected" // a request failed; the one before, if there was one, did not
	HostRemoved      ChangeKind = "host_removed"      // by SetHosts; nothing is told of it any more
	VMAppeared       ChangeKind = "vm_appeared"
	VMDisappeared    ChangeKind = "vm_disappeared"
	VMStateChanged   ChangeKind = "vm_state_changed"
)

// Change is one thing that became different between two snapshots of a host. The first snapshot of a host tells
// HostConnected alone: that its machines were not known before does not make them new.
type Change struct {
	Kind ChangeKind
	Host string    // its name, as SetHosts was given it
	Time time.Time // when it was noticed
	Seq  uint64    // the request whose answer told; 0: none did

	VM            *job.VM // vm_…: as it is now, or as it was last seen. Do not change it.
	Before, After string  // vm_state_changed: the power states
	Err           error   // host_disconnected: why
}

// change notes something to be told. s.mu is held.
func (e *entry) change(c Change) {
	c.Host = e.name
	e.changes = append(e.changes, c)
}

// compare notes what is different in a newer snapshot. What is gone comes first, so that a name is free before it is used again.
func (e *entry) compare(before, after *Snapshot, now time.Time) {
	old, current := byID(before), byID(after)
	note := func(c Change) {
		c.Time, c.Seq = now, after.Seq
		e.change(c)
	}
	for i := range before.VMs {
		if vm := &before.VMs[i]; current[fold(vm.ID)] == nil {
			note(Change{Kind: VMDisappeared, VM: vm})
		}
	}
	for i := range after.VMs {
		vm := &after.VMs[i]
		switch was := old[fold(vm.ID)]; {
		case was == nil:
			note(Change{Kind: VMAppeared, VM: vm})
		case was.PowerState != vm.PowerState:
			note(Change{Kind: VMStateChanged, VM: vm, Before: was.PowerState, After: vm.PowerState})
		}
	}
}

func byID(s *Snapshot) map[string]*job.VM {
	vms := make(map[string]*job.VM, len(s.VMs))
	for i := range s.VMs {
		vms[fold(s.VMs[i].ID)] = &s.VMs[i]
	}
	return vms
}

// tell tells a host's changes, unless another goroutine is doing so, which then tells these as well.
func (s *Store) tell(e *entry) {
	s.mu.Lock()
	if e.telling {
		s.mu.Unlock()
		return
	}
	for e.telling = true; len(e.changes) > 0; {
		news := e.changes
		e.changes = nil
		s.mu.Unlock()
		if s.opts.OnChange != nil {
			for _, c := range news {
				s.opts.OnChange(c)
			}
		}
		s.mu.Lock()
	}
	e.telling = false
	s.mu.Unlock()
}
