// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// host gives the host, or says why it is not ready.
func (s *view) host() (hyperv.Host, error) {
	host, err := s.store.GetVMHost(s.ctx)
	if err != nil {
		return host, fail(job.CodeHostNotReady, err.Error(), "",
			"see whether the service vmms (Hyper-V Virtual Machine Management) runs on the host")
	}
	return host, nil
}

// view is how a session, or a job, looks at the host.
type view struct {
	ctx   context.Context
	store *hyperv.Store

	clusterOnce sync.Once
	cluster     string
}

// clusterName gives the name of the host's cluster, or nothing. It is looked up once a session.
func (s *view) clusterName() string {
	s.clusterOnce.Do(func() {
		if name, err := s.store.GetCluster(s.ctx); err == nil {
			s.cluster = name
		}
	})
	return s.cluster
}

func (s *view) hello(installed bool) (any, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	build := host.OSVersion[strings.LastIndexByte(host.OSVersion, '.')+1:]
	return protocol.HelloResult{
		Agent: agent.Version, PowerShell: "5.1." + build + ".1", OS: host.OSVersion, HyperV: host.HyperVVersion,
		Host: host.Name, Cluster: s.clusterName(),
		Schemas:   []protocol.SchemaSupport{{ID: schemaID, Versions: []int{schemaVersion}}},
		ImagePath: imageFolder(host, nil), VMPath: machineFolder(host, nil),
		Installed: installed,
	}, nil
}

func (s *view) inventory(settings *protocol.Settings) (any, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	vms, err := s.store.ListVMs(s.ctx)
	if err != nil {
		return nil, err
	}
	more := s.details(vms)
	result := protocol.InventoryResult{Host: s.capacity(host, settings), VMs: make([]job.VM, len(vms))}
	for i, vm := range vms {
		result.VMs[i] = more.show(vm)
	}
	return result, nil
}

// find gives the virtual machine of that GUID; ok is false when the host has none.
func (s *view) find(id string) (vm hyperv.VM, ok bool, err error) {
	vm, err = s.store.GetVM(s.ctx, id)
	if !errors.Is(err, hyperv.ErrVMNotFound) {
		return vm, err == nil, err
	}
	// The same error of the real cmdlet has other causes: only a look at all machines tells that this one is gone.
	vms, err := s.store.ListVMs(s.ctx)
	for _, vm := range vms {
		if vm.ID == id {
			return vm, true, nil
		}
	}
	return hyperv.VM{}, false, err
}
