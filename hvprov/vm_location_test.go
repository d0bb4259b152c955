// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// locationTest has two hosts, hv01 and hv02, and a virtual machine that moved from the first to the second.
type locationTest struct {
	*testing.T
	first, second *simhost.Server
	id            string
}

func newLocationTest(t *testing.T, clustered bool) *locationTest {
	t.Helper()
	l := &locationTest{T: t, id: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"}
	start := func(name string) *simhost.Server {
		server := startHost(t, simhost.Options{})
		updateHost(t, server, func(s *hyperv.State) { s.Host.Name = name })
		return server
	}
	l.first, l.second = start("HV01"), start("HV02")
	if clustered {
		if err := hyperv.JoinCluster("CL01", hyperv.SharedVolume{Path: filepath.Join(t.TempDir(), "Volume1")}, l.first.Store(), l.second.Store()); err != nil {
			t.Fatal(err)
		}
	}
	updateHost(t, l.second, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: l.id, Name: "web-01", State: "Off", Generation: 2, MemoryStartupBytes: 1 << 30, ProcessorCount: 1, Clustered: clustered})
	})
	return l
}

func (l *locationTest) service(servers map[string]*simhost.Server) *hvprov.Service {
	l.Helper()
	return newSharedHostService(l.T, l.first, func(o *hvprov.Options) {
		for name, server := range servers {
			o.Hosts[name] = hvprov.Host{WinRM: server.WinRM()}
		}
	})
}

func TestAVirtualMachineIsFoundOnTheHostThatItMovedTo(t *testing.T) {
	t.Parallel()
	for name, clustered := range map[string]bool{"cluster": true, "no cluster": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLocationTest(t, clustered)
			s := l.service(map[string]*simhost.Server{"hv02": l.second})
			for _, host := range []string{"hv01", "hv02"} {
				found, vm, err := s.FindVM(t.Context(), host, strings.ToUpper(l.id))
				if err != nil || found != "hv02" || vm.Name != "web-01" {
					t.Errorf("asked for on %s: %q, %+v, %v", host, found, vm, err)
				}
			}
			_, _, err := s.FindVM(t.Context(), "hv01", "0b5d1c5e-6a1e-4c39-9d0b-000000000000")
			if !errors.Is(err, hvprov.ErrVMNotFound) || errors.Is(err, hvprov.ErrVMElsewhere) {
				t.Errorf("a virtual machine that does not exist: %v", err)
			}
		})
	}
}

func TestAVirtualMachineThatMayBeElsewhereIsNotMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		clustered, configured bool
		node                  string
		class                 error
		text                  string
	}{
		"the owner is not a host":       {true, false, "HV02", nil, "which is not a configured host: add the node to the hosts"},
		"the owner does not answer":     {true, true, "HV02", hvprov.ErrHostUnreachable, "which cannot be asked"},
		"another host does not answer":  {false, true, "", hvprov.ErrHostUnreachable, "cannot be determined whether another host has it"},
		"no other host, and no cluster": {false, false, "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLocationTest(t, c.clustered)
			servers := map[string]*simhost.Server{}
			if c.configured {
				servers["hv02"] = l.second
				if err := l.second.SetHealth(simhost.Refusing); err != nil {
					t.Fatal(err)
				}
			}
			s := l.service(servers)
			_, _, err := s.FindVM(t.Context(), "hv01", l.id)
			if c.text == "" {
				if !errors.Is(err, hvprov.ErrVMNotFound) {
					t.Errorf("got %v", err)
				}
				return
			}
			var elsewhere *hvprov.VMElsewhereError
			if !errors.As(err, &elsewhere) || elsewhere.Node != c.node || elsewhere.Host != "hv01" || errors.Is(err, hvprov.ErrVMNotFound) ||
				hvprov.Code(err) != "vm_elsewhere" || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v (%s)", err, hvprov.Code(err))
			}
			if c.class != nil && !errors.Is(err, c.class) {
				t.Errorf("%v does not match %v", err, c.class)
			}
		})
	}
}

func TestAJobOnAHostThatAVirtualMachineLeftNamesItsNode(t *testing.T) {
	t.Parallel()
	l := newLocationTest(t, true)
	s := l.service(map[string]*simhost.Server{"hv02": l.second})
	start := map[string]any{"power_action": "start"}
	j, err := s.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationPower, VMID: l.id, Values: start})
	if err != nil {
		t.Fatal(err)
	}
	_, err = j.Wait(t.Context())
	if !errors.Is(err, hvprov.ErrVMElsewhere) || !strings.Contains(err.Error(), "cluster node HV02 owns it") {
		t.Errorf("got %v", err)
	}
}

// Remove-VM leaves the role of a virtual machine in the cluster.
func TestAVirtualMachineOfWhichOnlyTheRoleIsLeftIsMissing(t *testing.T) {
	t.Parallel()
	l := newLocationTest(t, true)
	roles, err := hyperv.Create(filepath.Join(t.TempDir(), "roles.json"), hyperv.Seed{Name: "HV02"})
	if err != nil {
		t.Fatal(err)
	}
	if err := hyperv.LiveMigrate(l.second.Store(), roles, l.id); err != nil {
		t.Fatal(err)
	}
	updateHost(t, l.first, func(s *hyperv.State) { s.Host.ClusterNodes = []string{roles.Path()} })
	s := l.service(map[string]*simhost.Server{"hv02": l.second})
	if _, _, err := s.FindVM(t.Context(), "hv01", l.id); !errors.Is(err, hvprov.ErrVMNotFound) {
		t.Errorf("got %v", err)
	}
}

// The job would find nothing on the host, and succeed.
func TestADeleteOnAHostThatTheVirtualMachineHasLeftIsRefused(t *testing.T) {
	t.Parallel()
	l := newLocationTest(t, false)
	s := l.service(map[string]*simhost.Server{"hv02": l.second})
	move := func(from, to *simhost.Server) {
		var moved hyperv.VM
		updateHost(t, from, func(s *hyperv.State) { moved, s.VMs = s.VMs[0], nil })
		updateHost(t, to, func(s *hyperv.State) { s.VMs = append(s.VMs, moved) })
	}
	move(l.second, l.first)
	if found, _, err := s.FindVM(t.Context(), "hv01", l.id); err != nil || found != "hv01" {
		t.Fatalf("found on %q, %v", found, err)
	}
	move(l.first, l.second)
	remove := hvprov.Submission{Host: "hv01", Operation: job.OperationDelete, VMID: l.id}
	_, err := s.Submit(t.Context(), remove)
	if !errors.Is(err, hvprov.ErrVMElsewhere) || !strings.Contains(err.Error(), "moved to host hv02") {
		t.Errorf("the delete on the former host: %v", err)
	}
	if found, _, err := s.FindVM(t.Context(), "hv01", l.id); err != nil || found != "hv02" {
		t.Errorf("after that it is found on %q, %v", found, err)
	}
	remove.Host = "hv02"
	j, err := s.Submit(t.Context(), remove)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if j, err = s.Submit(t.Context(), remove); err == nil { // none has it: the job succeeds
		_, err = j.Wait(t.Context())
	}
	if err != nil {
		t.Errorf("a second delete: %v", err)
	}
}
