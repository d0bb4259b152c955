// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// HostState is the outcome of the latest inventory request to a host.
type HostState string

// The states of a host.
const (
	StateUnknown      HostState = "unknown" // no request has completed yet
	StateConnected    HostState = "connected"
	StateDisconnected HostState = "disconnected" // the latest request failed
)

// HostFailure describes the inventory requests to a host that have failed in a row.
type HostFailure struct {
	Since   time.Time `json:"since"`   // of the first of them
	Count   int       `json:"count"`   // of them
	Err     error     `json:"-"`       // of the latest
	Message string    `json:"message"` // Err as text
}

// The states of a virtual machine that a job is working on. Otherwise its state is its power state.
const (
	VMCreating = "creating"
	VMUpdating = "updating"
	VMDeleting = "deleting"
)

// HostView is a host as last reported, together with the jobs that are running there.
type HostView struct {
	Host     string       `json:"host"` // configured name
	State    HostState    `json:"state"`
	Failure  *HostFailure `json:"failure,omitempty"` // nil unless State is StateDisconnected
	Snapshot *Snapshot    `json:"-"`                 // the latest; nil before the first
	// VMs holds the virtual machines of the snapshot in its order, followed by those that are in no snapshot yet, in the
	// order of their jobs.
	VMs []VMView `json:"vms"`
	// Partial says what the latest snapshot lacks: see [Snapshot.Partial].
	Partial []string `json:"partial,omitempty"`
}

// VMView is a virtual machine, together with the job that is working on it.
type VMView struct {
	ID        string        `json:"id"` // GUID; empty while it is being created
	Name      string        `json:"name"`
	State     string        `json:"state"`               // power state, VMCreating, VMUpdating or VMDeleting
	Operation job.Operation `json:"operation,omitempty"` // of the job; empty when there is none
	JobID     string        `json:"job_id,omitempty"`
	VM        *job.VM       `json:"vm,omitempty"` // as reported; nil when it is not in the snapshot
}
