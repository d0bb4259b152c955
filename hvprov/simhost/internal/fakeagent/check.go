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

// check answers the request of that name.
func (s *view) check(req protocol.Request) (any, error) {
	d, err := readDefinition(req.Definition, true)
	if err != nil {
		return nil, err
	}
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	findings, err := s.look(host, d, strings.ToLower(req.VMID), req.Unknown, req.Settings, true)
	if err != nil {
		return nil, err
	}
	if !req.AllowPowerCycle {
		off, err := s.needsOff(d, strings.ToLower(req.VMID), req.Changed)
		if err != nil {
			return nil, err
		}
		findings = append(findings, off...)
	}
	return protocol.CheckResult{Findings: append([]job.Finding{}, findings...)}, nil
}

// findings tells what stands in a definition's way on this host, in the order in which a user would meet it.
func (s *view) findings(host hyperv.Host, d definition, vmID string, unknown []string, settings *protocol.Settings) ([]job.Finding, error) {
	return s.look(host, d, vmID, unknown, settings, false)
}

// look gives the findings, with warn also those that may have gone when a job begins.
func (s *view) look(host hyperv.Host, d definition, vmID string, unknown []string, settings *protocol.Settings, warn bool) ([]job.Finding, error) {
	var found []job.Finding
	add := func(field, code, message, remedy string) {
		found = append(found, job.Finding{Field: field, Severity: job.SeverityError, Code: code, Message: message, Remedy: remedy})
	}
	if d.fields.has("vm_name") {
		taken, err := s.nameTaken(host, d.fields.text("vm_name"), vmID)
		if err != nil {
			return nil, err
		}
		found = append(found, taken...)
	}
	if d.operation == job.OperationProvision && d.fields.has("image_name") {
		folder, name := imageFolder(host, settings), d.fields.text("image_name")
		if names := imageNames(folder); !containsFold(names, name) {
			remedy := "put a .vhdx file into that folder"
			if len(names) > 0 {
				remedy = "use one of: " + strings.Join(names, ", ")
			}
			add("image_name", protocol.CodeImageMissing, fmt.Sprintf("image '%s' was not found in %s", name, folder), remedy)
		} else {
			disks, err := s.diskFindings(imagePath(folder, name), machineFolder(host, settings), d.fields, warn)
			if err != nil {
				return nil, err
			}
			found = append(found, disks...)
		}
	}
	if d.operation == job.OperationUpdate && vmID != "" && (d.fields.has("disk_size_gb") || d.fields.has("data_disks")) {
		disks, err := s.diskUpdateFindings(vmID, d.fields, warn)
		if err != nil {
			return nil, err
		}
		found = append(found, disks...)
	}
	if d.operation == job.OperationProvision && d.fields.has("media_name") {
		found = append(found, missingMedia(imageFolder(host, settings), d.fields.text("media_name"))...)
	}
	if name := d.fields.text("switch_name"); name != "" || (d.operation == job.OperationProvision && !slices.Contains(unknown, "switch_name")) {
		missing, err := s.wrongSwitch(host, "switch_name", name)
		if err != nil {
			return nil, err
		}
		found = append(found, missing...)
	}
	wrong, err := s.wrongAdapters(host, d.fields, vmID)
	if err != nil {
		return nil, err
	}
	found = append(found, wrong...)
	if d.fields.number("gb_ram")*(1<<30) > float64(host.MemoryBytes) {
		size := host.MemoryBytes >> 30
		add("gb_ram", protocol.CodeMemory, fmt.Sprintf("host %s has %d GiB of memory in all", host.Name, size), fmt.Sprintf("ask for %d GiB or less", size))
	} else if warn && d.fields.has("gb_ram") && d.fields.text("power_state") != "off" && !slices.Contains(unknown, "power_state") {
		lacks, err := s.lacksMemory(host, memoryBytes(d.fields.number("gb_ram")), vmID)
		if err != nil {
			return nil, err
		}
		found = append(found, lacks...)
	}
	if warn {
		found = append(found, aboveHost(host, d.fields)...)
	}
	lacks, err := s.lacksFirmware(host, d, vmID, unknown)
	if err != nil {
		return nil, err
	}
	found = append(found, lacks...)
	if d.fields.number("cpu_cores") > float64(host.LogicalProcessors) {
		add("cpu_cores", protocol.CodeCPU, fmt.Sprintf("host %s has %d logical processors", host.Name, host.LogicalProcessors),
			fmt.Sprintf("ask for %d or less", host.LogicalProcessors))
	}
	if d.operation == job.OperationProvision && !slices.Contains(unknown, "power_state") {
		found = append(found, cannotWait(d.fields)...)
	}
	if d.fields.flag("vm_clustered") {
		role := ""
		if d.operation == job.OperationProvision {
			role = d.fields.text("vm_name")
		}
		wrong, err := s.wrongCluster(host.Name, role)
		if err != nil {
			return nil, err
		}
		found = append(found, wrong...)
	}
	return found, nil
}

// nameTaken gives the finding about a name that another virtual machine than exceptID has.
func (s *view) nameTaken(host hyperv.Host, name, exceptID string) ([]job.Finding, error) {
	vms, err := s.store.ListVMs(s.ctx)
	if err != nil {
		return nil, err
	}
	for _, vm := range vms {
		if strings.EqualFold(vm.Name, name) && vm.ID != exceptID {
			return []job.Finding{{
				Field: "vm_name", Severity: job.SeverityError, Code: job.CodeNameTaken, VMID: vm.ID,
				Message: fmt.Sprintf("a virtual machine named '%s' already exists on host %s (id %s)", vm.Name, host.Name, vm.ID),
				Remedy:  "choose another name, or import the existing virtual machine",
			}}, nil
		}
	}
	return nil, nil
}

// lacksMemory gives the warning about a host that could not start the virtual machine now. One that runs already gives back
// what it has first.
func (s *view) lacksMemory(host hyperv.Host, wanted int64, vmID string) ([]job.Finding, error) {
	available := s.memoryAvailable()
	if available == nil {
		return nil, nil
	}
	if vmID != "" {
		vm, ok, err := s.find(vmID)
		if err != nil {
			return nil, err
		}
		if ok && vm.MemoryAssigned() > 0 {
			if vm.MemoryStartupBytes == wanted {
				return nil, nil
			}
			*available += vm.MemoryAssigned()
		}
	}
	if wanted <= *available {
		return nil, nil
	}
	return []job.Finding{{
		Field: "gb_ram", Severity: job.SeverityWarning, Code: protocol.CodeMemory,
		Message: fmt.Sprintf("host %s has %s of memory available now, of %s", host.Name, formatSize(float64(*available)), formatSize(float64(host.MemoryBytes))),
		Remedy:  "ask for less, or stop other virtual machines before this one starts",
	}}, nil
}

// first gives the first finding as an error.
func first(findings []job.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	return fail(findings[0].Code, findings[0].Message, findings[0].Field, findings[0].Remedy)
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
