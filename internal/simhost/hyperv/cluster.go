// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"fmt"
	"slices"
	"strings"
)

// ClusterFaults controls how the cmdlets of the failover cluster answer. The zero value is a healthy cluster.
type ClusterFaults struct {
	ServiceStopped bool `json:"service_stopped,omitempty"` // the cluster service of this node is stopped
	AccessDenied   bool `json:"access_denied,omitempty"`   // the account was not granted access to the cluster
	// OldErrors reports errors under the name of the cmdlet and without a category, as before Windows Server 2016.
	OldErrors bool `json:"old_errors,omitempty"`
	// Localized replaces the texts of the errors with ones that do not say in English what happened.
	Localized bool `json:"localized,omitempty"`
	// MissingVMFails makes Get-ClusterGroup -VMId fail for a virtual machine that has no role. Public sources do not say whether it
	// does, or returns nothing.
	MissingVMFails bool `json:"missing_vm_fails,omitempty"`
}

// JoinCluster makes hosts the nodes of one failover cluster with a cluster shared volume, in which they keep their virtual machines.
// Each node sees the roles of all, and with Get-VM only its own virtual machines.
func JoinCluster(name string, volume SharedVolume, nodes ...*Store) error {
	for _, node := range nodes {
		err := node.Update(func(s *State) error {
			s.Host.Cluster, s.Host.SharedVolumes = name, []SharedVolume{volume}
			s.Host.ClusterNodes = nil
			for _, other := range nodes {
				if other.path != node.path {
					s.Host.ClusterNodes = append(s.Host.ClusterNodes, other.path)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// LiveMigrate moves a virtual machine to another host as a live migration does: it keeps its GUID, its state and the paths of its
// files, and its role in the cluster has another owner node.
func LiveMigrate(from, to *Store, vmID string) error {
	state, err := from.Read()
	if err != nil {
		return err
	}
	found := slices.IndexFunc(state.VMs, func(vm VM) bool { return strings.EqualFold(vm.ID, vmID) })
	if found < 0 {
		return fmt.Errorf("host %s has no virtual machine %s", state.Host.Name, vmID)
	}
	if err := to.Update(func(s *State) error { s.VMs = append(s.VMs, state.VMs[found]); return nil }); err != nil {
		return err
	}
	return from.Update(func(s *State) error {
		s.VMs = slices.DeleteFunc(s.VMs, func(vm VM) bool { return strings.EqualFold(vm.ID, vmID) })
		return nil
	})
}

// ClusterOwner returns the name of the other cluster node that owns the role of a virtual machine, or an empty string.
func (s *State) ClusterOwner(vmID string) (string, error) {
	for _, path := range s.Host.ClusterNodes {
		node, err := Open(path)
		if err != nil {
			return "", err
		}
		state, err := node.Read()
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(state.VMs, func(vm VM) bool { return vm.Clustered && strings.EqualFold(vm.ID, vmID) }) {
			return state.Host.Name, nil
		}
	}
	return "", nil
}
