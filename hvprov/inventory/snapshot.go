// SPDX-License-Identifier: MPL-2.0

// Package inventory describes the contents of Hyper-V hosts: the snapshot that a host last reported, and a view that adds
// the jobs that are running there.
package inventory

import (
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Snapshot is the state of a host at one moment. Snapshots are shared between callers and must not be modified.
type Snapshot struct {
	Host string   `json:"host"` // computer name that the host reports
	Info job.Host `json:"info"`
	VMs  []job.VM `json:"vms"`

	// Partial says what could not be read, one sentence each. The properties that are affected are null.
	Partial []string `json:"partial,omitempty"`

	// Seq is the number of the request that returned the snapshot. Of two snapshots of one host, the one with the greater
	// number was requested later.
	Seq uint64 `json:"seq"`
	// TakenAt is when that request was sent. Nothing in the snapshot is older.
	TakenAt time.Time `json:"taken_at"`
}

// ByID returns the virtual machine with a GUID, in any letter case.
func (s *Snapshot) ByID(id string) (*job.VM, bool) {
	for i := range s.VMs {
		if strings.EqualFold(s.VMs[i].ID, id) {
			return &s.VMs[i], true
		}
	}
	return nil, false
}

// ByName returns the virtual machines with a name, in any letter case. Hyper-V allows several virtual machines to share one.
func (s *Snapshot) ByName(name string) []job.VM {
	var found []job.VM
	for _, vm := range s.VMs {
		if strings.EqualFold(vm.Name, name) {
			found = append(found, vm)
		}
	}
	return found
}
