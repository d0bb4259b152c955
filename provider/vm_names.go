// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"strings"
	"sync"
)

// nameReservations detects a name that one configuration uses twice on a host. Terraform does not tell a provider which
// resource it is planning: a resource that has a virtual machine is known by its GUID, all others are different ones.
type nameReservations struct {
	mu       sync.Mutex
	reserved map[nameKey]reservation
	managed  map[string]bool   // GUIDs in the state, in lower case
	adopted  map[string]bool   // GUIDs that a resource has adopted, in lower case
	renames  map[string]rename // planned ones, by GUID in lower case
}

// rename is a planned change of the name of a virtual machine.
type rename struct{ from, to nameKey }

// nameKey is a name on a host, in lower case: Hyper-V compares names without case.
type nameKey struct{ host, name string }

func newNameKey(host, name string) nameKey {
	return nameKey{strings.ToLower(host), strings.ToLower(name)}
}

// reservation describes the resource that holds a name.
type reservation struct {
	vmID string // of the resource, also while it is replaced; empty for a resource without a virtual machine
}

func newNameReservations() *nameReservations {
	return &nameReservations{reserved: map[nameKey]reservation{}, managed: map[string]bool{}, adopted: map[string]bool{}, renames: map[string]rename{}}
}

// addManaged records that a virtual machine is in the state.
func (n *nameReservations) addManaged(vmID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.managed[strings.ToLower(vmID)] = true
}

// claim records that a resource adopts a virtual machine. It reports false if another one has it.
func (n *nameReservations) claim(vmID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := strings.ToLower(vmID)
	if n.managed[key] {
		return false
	}
	n.managed[key], n.adopted[key] = true, true
	return true
}

// startDelete records that a resource deletes its virtual machine, which no other can adopt from then on. It reports false if one has
// adopted it: Terraform creates a resource before it deletes the one that gives up the virtual machine, with create_before_destroy or
// when the label of a resource changed.
func (n *nameReservations) startDelete(vmID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := strings.ToLower(vmID)
	n.managed[key] = true
	return !n.adopted[key]
}

// isManaged reports whether a virtual machine is in the state. If it holds a name that a plan requests, either that plan
// replaces it, or reserve reports the conflict with its resource.
func (n *nameReservations) isManaged(vmID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.managed[strings.ToLower(vmID)]
}

// reserve reserves a name for a resource. It reports false if another resource of the configuration holds it. A resource that has a
// virtual machine may reserve a name again: one to be replaced is planned twice.
func (n *nameReservations) reserve(host, name string, v reservation) bool {
	key := newNameKey(host, name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if held, taken := n.reserved[key]; taken && (held.vmID == "" || !strings.EqualFold(held.vmID, v.vmID)) {
		return false
	}
	n.reserved[key] = v
	return true
}

// addRename records a planned rename. It reports whether virtual machines would exchange their names, this one among them.
func (n *nameReservations) addRename(vmID, host, from, to string) (exchange bool) {
	r := rename{newNameKey(host, from), newNameKey(host, to)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renames[strings.ToLower(vmID)] = r
	next := make(map[nameKey]nameKey, len(n.renames))
	for _, r := range n.renames {
		next[r.from] = r.to
	}
	if r.from == r.to {
		return false // another letter case
	}
	at := r.to
	for range n.renames { // ends also if there is a cycle without this one
		if at == r.from {
			return true
		}
		to, ok := next[at]
		if !ok || to == at {
			return false
		}
		at = to
	}
	return at == r.from
}

// resolve records the virtual machine that was created for a reserved name. Without one it releases the name.
func (n *nameReservations) resolve(host, name, vmID string) {
	key := newNameKey(host, name)
	n.mu.Lock()
	defer n.mu.Unlock()
	v, taken := n.reserved[key]
	switch {
	case !taken || v.vmID != "":
	case vmID == "":
		delete(n.reserved, key)
	default:
		v.vmID = vmID
		n.reserved[key] = v
	}
}

// release releases the name of a deleted virtual machine.
func (n *nameReservations) release(vmID string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.adopted, strings.ToLower(vmID))
	delete(n.managed, strings.ToLower(vmID))
	maps.DeleteFunc(n.reserved, func(_ nameKey, v reservation) bool { return v.vmID == vmID })
}
