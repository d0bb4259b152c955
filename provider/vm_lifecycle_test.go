// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// vmNames returns the names of the virtual machines on a host.
func vmNames(t *testing.T, server *simhost.Server) []string {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(state.VMs))
	for i, vm := range state.VMs {
		names[i] = vm.Name
	}
	return names
}

// updateHost changes the state of a host outside Terraform.
func updateHost(t *testing.T, server *simhost.Server, change func(*hyperv.State)) {
	t.Helper()
	if err := server.Store().Update(func(s *hyperv.State) error { change(s); return nil }); err != nil {
		t.Fatal(err)
	}
}

// wantEmptyHost requires that a host has no virtual machines and no files of any.
func wantEmptyHost(t *testing.T, server *simhost.Server) {
	t.Helper()
	if names := vmNames(t, server); len(names) > 0 {
		t.Errorf("the host has virtual machines: %v", names)
	}
	err := filepath.Walk(server.StateFile()+".d", func(name string, info os.FileInfo, err error) error {
		if name == server.ProgramData() {
			return filepath.SkipDir // job data of the agent
		}
		if err == nil && !info.IsDir() && filepath.Base(filepath.Dir(name)) != "Images" {
			t.Errorf("the host has the file %s", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAVMIsCreatedReadUpdatedAndDeleted(t *testing.T) {
	t.Parallel()
	bothAgents(t, aVMIsCreatedReadUpdatedAndDeleted)
}

func aVMIsCreatedReadUpdatedAndDeleted(t *testing.T, server *simhost.Server) {
	h := connected(t, server)
	config := linux("web-01").with(attrs{"notes": "first", "vlan_id": 120})

	created := h.mustApply(h.none(), config)
	for name, want := range map[string]any{
		"vm_name": "web-01", "state": "running", "host": server.Address(), "gb_ram": 4, "cpu_cores": 2,
		"ip_addresses": []any{"192.0.2.11"},
	} {
		if got := h.get(created, name); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	read := h.mustRead(created)
	if !read.value.Equal(created.value) {
		t.Errorf("got after read\n%s\nwant\n%s", read.value, created.value)
	}
	again := h.plan(read, config)
	h.mustSucceed("second plan", again.diags)
	if !again.planned.value.Equal(read.value) {
		t.Errorf("the second plan is not empty:\n%s\n%s", again.planned.value, read.value)
	}

	changed := h.mustApply(read, config.with(attrs{"vm_name": "web-02", "notes": "second", "vlan_id": 0}))
	if got, want := h.get(changed, "id"), h.get(created, "id"); got != want {
		t.Errorf("the update replaced the virtual machine: got ID %v, want %v", got, want)
	}
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	vm := state.VMs[0]
	if vm.Name != "web-02" || vm.Notes != "second" || vm.Adapters[0].VLANID != 0 || vm.Adapters[0].SwitchName == "" {
		t.Errorf("the host has %+v", vm)
	}

	h.mustApply(changed, nil)
	wantEmptyHost(t, server)
}

func TestReplacingCreatesAnotherVM(t *testing.T) {
	t.Parallel()
	eachAgent(t, replacingCreatesAnotherVM)
}

func replacingCreatesAnotherVM(t *testing.T, server *simhost.Server) {
	h := connected(t, server)
	created := h.mustApply(h.none(), linux("web-01"))
	p := h.plan(created, linux("web-01").with(attrs{"image_name": "windows-server-2022", "os_family": "windows"}))
	h.mustSucceed("plan", p.diags)
	if got := strings.Join(p.replace, " "); got != "image_name os_family" && got != "os_family image_name" {
		t.Errorf("replaced because of %q", got)
	}
	other, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	if h.get(other, "id") == h.get(created, "id") {
		t.Error("the virtual machine was not replaced")
	}
	if names := vmNames(t, server); len(names) != 1 {
		t.Errorf("the host has %v", names)
	}
}

func TestADeletedVMIsRemovedFromTheState(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	created := connected(t, server).mustApply(connected(t, server).none(), linux("web-01"))
	updateHost(t, server, func(s *hyperv.State) { s.VMs = nil })
	h := connected(t, server)
	read := h.mustRead(created)
	if !read.value.IsNull() {
		t.Errorf("the state still has %s", read.value)
	}
	if _, diags := h.apply(h.ctx, planned{prior: created, planned: h.none()}); hasError(diags) {
		t.Errorf("delete of a virtual machine that does not exist: %s", render(diags))
	}
}

func TestDriftIsDetected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change    func(*hyperv.VM)
		attribute string
		want      any
	}{
		"memory":        {func(vm *hyperv.VM) { vm.MemoryStartupBytes = 8 << 30 }, "gb_ram", 8},
		"half a GiB":    {func(vm *hyperv.VM) { vm.MemoryStartupBytes = 9 << 29 }, "gb_ram", "4.5"},
		"less than 1 %": {func(vm *hyperv.VM) { vm.MemoryStartupBytes = 4610 << 20 }, "gb_ram", "4.501953125"},
		"512 MiB":       {func(vm *hyperv.VM) { vm.MemoryStartupBytes = 512 << 20 }, "gb_ram", "0.5"},
		"processors":    {func(vm *hyperv.VM) { vm.ProcessorCount = 8 }, "cpu_cores", 8},
		"notes":         {func(vm *hyperv.VM) { vm.Notes = "changed on the host" }, "notes", "changed on the host"},
		"removed notes": {func(vm *hyperv.VM) { vm.Notes = "" }, "notes", ""},
		"name":          {func(vm *hyperv.VM) { vm.Name = "db-01" }, "vm_name", "db-01"},
		"power":         {func(vm *hyperv.VM) { vm.State = "Off" }, "power_state", "off"},
		"vlan":          {func(vm *hyperv.VM) { vm.Adapters[0].VLANID, vm.Adapters[0].VLANMode = 99, "Access" }, "vlan_id", 99},
		"attribute that is not configured": {
			func(vm *hyperv.VM) { vm.Adapters[0].SwitchName = "" }, "switch_name", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			h := connected(t, server)
			config := linux("web-01").with(attrs{"notes": "as planned", "vlan_id": 120})
			created := h.mustApply(h.none(), config)
			updateHost(t, server, func(s *hyperv.State) { c.change(&s.VMs[0]) })
			h = connected(t, server)
			read := h.mustRead(created)
			if got := h.get(read, c.attribute); got != c.want {
				t.Errorf("%s is read as %v, want %v", c.attribute, got, c.want)
			}
		})
	}
}

func TestPowerCyclesNeedPermission(t *testing.T) {
	t.Parallel()
	eachAgent(t, powerCyclesNeedPermission)
}

func powerCyclesNeedPermission(t *testing.T, server *simhost.Server) {
	h := connected(t, server)
	created := h.mustApply(h.none(), linux("web-01"))
	bigger := linux("web-01").with(attrs{"gb_ram": 8, "cpu_cores": 4})
	p := h.plan(created, bigger)
	h.mustFail(p.diags, "gb_ram", "Unable to plan virtual machine web-01", "allow_power_cycle = true")
	h.mustFail(p.diags, "cpu_cores", "allow_power_cycle = true")

	changed := h.mustApply(created, bigger.with(attrs{"allow_power_cycle": true}))
	if got := h.get(changed, "state"); got != "running" {
		t.Errorf("state is %v", got)
	}
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	if vm := state.VMs[0]; vm.MemoryStartupBytes != 8<<30 || vm.ProcessorCount != 4 {
		t.Errorf("the host has %+v", vm)
	}
	off := h.mustApply(changed, bigger.with(attrs{"allow_power_cycle": true, "power_state": "off"}))
	if got := h.get(off, "state"); got != "off" {
		t.Errorf("state is %v", got)
	}
	h.mustApply(off, bigger.with(attrs{"gb_ram": 2, "power_state": "off"})) // no power cycle is needed while it is off
}

func TestImport(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connected(t, server)
	config := linux("web-01").with(attrs{"notes": "n", "vlan_id": 7, "switch_name": "External"})
	created := first.mustApply(first.none(), config)
	id := first.get(created, "id").(string)
	for name, importID := range map[string]string{
		"by its name": "web-01", "by its name in another case": "WEB-01",
		"by its GUID": id, "by its GUID in another case": strings.ToUpper(id),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connected(t, server)
			imported := h.mustImport(server.Address() + "/" + importID)
			for attribute, was := range h.attributes(created.value) {
				if attribute == "guest_la_pw" {
					continue // hosts do not report passwords
				}
				if got := h.attributes(imported.value)[attribute]; !got.Equal(was) {
					t.Errorf("%s is %s, was %s", attribute, got, was)
				}
			}
			p := h.plan(imported, config)
			h.mustSucceed("plan", p.diags)
			if len(p.replace) > 0 {
				t.Errorf("the plan replaces the imported virtual machine because of %v", p.replace)
			}
			h.mustWarn(p.diags, "", "Only the state", "guest_la_pw", "changes nothing on the host")
			adopted, diags := h.apply(h.ctx, p)
			h.mustSucceed("apply", diags)
			if p := h.plan(adopted, config); !p.planned.value.Equal(adopted.value) {
				t.Error("the second plan is not empty")
			}
			h.mustChange(adopted, config.with(attrs{"guest_la_pw": "another one"}), true)
		})
	}
}

func TestImportOfAVMThatNoJobCreated(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{
			ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "old-01", State: "Running", Generation: 2,
			MemoryStartupBytes: 2 << 30, ProcessorCount: 1, Adapters: []hyperv.Adapter{{SwitchName: "External"}},
		})
	})
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/old-01")
	config := linux("old-01").with(attrs{"gb_ram": 2, "cpu_cores": 1, "switch_name": "External"})
	p := h.plan(imported, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		t.Fatalf("the plan replaces the virtual machine because of %v", p.replace)
	}
	adopted, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	if strings.Contains(h.log.String(), "provider.job") {
		t.Error("adopting the virtual machine ran a job")
	}
	if got := h.get(adopted, "job_id"); got != nil {
		t.Errorf("job_id is %v", got)
	}
}

func TestImportReportsErrors(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "twin"},
			hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12", Name: "TWIN"})
	})
	h := connected(t, server)
	for id, text := range map[string]string{
		"web-01":                   "hv01/web-01",
		server.Address() + "/x":    "not on host",
		server.Address() + "/twin": "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12",
	} {
		_, diags := h.importID(id)
		h.mustFail(diags, "", "Unable to import virtual machine "+id, text)
	}
}

func TestARunUsesOneProcessAndFewRequests(t *testing.T) {
	t.Parallel()
	eachAgent(t, aRunUsesOneProcessAndFewRequests)
}

func aRunUsesOneProcessAndFewRequests(t *testing.T, server *simhost.Server) {
	t.Run("plan and apply", func(t *testing.T) {
		h := connected(t, server)
		h.mustApply(h.none(), linux("web-01"))
	})
	// The provider closed its sessions at the end of the subtest.
	counters := server.Counters()
	t.Logf("plan and apply of one virtual machine: %d processes, %d POSTs: %v", counters.Processes, counters.POSTs, counters.ByAction)
	wantCounts(t, counters, 2, 17, 20) // with two more Sends, of the text to a host that lacks the agent
	if counters.OpenShells > 0 {
		t.Errorf("%d shells are open", counters.OpenShells)
	}
}

func TestRefreshingAHundredVMsTakesOneInventory(t *testing.T) {
	t.Parallel()
	eachAgent(t, refreshingAHundredVMsTakesOneInventory)
}

func refreshingAHundredVMsTakesOneInventory(t *testing.T, server *simhost.Server) {
	ids := make([]string, 100)
	updateHost(t, server, func(s *hyperv.State) {
		for i := range ids {
			ids[i] = fmt.Sprintf("0b5d1c5e-6a1e-4c39-9d0b-%012d", i)
			s.VMs = append(s.VMs, hyperv.VM{
				ID: ids[i], Name: fmt.Sprintf("vm-%03d", i), State: "Running", Generation: 2, MemoryStartupBytes: 4 << 30,
				ProcessorCount: 2, Adapters: []hyperv.Adapter{{SwitchName: "External", IPAddresses: []string{"192.0.2.1"}}},
			})
		}
	})
	var states []resource
	t.Run("import", func(t *testing.T) {
		h := connected(t, server)
		for _, id := range ids {
			r := h.mustImport(server.Address() + "/" + id)
			states = append(states, r)
		}
	})
	before := server.Counters()
	t.Run("refresh", func(t *testing.T) {
		h := connected(t, server)
		slots := make(chan struct{}, 10) // Terraform's default parallelism
		var readers sync.WaitGroup
		for _, r := range states {
			slots <- struct{}{}
			readers.Go(func() {
				defer func() { <-slots }()
				if read, diags := h.read(r); hasError(diags) || read.value.IsNull() {
					t.Errorf("read: %s", render(diags))
				}
			})
		}
		readers.Wait()
	})
	after := server.Counters()
	delta := simhost.Counters{Processes: after.Processes - before.Processes, POSTs: after.POSTs - before.POSTs, ByAction: map[string]int{
		simhost.ActionReceive: after.ByAction[simhost.ActionReceive] - before.ByAction[simhost.ActionReceive],
	}}
	t.Logf("refresh of 100 virtual machines: %d processes, %d POSTs", delta.Processes, delta.POSTs)
	// Ten virtual machines are read at once, so that ten requests or a few more read them all. On a loaded computer, fewer share a request.
	wantCounts(t, delta, 1, 30, 40)
}

// wantCounts limits processes, requests other than Receive, and Receives. On a loaded computer the same output arrives in more
// pieces, each of which takes a Receive: at most one for each event and response.
func wantCounts(t *testing.T, got simhost.Counters, processes, requests, receives int) {
	t.Helper()
	r := got.ByAction[simhost.ActionReceive]
	if got.Processes > processes || got.POSTs-r > requests || r > receives {
		t.Errorf("got %d processes, %d Receives and %d other POSTs, want at most %d, %d and %d: %v",
			got.Processes, r, got.POSTs-r, processes, receives, requests, got.ByAction)
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	logs := t.TempDir()
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server), "job_log_dir": logs}))
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "the password " + password + " was refused"}}
	})
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	_, diags := h.apply(context.WithoutCancel(h.ctx), p)
	shown := h.mustFail(diags, "", "step start", "******")
	texts := map[string]string{"the log": h.log.String(), "the diagnostic": shown}
	if h.through != nil {
		texts["the log of the server"] = h.through.log.String()
	}
	files, _ := filepath.Glob(filepath.Join(logs, "*.log"))
	if len(files) != 1 {
		t.Fatalf("log files: %v", files)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(content)
		if !strings.Contains(string(content), "preflight") {
			t.Errorf("%s contains no events:\n%s", name, content)
		}
	}
	for what, text := range texts {
		if strings.Contains(text, password) {
			t.Errorf("%s contains the password", what)
		}
	}
	if !strings.Contains(h.log.String(), `"@module":"provider.job"`) {
		t.Errorf("the log contains no event:\n%s", h.log.String())
	}
	for _, a := range h.schema.ResourceSchemas["hypervvm"].Block.Attributes {
		if strings.HasSuffix(a.Name, "pw") && !a.Sensitive {
			t.Errorf("%s is not sensitive", a.Name)
		}
	}
}
