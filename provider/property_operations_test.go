// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func (w *walk) create(m *machine) {
	config := w.newConfig()
	w.note(m, "create %s on %s", config["vm_name"], config["host"])
	holder := w.holder(config["host"].(string), config["vm_name"].(string))
	h := w.connect()
	p := h.planOnce(h.none(), w.spelled(config))
	if holder == "" {
		h.mustSucceed("plan", p.diags)
	}
	created, diags := h.applyOnce(h.ctx, p)
	if holder != "" {
		w.note(m, "the name is taken by %s", holder)
		if !hasError(append(p.diags, diags...)) || !created.value.IsNull() {
			w.Errorf("a virtual machine of a name that is taken was created")
		}
		return
	}
	h.mustSucceed("create", diags)
	w.applied(m, config, created)
}

// createKilled kills the run after the job has ended and before the state is written.
func (w *walk) createKilled(m *machine) {
	config := w.newConfig()
	if w.holder(config["host"].(string), config["vm_name"].(string)) != "" {
		w.create(m)
		return
	}
	w.note(m, "create %s on %s, killed", config["vm_name"], config["host"])
	h := w.connect()
	created := h.mustApply(h.none(), w.spelled(config))
	m.config, m.lost = config, h.get(created, "id").(string)
}

// createInterrupted interrupts the run at a random step of the job.
func (w *walk) createInterrupted(m *machine) {
	config := w.newConfig()
	if w.holder(config["host"].(string), config["vm_name"].(string)) != "" {
		w.create(m)
		return
	}
	at := 1 + w.rng.IntN(8)
	w.note(m, "create %s on %s, interrupted in step %d", config["vm_name"], config["host"], at)
	h := w.connect()
	p := h.plan(h.none(), w.spelled(config))
	h.mustSucceed("plan", p.diags)
	created, diags := w.interrupted(h, p, fmt.Sprintf("[%d/", at))
	switch {
	case !created.value.IsNull(): // it was too late
		w.applied(m, config, created)
	case !hasError(diags):
		w.Errorf("an interrupted create has no error and no state")
	}
}

// interrupted applies a plan and cancels it when the log has a text.
func (w *walk) interrupted(h *harness, p planned, text string) (r resource, diags diagnostics) {
	ctx, interrupt := context.WithCancel(h.ctx)
	defer interrupt()
	reached, done := h.log.whenWritten(text), make(chan struct{})
	go func() {
		select {
		case <-reached:
		case <-done:
		}
		interrupt()
	}()
	r, diags = h.applyOnce(ctx, p)
	close(done)
	return r, diags
}

// createTaken creates a virtual machine that a killed run left: the error tells how to import it.
func (w *walk) createTaken(m *machine) {
	w.note(m, "create again what a killed run left")
	h := w.connect()
	p := h.planOnce(h.none(), w.spelled(m.config))
	left, diags := h.applyOnce(h.ctx, p)
	all := render(append(p.diags, diags...))
	if !hasError(append(p.diags, diags...)) || !left.value.IsNull() || !strings.Contains(all, "terraform import") || !strings.Contains(all, m.lost) {
		w.Errorf("the error does not tell how to import %s:\n%s", m.lost, all)
	}
}

func (w *walk) importLost(m *machine) {
	host := w.hostOf(m.lost)
	id := spell(w.rng, host) + "/" + spell(w.rng, m.lost)
	w.note(m, "import %s", id)
	h := w.connect()
	imported := h.mustImport(id)
	if host != m.config["host"] {
		m.config = m.config.with(attrs{"host": host})
	}
	p := h.plan(imported, w.spelled(m.config))
	h.wantUpdate(p)
	applied, diags := h.applyOnce(h.ctx, p)
	h.mustSucceed("apply after the import", diags)
	w.applied(m, m.config, applied)
}

func (w *walk) adoptLost(m *machine) {
	if w.hostOf(m.lost) != m.config["host"] {
		w.importLost(m)
		return
	}
	w.note(m, "adopt %s", m.lost)
	h := w.connect()
	m.config = m.config.with(attrs{"adopt_existing": true})
	p := h.planOnce(h.none(), w.spelled(m.config))
	adopted, diags := h.applyOnce(h.ctx, p)
	if hasError(append(p.diags, diags...)) { // only what a killed run created with this configuration is adopted
		w.note(m, "it is not adopted")
		if all := render(append(p.diags, diags...)); !strings.Contains(all, "import") {
			w.Errorf("the error does not tell how to import %s:\n%s", m.lost, all)
		}
		w.importLost(m)
		return
	}
	w.applied(m, m.config, adopted)
}

func (w *walk) refresh(m *machine) {
	w.note(m, "refresh")
	h := w.connect()
	read := h.mustRead(*m.state)
	h.wantEmptyPlan(read, w.spelled(m.config))
	m.state = &read
}

func (w *walk) change(m *machine) {
	config := w.changed(m.config)
	w.note(m, "change to %v", shown(config))
	w.apply(m, config)
}

func (w *walk) changeInterrupted(m *machine) {
	config := w.changed(m.config)
	w.note(m, "change to %v, interrupted", shown(config))
	h := w.connect()
	p := h.plan(h.mustRead(*m.state), w.spelled(config))
	h.wantUpdate(p)
	left, _ := w.interrupted(h, p, "[2/")
	if left.value.IsNull() {
		w.Fatalf("an interrupted update removed the virtual machine from the state")
	}
	m.state = &left
	w.apply(m, config) // the next run completes it
}

func (w *walk) rename(m *machine) {
	config := m.config.with(attrs{"vm_name": w.name()})
	host := w.hostOf(w.id(m))
	holder := w.holder(host, config["vm_name"].(string))
	w.note(m, "rename to %s", config["vm_name"])
	if holder != "" && holder != w.id(m) {
		w.note(m, "the name is taken by %s", holder)
		h := w.connect()
		read := h.mustRead(*m.state)
		p := h.plan(read, w.spelled(config))
		diags := p.diags
		if !hasError(diags) {
			_, diags = h.applyOnce(h.ctx, p)
		}
		if !hasError(diags) {
			w.Errorf("a rename to a name that is taken succeeded")
		}
		m.state = &read
		return
	}
	w.apply(m, config)
}

// useAlias writes the former name of the host, and then its name again: both are changes in place.
func (w *walk) useAlias(m *machine) {
	config := m.config
	w.note(m, "write the alias of host %s", config["host"])
	w.apply(m, config.with(attrs{"host": formerName(config["host"].(string))}))
	w.apply(m, config)
}

// swap plans that two virtual machines of a host exchange their names, which is refused.
func (w *walk) swap(m *machine) {
	other := w.machines[0]
	if other == m {
		other = w.machines[1]
	}
	if other.state == nil || w.hostOf(w.id(m)) != w.hostOf(w.id(other)) {
		w.refresh(m)
		return
	}
	w.note(m, "exchange names with %s", other.label)
	h := w.connect()
	var diags diagnostics
	for _, pair := range [][2]*machine{{m, other}, {other, m}} {
		read := h.mustRead(*pair[0].state)
		pair[0].state = &read
		diags = append(diags, h.plan(read, w.spelled(pair[0].config.with(attrs{"vm_name": pair[1].config["vm_name"]}))).diags...)
	}
	if !hasError(diags) || !strings.Contains(render(diags), "exchange their names") {
		w.Errorf("the plan of an exchange of names is not refused: %s", render(diags))
	}
}

// renameByHand renames the virtual machine on its host. The next apply renames it back.
func (w *walk) renameByHand(m *machine) {
	name := w.name()
	if w.holder(w.hostOf(w.id(m)), name) != "" {
		w.refresh(m)
		return
	}
	w.note(m, "rename by hand to %s", name)
	w.edit(m, func(vm *hyperv.VM) { vm.Name = name })
	w.apply(m, m.config)
}

// removeByHand removes the virtual machine and its files from the host. The refresh removes it from the state.
func (w *walk) removeByHand(m *machine) {
	id := w.id(m)
	w.note(m, "remove by hand")
	host, vm := w.find(id)
	updateHost(w.T, w.nodes.hosts[host], func(s *hyperv.State) {
		s.VMs = slices.DeleteFunc(s.VMs, func(vm hyperv.VM) bool { return vm.ID == id })
	})
	if err := os.RemoveAll(filepath.Dir(vm.Drives[0].Path)); err != nil {
		w.Fatal(err)
	}
	h := w.connect()
	if w.rng.IntN(2) == 0 {
		w.note(m, "destroy what is gone")
		_, diags := h.applyOnce(h.ctx, planned{prior: *m.state, planned: h.none()})
		h.mustSucceed("destroy", diags)
	} else if read := h.mustRead(*m.state); !read.value.IsNull() {
		w.Errorf("the state still has %s", read.value)
	}
	m.state, m.config = nil, nil
}

// moveAndDestroy destroys a virtual machine that has moved, from the state before the move.
func (w *walk) moveAndDestroy(m *machine) {
	if !w.moved(m) {
		w.refresh(m)
		return
	}
	w.note(m, "destroy without a refresh")
	h := w.connect()
	_, diags := h.applyOnce(h.ctx, planned{prior: *m.state, planned: h.none()})
	h.mustSucceed("destroy", diags)
	m.state, m.config = nil, nil
}

// drift changes the virtual machine on its host by hand. The next apply corrects what the configuration has.
func (w *walk) drift(m *machine) {
	kinds := map[string]func(*hyperv.VM){
		"notes":      func(vm *hyperv.VM) { vm.Notes = "by hand" },
		"vlan":       func(vm *hyperv.VM) { vm.Adapters[0].VLANMode, vm.Adapters[0].VLANID = "Access", 99 },
		"memory":     func(vm *hyperv.VM) { vm.MemoryStartupBytes = 3 << 30 },
		"processors": func(vm *hyperv.VM) { vm.ProcessorCount = 3 },
		"power":      func(vm *hyperv.VM) { vm.State = "Off" },
		"switch":     func(vm *hyperv.VM) { vm.Adapters[0].SwitchName = "" },
		"mac":        func(vm *hyperv.VM) { vm.Adapters[0].DynamicMAC = true },
		"case":       func(vm *hyperv.VM) { vm.Name = strings.ToUpper(vm.Name) },
	}
	names := sortedKeys(kinds)
	kind := names[w.rng.IntN(len(names))]
	w.note(m, "drift of %s", kind)
	w.edit(m, kinds[kind])
	w.apply(m, m.config)
}

// moved moves the virtual machine to the other host by hand, if its name is free there. It keeps its GUID.
func (w *walk) moved(m *machine) bool {
	from := w.hostOf(w.id(m))
	to := otherHost(from)
	if w.holder(to, w.vm(w.id(m)).Name) != "" {
		return false
	}
	w.note(m, "move from %s to %s", from, to)
	if err := hyperv.LiveMigrate(w.nodes.hosts[from].Store(), w.nodes.hosts[to].Store(), w.id(m)); err != nil {
		w.Fatal(err)
	}
	return true
}

func (w *walk) move(m *machine) {
	if !w.moved(m) {
		w.refresh(m)
		return
	}
	to := w.hostOf(w.id(m))
	if w.rng.IntN(2) == 0 { // the user writes the other host, or leaves it
		m.config = m.config.with(attrs{"host": to})
	}
	w.apply(m, m.config)
}

func otherHost(host string) string { return map[string]string{"hv01": "hv02", "hv02": "hv01"}[host] }

// loseState removes the virtual machine from the state, as terraform state rm does.
func (w *walk) loseState(m *machine) {
	w.note(m, "remove from the state")
	m.lost, m.state = w.id(m), nil
	w.importLost(m)
}

func (w *walk) destroy(m *machine) {
	w.note(m, "destroy")
	h := w.connect()
	read := h.mustRead(*m.state)
	left, diags := h.applyOnce(h.ctx, planned{prior: read, planned: h.none()})
	h.mustSucceed("destroy", diags)
	if !left.value.IsNull() {
		w.Errorf("the state has %s", left.value)
	}
	m.state, m.config = nil, nil
}

// apply refreshes, plans and applies a configuration that must not replace the virtual machine.
func (w *walk) apply(m *machine, config attrs) {
	id := w.id(m)
	h := w.connect()
	read := h.mustRead(*m.state)
	if read.value.IsNull() {
		w.Fatalf("the refresh lost virtual machine %s", id)
	}
	p := h.plan(read, w.spelled(config))
	h.wantUpdate(p)
	applied, diags := h.applyOnce(h.ctx, p)
	h.mustSucceed("apply", diags)
	w.applied(m, config, applied)
	if got := w.id(m); got != id {
		w.Errorf("virtual machine %s was replaced by %s", id, got)
	}
}

// changed returns a configuration with random changes.
func (w *walk) changed(config attrs) attrs {
	values := []attrs{
		{"notes": fmt.Sprint("n", w.rng.IntN(3))},
		{"vlan_id": w.rng.IntN(3) * 7},
		{"gb_ram": 1 + w.rng.IntN(4)},
		{"cpu_cores": 1 + w.rng.IntN(2)},
		{"power_state": []string{"off", "running"}[w.rng.IntN(2)]},
		{"timeouts": attrs{"update": "30m"}},
		{"mac_address": w.mac()},
	}
	next := maps.Clone(config)
	for range 1 + w.rng.IntN(2) {
		next = next.with(values[w.rng.IntN(len(values))])
	}
	return next
}
