// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// HostState is how a host did when it was last asked.
type HostState string

// The states of a host.
const (
	Unasked      HostState = "unasked" // its first answer has yet to come
	Connected    HostState = "connected"
	Disconnected HostState = "disconnected" // the last request failed
)

// Trouble is why a host cannot be asked, since the first of the requests that failed one after the other.
type Trouble struct {
	Since    time.Time
	Err      error // of the last
	Failures int
}

// What a machine's state is while a job is at work on it. Else it is the machine's power state.
const (
	StateCreating = "creating"
	StateUpdating = "updating"
	StateDeleting = "deleting"
)

// View is a host as it is to be shown: what it last reported, with what jobs are doing to it. It is the caller's, but for the
// snapshot and the virtual machines in it.
type View struct {
	Host     string // its name, as SetHosts was given it
	State    HostState
	Trouble  *Trouble  // nil unless State is Disconnected
	Snapshot *Snapshot // the last; nil before the first
	VMs      []Shown   // in the order of the snapshot; behind them what is being made, in the order of the reservations
}

// Shown is a virtual machine as it is to be shown.
type Shown struct {
	ID, Name  string
	State     string        // its power state, or StateCreating, StateUpdating or StateDeleting
	Operation job.Operation // what a job does to it; empty: no job is at work on it
	JobID     string        // that job
	// VM is what the host reports. It is nil for a placeholder: a machine that is not in the snapshot, as one that is being made.
	VM *job.VM
}

// Peek gives a host as it is known now, however old that is. It asks nobody.
func (s *Store) Peek(host string) (View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(host)
	if err != nil {
		return View{}, err
	}
	return e.view(), nil
}

// All gives every host as it is known now, by name. It asks nobody.
func (s *Store) All() []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	views := make([]View, 0, len(s.hosts))
	for _, e := range s.hosts {
		views = append(views, e.view())
	}
	slices.SortFunc(views, func(a, b View) int { return strings.Compare(fold(a.Host), fold(b.Host)) })
	return views
}

// view gives what is known of a host. The store's lock is held.
func (e *entry) view() View {
	v := View{Host: e.name, State: Unasked, Trouble: e.trouble, Snapshot: e.snapshot}
	switch {
	case e.trouble != nil:
		v.State = Disconnected
	case e.settled > 0:
		v.State = Connected
	}
	listed := make([]bool, len(e.reserved)) // as a real machine
	if e.snapshot != nil {
		v.VMs = make([]Shown, 0, len(e.snapshot.VMs)+len(e.reserved))
		for i := range e.snapshot.VMs {
			vm := &e.snapshot.VMs[i]
			shown := Shown{ID: vm.ID, Name: vm.Name, State: vm.PowerState, VM: vm}
			for n, r := range e.reserved {
				if r.about(vm) {
					shown.State, shown.Operation, shown.JobID = r.state(), r.Operation, r.JobID
					listed[n] = true
				}
			}
			v.VMs = append(v.VMs, shown)
		}
	}
	for n, r := range e.reserved {
		if !listed[n] {
			v.VMs = append(v.VMs, Shown{ID: r.VMID, Name: r.Name, State: r.state(), Operation: r.Operation, JobID: r.JobID})
		}
	}
	return v
}

func (r *reserved) state() string {
	switch r.Operation {
	case job.OperationProvision:
		return StateCreating
	case job.OperationDelete:
		return StateDeleting
	}
	return StateUpdating
}
