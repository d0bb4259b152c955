// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// check compares a definition with the host. The findings are in the order of the fields, after those about fields that are not simulated.
type check struct {
	*view
	host      hyperv.Host
	operation job.Operation
	fields    fields
	vmID      string             // the virtual machine to update, or to replace
	changed   []string           // fields that an update changes
	unknown   []string           // fields whose values come later
	settings  *protocol.Settings // folders
	warnings  bool               // also report what may change before the job begins

	found []job.Finding
	err   error // the errors of cmdlets
}

// check answers the request of that name.
func (v *view) check(req protocol.Request) (any, error) {
	d, err := readDefinition(req.Definition, true)
	if err != nil {
		return nil, err
	}
	host, err := v.hostState()
	if err != nil {
		return nil, err
	}
	if d.operation == job.OperationExport {
		return v.checkExport(guid(req.VMID), host, d.fields)
	}
	if d.operation == job.OperationImage && d.fields.text("image_action") == "create" {
		return protocol.CheckResult{Findings: append([]job.Finding{}, imageFindings(host, imageTarget(host, req.Settings, d.fields), d.fields, true)...)}, nil
	}
	c := check{
		view: v, host: host, operation: d.operation, fields: d.fields, vmID: strings.ToLower(req.VMID), changed: req.Changed,
		unknown: req.Unknown, settings: d.fields.folders(req.Settings), warnings: true,
	}
	findings, err := c.findings()
	if err != nil {
		return nil, err
	}
	findings = append(findings, c.powerCycle(req.AllowPowerCycle)...)
	return protocol.CheckResult{Findings: append([]job.Finding{}, findings...)}, c.err
}

// findings returns what prevents the operation.
func (c *check) findings() ([]job.Finding, error) {
	if len(c.host.SharedVolumes) > 0 {
		return nil, notSimulated("", "the free space of cluster shared volumes")
	}
	c.add(c.fields.notSimulated(c.changed)...)
	c.checkName()
	if name := c.fields.text("vm_name"); c.operation == job.OperationProvision && name != "" && !isFileName(name) {
		c.add(finding("vm_name_not_file_name", "vm_name", "name", name))
		return c.found, c.err
	}
	c.checkImage()
	c.checkDataDisks()
	c.checkPowerState()
	if name := c.fields.text("switch_name"); name != "" || c.operation == job.OperationProvision && !c.isUnknown("switch_name") {
		c.checkSwitch(name)
	}
	c.checkMAC()
	c.checkMemory()
	if n := c.host.LogicalProcessors; c.fields.number("cpu_cores") > float64(n) {
		c.add(finding("cpu_exceeds_host", "cpu_cores", "host", c.host.Name, "count", n))
	}
	c.checkSettings()
	c.checkCluster()
	return c.found, c.err
}

func (c *check) add(findings ...job.Finding) { c.found = append(c.found, findings...) }

// addError collects the error of a cmdlet and reports whether there was one.
func (c *check) addError(err error) bool {
	c.err = errors.Join(c.err, err)
	return err != nil
}

func (c *check) isUnknown(field string) bool { return slices.Contains(c.unknown, field) }

// existing returns the virtual machine of the check, if there is one.
func (c *check) existing() (vm hyperv.VM, found bool) {
	if c.vmID == "" {
		return vm, false
	}
	vm, found, err := c.findVM(c.vmID)
	return vm, found && !c.addError(err)
}

func (c *check) checkName() {
	if c.fields.has("vm_name") {
		vms, err := c.listVMs()
		c.addError(err)
		c.add(nameTaken(c.host, vms, c.fields.text("vm_name"), c.vmID)...)
	}
}

// nameTaken returns the finding about a name that a virtual machine other than exceptID has.
func nameTaken(host hyperv.Host, vms []hyperv.VM, name, exceptID string) []job.Finding {
	for _, vm := range vms {
		if strings.EqualFold(vm.Name, name) && vm.ID != exceptID {
			f := finding("vm_name_taken", "vm_name", "name", vm.Name, "host", host.Name, "id", vm.ID)
			f.VMID = vm.ID
			return []job.Finding{f}
		}
	}
	return nil
}

func (c *check) checkImage() {
	if c.operation != job.OperationProvision || !c.fields.has("image_name") {
		return
	}
	folder, name := imageFolder(c.host, c.settings), c.fields.text("image_name")
	names := fileNames(folder, imageExtension)
	same := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return !strings.EqualFold(other, name) })
	slices.Sort(same)
	switch {
	case len(same) > 1:
		c.add(finding("image_ambiguous", "image_name", "count", len(same), "folder", folder, "name", name, "files", strings.Join(same, ", ")))
	case len(names) == 0:
		c.add(finding("image_missing_folder_empty", "image_name", "image", name, "folder", folder))
	case !containsFold(names, name):
		c.add(finding("image_missing", "image_name", "image", name, "folder", folder, "images", strings.Join(names, ", ")))
	}
}

// checkSwitch checks a virtual switch, or that there is only one if name is empty.
func (c *check) checkSwitch(name string) {
	var names, same []string
	connected := false
	if c.addError(c.cmdlet("Get-VMSwitch", false, func(s *hyperv.State) error {
		for _, sw := range s.Switches {
			names = append(names, sw.Name)
		}
		same = sameSwitches(s, name)
		connected = slices.ContainsFunc(s.VMs, func(vm hyperv.VM) bool {
			return c.vmID != "" && strings.EqualFold(vm.ID, c.vmID) &&
				slices.ContainsFunc(vm.Adapters, func(a hyperv.Adapter) bool { return strings.EqualFold(a.SwitchName, name) })
		})
		return nil
	})) {
		return
	}
	sortNames(names)
	switch known := strings.Join(names, ", "); {
	case len(names) == 0:
		c.add(finding("switch_none", "switch_name", "host", c.host.Name))
	case name != "" && !containsFold(names, name):
		c.add(finding("switch_missing", "switch_name", "name", name, "host", c.host.Name, "switches", known))
	case len(same) > 1 && !connected:
		c.add(finding("switch_name_ambiguous", "switch_name", "name", name, "count", len(same), "switches", strings.Join(same, ", ")))
	case name == "" && len(names) > 1:
		c.add(finding("switch_ambiguous", "switch_name", "host", c.host.Name, "count", len(names), "switches", known))
	}
}

// checkMAC reports an address that a network adapter of another virtual machine has.
func (c *check) checkMAC() {
	mac := c.fields.text("mac_address")
	if mac == "" {
		return
	}
	vms, err := c.listVMs()
	c.addError(err)
	for _, vm := range vms {
		for _, a := range vm.Adapters {
			if vm.ID != c.vmID && strings.EqualFold(a.MACAddress, strings.ReplaceAll(mac, "-", "")) {
				c.add(finding("mac_taken", "mac_address", "mac", mac, "adapter", a.Name, "vm", vm.Name))
				return
			}
		}
	}
}

// checkPowerState reports a virtual machine that would have to be paused or saved.
func (c *check) checkPowerState() {
	wanted := c.fields.text("power_state")
	if wanted != "paused" && wanted != "saved" {
		return
	}
	if vm, found := c.existing(); c.operation == job.OperationUpdate && found && powerState(vm.State) == wanted {
		return
	}
	c.add(finding("power_state_kept_only", "power_state", "state", wanted))
}

// powerCycle returns the findings about changes that require the virtual machine to be off, where a job would not stop it.
func (c *check) powerCycle(allowed bool) (found []job.Finding) {
	changed := c.changed
	if len(changed) == 0 {
		changed = slices.Sorted(maps.Keys(c.fields))
	}
	vm, exists := c.existing()
	if c.operation != job.OperationUpdate || !exists || vm.State == "Off" || c.isUnknown("power_state") ||
		slices.Contains(changed, "power_state") && c.fields.text("power_state") == "off" {
		return nil
	}
	id := "power_cycle_refused"
	switch {
	case vm.State != "Running":
		id = "power_cycle_not_running"
	case allowed:
		return nil
	}
	for _, name := range powerCycleFields(vm, c.fields, changed) {
		if !c.isUnknown(name) {
			found = append(found, finding(id, name, "fields", name, "vm", vm.Name, "state", powerState(vm.State)))
		}
	}
	return found
}

func (c *check) checkMemory() {
	if c.fields.number("gb_ram")*(1<<30) > float64(c.host.MemoryBytes) {
		c.add(finding("memory_exceeds_host", "gb_ram", "host", c.host.Name, "size", c.host.MemoryBytes>>30))
	} else if c.warnings && c.fields.has("gb_ram") && c.fields.text("power_state") != "off" && !c.isUnknown("power_state") {
		c.checkAvailableMemory(memoryBytes(c.fields.number("gb_ram")))
	}
}

// checkAvailableMemory warns if the host could not start the virtual machine now. A running one releases its memory first.
func (c *check) checkAvailableMemory(wanted int64) {
	available := c.memoryAvailable()
	if available == nil {
		return
	}
	if vm, found := c.existing(); found && memoryAssigned(vm) > 0 {
		if vm.MemoryStartupBytes == wanted {
			return
		}
		*available += memoryAssigned(vm)
	}
	if wanted > *available {
		c.add(warning("memory_not_available", "gb_ram", "host", c.host.Name, "available", formatSize(*available), "total", formatSize(c.host.MemoryBytes)))
	}
}

func (c *check) checkCluster() {
	if !c.fields.flag("vm_clustered") {
		return
	}
	if c.clusterName() == "" {
		c.add(finding("host_not_clustered", "vm_clustered", "host", c.host.Name))
		return
	}
	c.add(fieldNotSimulated("vm_clustered"))
}
