// SPDX-License-Identifier: MPL-2.0

package hyperv

import "context"

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
		vm.Clustered = true
		return nil
	})
}

// RemoveClusterGroup takes a virtual machine's role from the cluster. The machine stays.
func (s *Store) RemoveClusterGroup(ctx context.Context, id string) error {
	return s.change(ctx, "Remove-ClusterGroup", id, func(_ *State, vm *VM) error {
		vm.Clustered = false
		return nil
	})
}

func (s *State) clustered(cmdlet string) error {
	if s.Host.Cluster != "" {
		return nil
	}
	return failf(cmdlet, "The cluster service is not running on node %s.", s.Host.Name)
}
