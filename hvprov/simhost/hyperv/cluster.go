// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// GetCluster gives the name of the host's cluster. A host that is in none has an error instead.
func (s *Store) GetCluster(ctx context.Context) (name string, err error) {
	err = s.call(ctx, "Get-Cluster", false, func(state *State) error {
		name = state.Host.Cluster
		return state.clustered("Get-Cluster")
	})
	return name, err
}

// AddClusterVirtualMachineRole makes a virtual machine a role of the host's cluster.
func (s *Store) AddClusterVirtualMachineRole(ctx context.Context, id string) error {
	return s.change(ctx, "Add-ClusterVirtualMachineRole", id, func(state *State, vm *VM) error {
		if err := state.clustered("Add-ClusterVirtualMachineRole"); err != nil {
			return err
		}
		if slices.ContainsFunc(state.clusterGroups(), func(name string) bool { return strings.EqualFold(name, vm.Name) }) {
			return failf("Add-ClusterVirtualMachineRole", "A group with the name '%s' exists already in the cluster.", vm.Name)
		}
		vm.Clustered, vm.ClusterRole = true, vm.Name
		return nil
	})
}

// RemoveClusterGroup takes a virtual machine's role from the cluster. The machine stays.
func (s *Store) RemoveClusterGroup(ctx context.Context, id string) error {
	return s.change(ctx, "Remove-ClusterGroup", id, func(_ *State, vm *VM) error {
		vm.Clustered, vm.ClusterRole = false, ""
		return nil
	})
}

// ClusterRole is the group of a cluster that a virtual machine is in.
type ClusterRole struct {
	Name string
	VMID string
}

// GetClusterRoles gives the roles of all virtual machines, as Get-ClusterResource and Get-ClusterParameter do together.
func (s *Store) GetClusterRoles(ctx context.Context) (roles []ClusterRole, err error) {
	if err := s.call(ctx, "Get-ClusterResource", false, func(state *State) error {
		return state.clustered("Get-ClusterResource")
	}); err != nil {
		return nil, err
	}
	err = s.call(ctx, "Get-ClusterParameter", false, func(state *State) error {
		for _, vm := range state.VMs {
			if vm.Clustered {
				roles = append(roles, ClusterRole{Name: cmp.Or(vm.ClusterRole, vm.Name), VMID: vm.ID})
			}
		}
		return nil
	})
	return roles, err
}

// GetClusterSharedVolume gives the volumes that the host shares with the others of its cluster.
func (s *Store) GetClusterSharedVolume(ctx context.Context) (volumes []SharedVolume, err error) {
	err = s.call(ctx, "Get-ClusterSharedVolume", false, func(state *State) error {
		for _, volume := range state.Host.SharedVolumes {
			volume.FreeBytes = volume.Free()
			volumes = append(volumes, volume)
		}
		return state.clustered("Get-ClusterSharedVolume")
	})
	return volumes, err
}

func (s *State) clustered(cmdlet string) error {
	if s.Host.Cluster != "" {
		return nil
	}
	return failf(cmdlet, "The cluster service is not running on node %s.", s.Host.Name)
}

// GetClusterGroup gives the names of all groups of the host's cluster.
func (s *Store) GetClusterGroup(ctx context.Context) (names []string, err error) {
	err = s.call(ctx, "Get-ClusterGroup", false, func(state *State) error {
		names = state.clusterGroups()
		return state.clustered("Get-ClusterGroup")
	})
	return names, err
}

func (s *State) clusterGroups() []string {
	names := append([]string{"Cluster Group"}, s.Host.ClusterGroups...)
	for _, vm := range s.VMs {
		if vm.Clustered {
			names = append(names, cmp.Or(vm.ClusterRole, vm.Name))
		}
	}
	return names
}
