// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestPlanReportsAnUnreachableHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		accept bool
		text   string
	}{
		"connection refused": {false, "connection refused"},
		"no response":        {true, "no connection within 8s"}, // so that users see it within 10 s
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			dead, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = dead.Close() })
			if !c.accept {
				_ = dead.Close()
			}
			host := settings(server).with(attrs{"port": dead.Addr().(*net.TCPAddr).Port})
			h := newHarness(t)
			h.mustSucceed("configure", h.configure(attrs{"host": host}))
			p := h.plan(h.none(), linux("web-01"))
			h.mustWarn(p.diags, "host", "Plans were not checked on host", "not reachable", c.text, "host is running", "fails for the virtual machines of this host")
		})
	}
}

func TestPlanReportsAWrongPasswordAfterOneAttempt(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server).with(attrs{"password": "wrong one"})}))
	p := h.plan(h.none(), linux("web-01"))
	h.mustWarn(p.diags, "host", "refused the credentials", "svc-terraform", "Check username")
	if strings.Contains(render(p.diags), "wrong one") {
		t.Error("the message contains the password")
	}
	posts := server.Counters().POSTs
	_, diags := h.applyOnce(h.ctx, h.plan(h.none(), linux("web-02")))
	h.mustFail(diags, "host", "Unable to create virtual machine web-02", "refused the credentials", "Check username")
	if again := server.Counters().POSTs; again != posts {
		t.Errorf("the second resource sent %d more requests, which may lock the account", again-posts)
	}
}

func TestPlanReportsATakenName(t *testing.T) {
	t.Parallel()
	eachAgent(t, planReportsATakenName)
}

func planReportsATakenName(t *testing.T, server *simhost.Server) {
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "WEB-01", State: "Off"})
	})
	h := connected(t, server)
	h.mustWarn(h.plan(h.none(), linux("web-01")).diags, "vm_name",
		"already exists", "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", "hoose another name", "fails before anything is created")
	created := h.mustApply(h.none(), linux("web-02"))
	h.mustWarn(h.plan(created, linux("Web-01")).diags, "vm_name", "already exists")
	h.mustSucceed("a name in another case", h.plan(created, linux("WEB-02")).diags)
}

func TestANameTakenBetweenPlanAndApplyChangesNothing(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "Web-01", State: "Off"})
	})
	left, diags := h.applyOnce(h.ctx, p)
	h.mustFail(diags, "vm_name", "Unable to create virtual machine web-01", "already exists")
	if !left.value.IsNull() {
		t.Errorf("the state has %s", left.value)
	}
	if names := vmNames(t, server); len(names) != 1 || names[0] != "Web-01" {
		t.Errorf("the host has %v", names)
	}
}

func TestPlanReportsTheSameNameInTwoResources(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	h.mustSucceed("the first", h.plan(h.none(), linux("web-01")).diags)
	h.mustFail(h.plan(h.none(), linux("Web-01")).diags, "vm_name", "Another resource", "not case-sensitive")
}

func TestAReplacementMayKeepItsName(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connected(t, server)
	created := first.mustApply(first.none(), linux("web-01"))
	t.Run("changed attribute", func(t *testing.T) {
		t.Parallel()
		h := connected(t, server)
		read, _ := h.read(created)
		h.mustSucceed("plan", h.plan(read, linux("web-01").with(attrs{"guest_la_uid": "root"})).diags)
	})
	t.Run("-replace", func(t *testing.T) {
		t.Parallel()
		h := connected(t, server)
		read, _ := h.read(created)
		p := h.planOnce(read, linux("web-01"))
		h.mustSucceed("plan", p.diags)
		h.mustSucceed("plan of the replacement", h.planReplacement(p).diags)
	})
	t.Run("-replace with ignore_changes", func(t *testing.T) {
		t.Parallel()
		h := connected(t, server)
		read, _ := h.read(created)
		p := h.planOnce(read, linux("web-01")) // Terraform ignores the changes only here
		h.mustSucceed("plan", p.diags)
		p.config = linux("web-01").with(attrs{"image_name": "windows-server-2022", "gb_ram": 8})
		h.mustSucceed("plan of the replacement", h.planReplacement(p).diags)
	})
	t.Run("tainted", func(t *testing.T) {
		t.Parallel()
		h := connected(t, server)
		h.read(created)
		h.mustSucceed("plan", h.planOnce(h.none(), linux("web-01")).diags)
	})
	t.Run("another resource with its name", func(t *testing.T) {
		t.Parallel()
		h := connected(t, server)
		read, _ := h.read(created)
		h.mustSucceed("plan", h.planOnce(read, linux("web-01")).diags)
		h.mustFail(h.planOnce(h.none(), linux("web-01")).diags, "vm_name", "Another resource")
	})
}

func TestPlanReportsMissingHostResources(t *testing.T) {
	t.Parallel()
	eachAgent(t, planReportsMissingHostResources)
}

func planReportsMissingHostResources(t *testing.T, server *simhost.Server) {
	for attribute, c := range map[string]struct {
		value any
		texts []string
	}{
		"image_name":   {"windows-95", []string{"was not found", "ubuntu-24.04, windows-server-2022"}},
		"switch_name":  {"Outside", []string{"'Outside' does not exist", "External"}},
		"gb_ram":       {500, []string{"memory"}},
		"vm_clustered": {true, []string{"failover cluster"}},
	} {
		t.Run(attribute, func(t *testing.T) {
			t.Parallel()
			h := connected(t, server)
			p := h.plan(h.none(), linux("web-01").with(attrs{attribute: c.value}))
			h.mustWarn(p.diags, attribute, append(c.texts, "Virtual machine web-01 cannot be created: "+attribute)...)
			left, diags := h.applyOnce(h.ctx, p)
			h.mustFail(diags, attribute, append(c.texts, "Unable to create virtual machine web-01")...)
			if !left.value.IsNull() {
				t.Errorf("the state has %s", left.value)
			}
		})
	}
}

func TestAFailedCreateJobIsRolledBack(t *testing.T) {
	t.Parallel()
	eachAgent(t, aFailedCreateJobIsRolledBack)
}

func aFailedCreateJobIsRolledBack(t *testing.T, server *simhost.Server) {
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {Fail: "the disk is in use"}}
	})
	logs := t.TempDir()
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server), "job_log_dir": logs}))
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	left, diags := h.apply(h.ctx, p)
	shown := h.mustFail(diags, "", "Unable to create virtual machine web-01", "step disk", "the disk is in use",
		"[3/9] disk", "Everything that the job created")
	if h.through == nil && !strings.Contains(shown, logs) { // those of a server are not on this computer
		t.Errorf("the error does not name the log file in %s:\n%s", logs, shown)
	}
	if !left.value.IsNull() {
		t.Errorf("the state has %s", left.value)
	}
	wantEmptyHost(t, server)
	updateHost(t, server, func(s *hyperv.State) { s.Behaviour.Calls = nil })
	h.mustApply(h.none(), linux("web-01"))
}

func TestAnInterruptedCreateIsRolledBack(t *testing.T) {
	t.Parallel()
	eachAgent(t, anInterruptedCreateIsRolledBack)
}

func anInterruptedCreateIsRolledBack(t *testing.T, server *simhost.Server) {
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {DelayMS: 1000}}
	})
	h := connected(t, server)
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	ctx, interrupt := context.WithCancel(h.ctx)
	defer interrupt()
	deep := h.log.whenWritten("[3/9] disk")
	go func() { // Ctrl-C, once the virtual machine exists
		<-deep
		interrupt()
	}()
	left, diags := h.apply(ctx, p)
	h.mustFail(diags, "", "Unable to create virtual machine web-01", "cancelled", "Everything that the job created")
	if !left.value.IsNull() {
		t.Errorf("the state has %s", left.value)
	}
	wantEmptyHost(t, server)
}

func TestACreateThatExceedsItsTimeLimitIsRolledBack(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {DelayMS: 6000}}
	})
	h := connected(t, server)
	config := linux("web-01").with(attrs{"timeouts": attrs{"create": "5s"}})
	p := h.plan(h.none(), config)
	h.mustSucceed("plan", p.diags)
	left, diags := h.apply(h.ctx, p)
	h.mustFail(diags, "timeouts", "time limit of 5s was exceeded", "set timeouts.create", "cancelled", "Everything that the job created")
	if !left.value.IsNull() {
		t.Errorf("the state has %s", left.value)
	}
	wantEmptyHost(t, server)
}

func TestATimeLimitThatEndsAReadNamesTheAttribute(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	config := linux("web-01").with(attrs{"timeouts": attrs{"read": "1ns"}})
	first := connected(t, server)
	first.mustWarn(first.planOnce(first.none(), config).diags, "timeouts", "time limit of 1ns was exceeded", "set timeouts.read")
	first = connected(t, server)
	created := first.mustApply(first.none(), linux("web-01"))
	changed := first.mustApply(created, config)
	h := connected(t, server)
	_, diags := h.read(changed)
	h.mustFail(diags, "timeouts", "time limit of 1ns was exceeded", "set timeouts.read", "-refresh=false")
	longer := h.mustApply(changed, linux("web-01").with(attrs{"timeouts": attrs{"read": "3m"}}))
	h.mustRead(longer)
}

func TestTimeLimitsThatEndAnOperationAtOnceAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, value := range []string{"0s", "-5m", "0"} {
		for _, name := range []string{"create", "read", "update", "delete"} {
			h.mustFail(h.validate(linux("web-01").with(attrs{"timeouts": attrs{name: value}})), "timeouts", "timeouts."+name, "must be longer than 0", `"45m"`)
		}
	}
	h.mustSucceed("an unknown limit", h.validate(linux("web-01").with(attrs{"timeouts": attrs{"create": unknown{}}})))
	h.mustSucceed("unknown limits", h.validate(linux("web-01").with(attrs{"timeouts": unknown{}})))
	h.mustSucceed("a short limit", h.validate(linux("web-01").with(attrs{"timeouts": attrs{"create": "1ms"}})))
}

func TestALostConnectionDoesNotFailAJob(t *testing.T) {
	t.Parallel()
	server := startHost(t, func(o *simhost.Options) {
		o.Faults = simhost.FaultsOn(simhost.ActionReceive, simhost.FaultDropAfter, 2, 3)
	})
	h := connected(t, server)
	h.mustApply(h.none(), linux("web-01"))
	if names := vmNames(t, server); len(names) != 1 {
		t.Errorf("the host has %v", names)
	}
}
