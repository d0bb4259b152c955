// SPDX-License-Identifier: MPL-2.0

package simagent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
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
	findings, err := s.findings(host, d, strings.ToLower(req.VMID), req.Unknown, req.Settings)
	if err != nil {
		return nil, err
	}
	return protocol.CheckResult{Findings: append([]job.Finding{}, findings...)}, nil
}

// findings tells what stands in a definition's way on this host, in the order in which a user would meet it.
func (s *view) findings(host hyperv.Host, d definition, vmID string, unknown []string, settings *protocol.Settings) ([]job.Finding, error) {
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
			add("image_name", job.CodeImageMissing, fmt.Sprintf("image '%s' was not found in %s", name, folder), remedy)
		}
	}
	if name := d.fields.text("switch_name"); name != "" || (d.operation == job.OperationProvision && !slices.Contains(unknown, "switch_name")) {
		switches, err := s.store.GetVMSwitch(s.ctx)
		if err != nil {
			return nil, err
		}
		names := make([]string, len(switches))
		for i := range switches {
			names[i] = switches[i].Name
		}
		sortNames(names)
		known := strings.Join(names, ", ")
		switch {
		case len(names) == 0:
			add("switch_name", job.CodeSwitchMissing, fmt.Sprintf("host %s has no virtual switch", host.Name), "create one with New-VMSwitch")
		case name != "" && !containsFold(names, name):
			add("switch_name", job.CodeSwitchMissing, fmt.Sprintf("virtual switch '%s' does not exist on host %s", name, host.Name), "use one of: "+known)
		case name == "" && len(names) > 1:
			add("switch_name", job.CodeSwitchAmbiguous,
				fmt.Sprintf("host %s has %d virtual switches and none was named", host.Name, len(names)), "set switch_name to one of: "+known)
		}
	}
	if d.fields.number("gb_ram")*(1<<30) > float64(host.MemoryBytes) {
		add("gb_ram", "memory", fmt.Sprintf("host %s has %d GiB of memory in all", host.Name, host.MemoryBytes>>30), "ask for less")
	}
	if d.fields.number("cpu_cores") > float64(host.LogicalProcessors) {
		add("cpu_cores", "cpu", fmt.Sprintf("host %s has %d logical processors", host.Name, host.LogicalProcessors), "ask for less")
	}
	if d.fields.flag("vm_clustered") && s.clusterName() == "" {
		add("vm_clustered", "cluster", fmt.Sprintf("host %s is not a member of a failover cluster", host.Name),
			"set vm_clustered to false, or use a clustered host")
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

func imageFolder(host hyperv.Host, settings *protocol.Settings) string {
	if settings != nil && settings.ImagePath != "" {
		return settings.ImagePath
	}
	return filepath.Join(host.VirtualHardDiskPath, "Images")
}

func machineFolder(host hyperv.Host, settings *protocol.Settings) string {
	if settings != nil && settings.VMPath != "" {
		return settings.VMPath
	}
	return host.VirtualHardDiskPath
}

// imageNames gives the images in a folder, sorted, without their ending.
func imageNames(folder string) []string {
	entries, _ := os.ReadDir(folder) // a folder that is not there has no image
	var names []string
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); !entry.IsDir() && strings.EqualFold(ext, ".vhdx") {
			names = append(names, strings.TrimSuffix(entry.Name(), ext))
		}
	}
	sortNames(names)
	return names
}

// imagePath gives the file of an image.
func imagePath(folder, name string) string {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), name+".vhdx") {
			return filepath.Join(folder, entry.Name())
		}
	}
	return filepath.Join(folder, name+".vhdx")
}
