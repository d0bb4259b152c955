// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// updatePlan is what an update is going to do.
type updatePlan struct {
	host      hyperv.Host
	vm        hyperv.VM
	state     string // power state
	cycle     []string
	hardware  hardwarePlan
	configure []string
	manifest  *manifest
	stop      bool
	start     bool
}

// update changes a virtual machine that exists: only the fields that are named, in place where Hyper-V can.
func (r *run) update() error {
	// What is to be done decides how many steps there are, so it is found out before the first is told of.
	r.steps = []string{"preflight"}
	p, problem := r.planUpdate()
	if err := r.enter("preflight", "find virtual machine %s", r.vmID); err != nil {
		return err
	}
	if problem != nil {
		return problem
	}
	r.warnOfGuest(r.changed)
	if p.stop {
		if err := r.stop(p); err != nil {
			return err
		}
	}
	if len(p.configure) > 0 {
		if err := r.enter("configure", "change %s", strings.Join(p.configure, ", ")); err != nil {
			return err
		}
		for _, name := range p.configure {
			text, err := r.set(p, name)
			if err != nil {
				return err
			}
			r.log("%s: %s", name, text)
		}
	}
	if p.manifest != nil {
		p.manifest.Recorded = r.fields.without(r.secretNames)
		if err := p.manifest.save(); err != nil {
			return err
		}
	}
	if p.start {
		if err := r.enter("start", "start the virtual machine"); err != nil {
			return err
		}
		if err := r.store.StartVM(r.ctx, r.vmID); err != nil {
			return err
		}
		r.made.stopped = false
	}
	r.tellKept()
	return nil
}

func (r *run) stop(p *updatePlan) error {
	message := "shut down the virtual machine"
	if len(p.cycle) > 0 {
		message += " to change " + strings.Join(p.cycle, ", ")
	}
	if err := r.enter("stop", "%s", message); err != nil {
		return err
	}
	r.made.stopped = p.start
	return r.store.StopVM(r.ctx, r.vmID, p.state != "running")
}

// planUpdate finds the virtual machine, refuses what cannot be, and sets the job's steps.
func (r *run) planUpdate() (*updatePlan, error) {
	host, err := r.host()
	if err != nil {
		return nil, err
	}
	vm, ok, err := r.find(r.vmID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(job.CodeVMNotFound, fmt.Sprintf("virtual machine %s is not on host %s", r.vmID, host.Name), "", "")
	}
	for _, name := range r.changed {
		if err := r.changeable(name); err != nil {
			return nil, err
		}
	}
	wanted := r.fields.only(r.changed)
	if slices.Contains(r.changed, "data_disks") && !r.fields.has("data_disks") {
		wanted.values["data_disks"] = []any{}
	}
	findings, err := r.findings(host, definition{job.OperationUpdate, wanted}, r.vmID, nil, nil)
	if err == nil {
		err = first(findings)
	}
	if err != nil {
		return nil, err
	}
	p := &updatePlan{host: host, vm: vm, state: powerState(vm.State), manifest: findManifest(vm)}
	if p.hardware, err = r.planHardware(host, vm, p.state); err != nil {
		return nil, err
	}
	off := wanted.text("power_state") == "off" && p.state != "off"
	if p.cycle, err = r.powerCycle(p, wanted, off); err != nil {
		return nil, err
	}
	p.stop = off || len(p.cycle) > 0
	p.start = len(p.cycle) > 0 || (wanted.text("power_state") == "running" && p.state != "running")
	p.configure = slices.DeleteFunc(slices.Clone(r.changed), func(name string) bool { return name == "power_state" })
	if p.stop {
		r.steps = append(r.steps, "stop")
	}
	if len(p.configure) > 0 {
		r.steps = append(r.steps, "configure")
	}
	if p.start {
		r.steps = append(r.steps, "start")
	}
	return p, nil
}

// powerCycle gives the fields for whose sake the machine has to be stopped and started, if that is allowed.
func (r *run) powerCycle(p *updatePlan, wanted fields, off bool) (cycle []string, err error) {
	for _, name := range r.changed {
		if slices.Contains(p.hardware.cycle, name) ||
			(name == "cpu_cores" && int(wanted.number(name)) != p.vm.ProcessorCount) {
			cycle = append(cycle, name)
		}
		if name == "disk_size_gb" && wanted.has(name) {
			needs, err := r.diskNeedsOff(p.vm, wanted.number(name))
			if err != nil {
				return nil, err
			}
			if needs {
				cycle = append(cycle, name)
			}
		}
	}
	cycle = append(cycle, adaptersNeedOff(p.vm, p.manifest, wanted, r.changed)...)
	if len(cycle) == 0 || p.state == "off" || off {
		return nil, nil
	}
	message := fmt.Sprintf("changing %s needs virtual machine '%s' to be off, and it is %s", strings.Join(cycle, ", "), p.vm.Name, p.state)
	if p.state != "running" {
		return nil, fail(protocol.CodePowerCycleRefused, message, cycle[0], "turn it off first")
	}
	if !r.cycle {
		return nil, fail(protocol.CodePowerCycleRefused, message, cycle[0], "allow the power cycle, or turn it off first")
	}
	return cycle, nil
}

func (r *run) changeable(name string) error {
	switch name {
	case "vm_name", "gb_ram", "cpu_cores":
		if !r.fields.has(name) {
			return invalid(fmt.Sprintf("field '%s' has no value to go back to", name), name)
		}
	case "image_name", "os_family", "generation", "disk_type":
		return invalid(fmt.Sprintf("field '%s' cannot be changed on a virtual machine that exists", name), name)
	} // what the agent does not know is recorded, and so it can be recorded anew
	return nil
}
