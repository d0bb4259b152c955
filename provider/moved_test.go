// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// nodes are two simulated hosts HV01 and HV02 that keep their virtual machines in one folder, in a cluster with a shared volume if
// clustered.
type nodes struct {
	t      *testing.T
	hosts  map[string]*simhost.Server
	folder string
}

func startNodes(t *testing.T, clustered bool, start func(*testing.T) *simhost.Server) *nodes {
	t.Helper()
	n := &nodes{t: t, hosts: map[string]*simhost.Server{"hv01": start(t), "hv02": start(t)}, folder: t.TempDir()}
	for name, server := range n.hosts {
		updateHost(t, server, func(s *hyperv.State) {
			s.Host.Name = strings.ToUpper(name)
			if name == "hv02" {
				s.NextMAC = 1 << 12
			}
		})
	}
	if clustered {
		n.join()
	}
	return n
}

// join makes the hosts the nodes of a cluster.
func (n *nodes) join() {
	n.t.Helper()
	volume := hyperv.SharedVolume{Path: n.folder, SizeBytes: 1 << 40, FreeBytes: 1 << 39}
	if err := hyperv.JoinCluster("CL01", volume, n.hosts["hv01"].Store(), n.hosts["hv02"].Store()); err != nil {
		n.t.Fatal(err)
	}
}

// connect returns a provider with the given hosts.
func (n *nodes) connect(names ...string) *harness {
	n.t.Helper()
	hosts := attrs{}
	for _, name := range names {
		hosts[name] = settings(n.hosts[name]).with(attrs{"vm_path": n.folder})
	}
	h := newHarness(n.t)
	h.mustSucceed("configure", h.configure(attrs{"hosts": hosts}))
	return h
}

// move migrates the only virtual machine of a host.
func (n *nodes) move(from, to string) {
	n.t.Helper()
	if err := hyperv.LiveMigrate(n.hosts[from].Store(), n.hosts[to].Store(), n.vm(from).ID); err != nil {
		n.t.Fatal(err)
	}
}

// vm returns the only virtual machine of a host.
func (n *nodes) vm(host string) hyperv.VM {
	n.t.Helper()
	state, err := n.hosts[host].Store().Read()
	if err != nil {
		n.t.Fatal(err)
	}
	if len(state.VMs) != 1 {
		n.t.Fatalf("host %s has %d virtual machines", host, len(state.VMs))
	}
	return state.VMs[0]
}

// wantNone requires that no host has a virtual machine, and that its files are removed.
func (n *nodes) wantNone() {
	n.t.Helper()
	for _, server := range n.hosts {
		wantEmptyHost(n.t, server)
	}
}

// eachMove runs a test with hosts that are not in a cluster and the fake agent, and with cluster nodes and the real agent.
func eachMove(t *testing.T, test func(t *testing.T, n *nodes, config attrs)) {
	t.Helper()
	config := linux("web-01").with(attrs{"host": "hv01"})
	t.Run("hosts without a cluster, fake agent", func(t *testing.T) {
		t.Parallel()
		test(t, startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) }), config)
	})
	t.Run("cluster nodes, real agent", func(t *testing.T) {
		t.Parallel()
		test(t, startNodes(t, true, func(t *testing.T) *simhost.Server { return realAgentInTurn(t, 0) }), config.with(attrs{"vm_clustered": true}))
	})
}

// wantHost requires a host in a state.
func (h *harness) wantHost(r resource, host string) {
	h.t.Helper()
	if got := h.get(r, "host"); got != host {
		h.t.Errorf("host is %v, want %s", got, host)
	}
}

// wantUpdate requires a plan that succeeds and does not replace the virtual machine.
func (h *harness) wantUpdate(p planned) {
	h.t.Helper()
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		h.t.Fatalf("the plan replaces the virtual machine because of %v", p.replace)
	}
}

func TestAVMThatMovedIsFollowed(t *testing.T) {
	t.Parallel()
	eachMove(t, func(t *testing.T, n *nodes, config attrs) {
		h := n.connect("hv01", "hv02")
		created := h.mustApply(h.none(), config)
		id := h.get(created, "id")
		n.move("hv01", "hv02")

		h = n.connect("hv01", "hv02")
		read := h.mustRead(created)
		if read.value.IsNull() {
			t.Fatal("the virtual machine was removed from the state")
		}
		h.wantHost(read, "hv02")
		p := h.plan(read, config)
		h.wantUpdate(p)
		h.mustWarn(p.diags, "host", "Virtual machine web-01 moved from hv01 to hv02")
		applied, diags := h.apply(h.ctx, p)
		h.mustSucceed("apply", diags)
		h.wantHost(applied, "hv01")

		again := h.mustRead(applied)
		h.wantHost(again, "hv01")
		h.wantEmptyPlan(again, config)
		if d := h.plan(again, config).diags; strings.Contains(render(d), "moved from") {
			t.Errorf("a move that was applied is reported again: %s", render(d))
		}

		// An update runs where the virtual machine is, also if it moved after the plan.
		second := config.with(attrs{"notes": "second"})
		p = h.plan(again, second)
		h.wantUpdate(p)
		n.move("hv02", "hv01")
		updated, diags := h.apply(h.ctx, p)
		h.mustSucceed("apply", diags)
		if vm := n.vm("hv01"); vm.Notes != "second" || fmt.Sprint(h.get(updated, "id")) != fmt.Sprint(id) {
			t.Errorf("got %+v", vm)
		}
		h.wantHost(updated, "hv01")
		h.wantEmptyPlan(h.mustRead(updated), second)

		// So does a delete.
		n.move("hv01", "hv02")
		h = n.connect("hv01", "hv02")
		h.mustApply(updated, nil)
		n.wantNone()
	})
}

func TestTheHostOfAVMThatMovedCanBeWrittenToTheConfiguration(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	config := linux("web-01").with(attrs{"host": "hv01"})
	h := n.connect("hv01", "hv02")
	created := h.mustApply(h.none(), config)
	n.move("hv01", "hv02")
	h = n.connect("hv01", "hv02")
	moved := h.mustRead(created)
	h.wantEmptyPlan(moved, config.with(attrs{"host": "hv02"})) // before the move was applied

	applied := h.mustApply(moved, config)
	p := h.plan(h.mustRead(applied), config.with(attrs{"host": "hv02"}))
	h.wantUpdate(p)
	changed, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.wantHost(changed, "hv02")
	h.wantEmptyPlan(h.mustRead(changed), config.with(attrs{"host": "hv02"}))

	p = h.plan(changed, config) // back to a host that does not have it
	if strings.Join(p.replace, " ") != "host" {
		t.Errorf("replaced because of %v", p.replace)
	}
	n.vm("hv02")
	h.mustApply(changed, nil)
	n.wantNone()
}

func TestAVMThatMovedIsImportedByItsGUID(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	config := linux("web-01").with(attrs{"host": "hv01"})
	h := n.connect("hv01", "hv02")
	created := h.mustApply(h.none(), config)
	n.move("hv01", "hv02")
	h = n.connect("hv01", "hv02")
	imported := h.mustImport("hv01/" + fmt.Sprint(h.get(created, "id")))
	h.wantHost(imported, "hv01")
	p := h.plan(imported, config)
	h.wantUpdate(p)
}

// A host that cannot be asked may have the virtual machine.
func TestAVMIsNotRemovedFromTheStateWhileAHostCannotBeAsked(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	config := linux("web-01").with(attrs{"host": "hv01"})
	h := n.connect("hv01", "hv02")
	created := h.mustApply(h.none(), config)
	n.move("hv01", "hv02")
	if err := n.hosts["hv02"].SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	h = n.connect("hv01", "hv02")
	read, diags := h.read(created)
	h.mustWarn(diags, "host", "it cannot be determined whether another host has it")
	if !read.value.Equal(created.value) {
		t.Errorf("the state is %s", read.value)
	}
	_, diags = h.apply(h.ctx, planned{prior: created, planned: h.none()})
	h.mustFail(diags, "host", "it cannot be determined whether another host has it")

	if err := n.hosts["hv02"].SetHealth(simhost.Healthy); err != nil {
		t.Fatal(err)
	}
	updateHost(t, n.hosts["hv02"], func(s *hyperv.State) { s.VMs = nil })
	h = n.connect("hv01", "hv02")
	if read := h.mustRead(created); !read.value.IsNull() {
		t.Errorf("the state still has %s", read.value)
	}
}

func TestAVMThatMovedToAnUnknownNodeIsKept(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, n *nodes) {
		t.Helper()
		config := linux("web-01").with(attrs{"host": "hv01"})
		h := n.connect("hv01")
		created := h.mustApply(h.none(), config)
		n.join()
		updateHost(t, n.hosts["hv01"], func(s *hyperv.State) {
			s.VMs[0].Clustered = true
			s.Host.SharedVolumes = nil // which the fake agent does not simulate
		})
		n.move("hv01", "hv02")
		h = n.connect("hv01")
		read, diags := h.read(created)
		h.mustWarn(diags, "host", "moved from host hv01 to cluster node HV02")
		h.mustWarn(diags, "host", "Add node HV02 to hosts")
		if !read.value.Equal(created.value) {
			t.Errorf("the state is %s", read.value)
		}
		h.wantEmptyPlan(read, config)
		_, diags = h.apply(h.ctx, h.plan(read, config.with(attrs{"notes": "second"})))
		h.mustFail(diags, "host", "cluster node HV02", "Add node HV02 to hosts")
		_, diags = h.apply(h.ctx, planned{prior: created, planned: h.none()})
		h.mustFail(diags, "host", "cluster node HV02")
		n.vm("hv02")
	}
	t.Run("fake agent", func(t *testing.T) {
		t.Parallel()
		test(t, startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) }))
	})
	t.Run("real agent", func(t *testing.T) {
		t.Parallel()
		test(t, startNodes(t, false, func(t *testing.T) *simhost.Server { return realAgentInTurn(t, 5) }))
	})
}

func TestAVMThatMovedFromTheOnlyHostIsKept(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	h := connected(t, n.hosts["hv01"])
	created := h.mustApply(h.none(), linux("web-01"))
	n.join()
	updateHost(t, n.hosts["hv01"], func(s *hyperv.State) { s.VMs[0].Clustered = true })
	n.move("hv01", "hv02")
	h = connected(t, n.hosts["hv01"])
	read, diags := h.read(created)
	h.mustWarn(diags, "host", "cluster node HV02")
	if !read.value.Equal(created.value) {
		t.Errorf("the state is %s", read.value)
	}
	h.wantEmptyPlan(read, linux("web-01"))
	_, diags = h.apply(h.ctx, planned{prior: created, planned: h.none()})
	h.mustFail(diags, "host", "cluster node HV02")
	n.vm("hv02")
}
