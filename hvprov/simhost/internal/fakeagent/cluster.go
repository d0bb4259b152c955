// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// wrongCluster gives the findings about a machine that is to be a role of the host's cluster. name is empty when it has its role
// already, or will be named later.
func (s *view) wrongCluster(hostName, name string) ([]job.Finding, error) {
	cluster := s.clusterName()
	if cluster == "" {
		return []job.Finding{finding("vm_clustered", protocol.CodeCluster, fmt.Sprintf("host %s is not a member of a failover cluster", hostName),
			"set vm_clustered to false, or use a clustered host")}, nil
	}
	if name == "" {
		return nil, nil
	}
	groups, err := s.store.GetClusterGroup(s.ctx)
	if err == nil && containsFold(groups, name) {
		return []job.Finding{finding("vm_name", protocol.CodeCluster, fmt.Sprintf("cluster '%s' has a group named '%s' already", cluster, name),
			"choose another name, or remove that group")}, nil
	}
	return nil, err
}

// joinCluster makes the machine a role of the cluster, and looks whether it is one: a group of its name may be another's.
func (r *run) joinCluster() error {
	cluster := r.clusterName()
	if err := r.enter("cluster", "add the virtual machine to cluster '%s'", cluster); err != nil {
		return err
	}
	r.made.clustered = true
	return r.addRole(cluster)
}

func (r *run) addRole(cluster string) error {
	if err := r.store.AddClusterVirtualMachineRole(r.ctx, r.vmID); err != nil {
		return err
	}
	roles, err := r.store.GetClusterRoles(r.ctx)
	if err != nil {
		return err
	}
	for _, role := range roles {
		if role.VMID == r.vmID {
			return nil
		}
	}
	return fail(protocol.CodeStepFailed, fmt.Sprintf("cluster '%s' has no role of virtual machine %s, though it was added", cluster, r.vmID), "", "")
}
