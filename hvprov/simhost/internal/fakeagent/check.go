// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// check compares a definition with the host. The findings are in the order of the fields.
type check struct {
	*view
	host      hyperv.Host
	operation job.Operation
	fields    fields
	vmID      string             // the virtual machine to update, or to replace
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
	c := check{
		view: v, host: host, operation: d.operation, fields: d.fields, vmID: strings.ToLower(req.VMID), unknown: req.Unknown,
		settings: req.Settings, warnings: true,
	}
	findings, err := c.findings()
	if err != nil {
		return nil, err
	}
	if !req.AllowPowerCycle {
		findings = append(findings, c.powerCycle(req.Changed)...)
	}
	return protocol.CheckResult{Findings: append([]job.Finding{}, findings...)}, c.err
}

// findings returns what prevents the operation.
func (c *check) findings() ([]job.Finding, error) {
	if len(c.host.SharedVolumes) > 0 {
		return nil, notSimulated("the free space of cluster shared volumes")
	}
	c.checkName()
	c.checkImage()
	if c.operation == job.OperationUpdate && c.vmID != "" {
		c.checkDiskUpdate()
	}
	c.checkMedia()
	if name := c.fields.text("switch_name"); name != "" || c.operation == job.OperationProvision && !c.isUnknown("switch_name") {
		c.checkSwitch("switch_name", name)
	}
	c.checkAdapters()
	c.checkMACs()
	c.checkMemory()
	c.checkFirmware()
	if n := c.host.LogicalProcessors; c.fields.number("cpu_cores") > float64(n) {
		c.add(finding("cpu_exceeds_host", "cpu_cores", "host", c.host.Name, "count", n))
	}
	if what := c.fields.guestCondition(); c.operation == job.OperationProvision && what != "" && c.fields.text("power_state") == "off" && !c.isUnknown("power_state") {
		c.add(finding("wait_vm_off", "wait_for", "condition", text("condition_"+what)))
	}
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
	if names := fileNames(folder, imageExtension); !containsFold(names, name) {
		c.add(missingFile("image_missing", "image_name", "image", name, folder, "images", names))
		return
	}
	path := filePath(folder, name, imageExtension)
	differencing := c.fields.text("disk_type") == "differencing"
	if !differencing && !c.fields.has("disk_size_gb") {
		return
	}
	d, ok := c.disk(path)
	if !ok {
		c.add(finding("image_unreadable", "image_name", "image", baseName(path)))
		return
	}
	if c.fields.has("disk_size_gb") && int64(c.fields.number("disk_size_gb"))<<30 < d.SizeBytes {
		c.add(tooSmall("disk_size_gb", text("item_image", "image", baseName(path)), d.SizeBytes))
	}
	if differencing {
		user, err := c.usesDisk(path, "")
		if c.addError(err); user != "" {
			c.add(finding("image_in_use", "disk_type", "vm", user, "image", baseName(path)))
		}
	}
}

// missingFile returns the finding about a file that is not among names.
func missingFile(id, field, kind, name, folder, list string, names []string) job.Finding {
	if len(names) == 0 {
		return finding(id+"_folder_empty", field, kind, name, "folder", folder)
	}
	return finding(id, field, kind, name, "folder", folder, list, strings.Join(names, ", "))
}

func (c *check) checkMedia() {
	if c.operation != job.OperationProvision || !c.fields.has("media_name") {
		return
	}
	folder, name := imageFolder(c.host, c.settings), c.fields.text("media_name")
	if names := fileNames(folder, mediaExtension); !containsFold(names, name) {
		c.add(missingFile("media_missing", "media_name", "media", name, folder, "files", names))
	}
}

// checkSwitch checks the virtual switch of a field, or that there is only one if it names none.
func (c *check) checkSwitch(field, name string) {
	var names []string
	if c.addError(c.cmdlet("Get-VMSwitch", false, func(s *hyperv.State) error {
		for _, sw := range s.Switches {
			names = append(names, sw.Name)
		}
		return nil
	})) {
		return
	}
	sortNames(names)
	switch known := strings.Join(names, ", "); {
	case len(names) == 0:
		c.add(finding("switch_none", field, "host", c.host.Name))
	case name != "" && !containsFold(names, name):
		c.add(finding("switch_missing", field, "name", name, "host", c.host.Name, "switches", known))
	case name == "" && len(names) > 1:
		c.add(finding("switch_ambiguous", field, "host", c.host.Name, "count", len(names), "switches", known))
	}
}

// checkAdapters checks the names and switches of the further network adapters.
func (c *check) checkAdapters() {
	specs := c.fields.adapters()
	isFirst := func(spec adapterSpec) bool { return strings.EqualFold(spec.name, firstAdapterName) }
	for i, spec := range specs {
		if isFirst(spec) {
			c.add(finding("adapter_name_first", adapterField(i, "name"), "name", firstAdapterName))
		}
	}
	if vm, found := c.existing(); found && len(specs) > 0 {
		m := findManifest(vm)
		if m == nil {
			c.add(finding("adapters_not_managed", "network_adapters", "vm", vm.Name))
		}
		for i, spec := range specs {
			if m != nil && !isFirst(spec) && specOf(m.recordedAdapters(), spec.name) < 0 && adapterOf(vm.Adapters, -1, spec.name) != nil {
				c.add(finding("adapter_name_taken", adapterField(i, "name"), "vm", vm.Name, "name", spec.name))
			}
		}
	}
	for i, spec := range specs {
		c.checkSwitch(adapterField(i, "switch_name"), spec.switchName)
	}
}

// checkMACs checks for addresses that are used twice, or by another virtual machine of the host.
func (c *check) checkMACs() {
	paths, macs := []string{"mac_address"}, []string{c.fields.text("mac_address")}
	for i, spec := range c.fields.adapters() {
		paths, macs = append(paths, adapterField(i, "mac_address")), append(macs, spec.mac)
	}
	if strings.Join(macs, "") == "" {
		return
	}
	vms, err := c.listVMs()
	c.addError(err)
	for i, mac := range macs {
		if mac == "" {
			continue
		}
		if first := slices.Index(macs, mac); first < i {
			c.add(finding("mac_duplicate", paths[i], "mac", mac, "field", paths[first]))
		} else if vm, a := macOwner(vms, mac, c.vmID); a != nil {
			c.add(finding("mac_taken", paths[i], "mac", mac, "adapter", a.Name, "vm", vm.Name))
		}
	}
}

// macOwner returns the adapter that has an address, and its virtual machine, other than exceptID.
func macOwner(vms []hyperv.VM, mac, exceptID string) (*hyperv.VM, *hyperv.Adapter) {
	for i := range vms {
		for k := range vms[i].Adapters {
			if a := &vms[i].Adapters[k]; vms[i].ID != exceptID && macDigits(a.MACAddress) == macDigits(mac) {
				return &vms[i], a
			}
		}
	}
	return nil, nil
}

func (c *check) checkMemory() {
	size := c.host.MemoryBytes >> 30
	if c.fields.number("gb_ram")*(1<<30) > float64(c.host.MemoryBytes) {
		c.add(finding("memory_exceeds_host", "gb_ram", "host", c.host.Name, "size", size))
	} else if c.warnings && c.fields.has("gb_ram") && c.fields.text("power_state") != "off" && !c.isUnknown("power_state") {
		c.checkAvailableMemory(memoryBytes(c.fields.number("gb_ram")))
	}
	if c.warnings && c.fields.number("gb_ram_max")*(1<<30) > float64(c.host.MemoryBytes) {
		c.add(warning("memory_maximum_exceeds_host", "gb_ram_max", "host", c.host.Name, "size", size))
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

// checkFirmware checks whether the generation and the host support secure boot and a TPM.
func (c *check) checkFirmware() {
	if !c.fields.flag("secure_boot") && !c.fields.flag("tpm") {
		return
	}
	generation := c.fields.generation()
	if c.operation == job.OperationUpdate {
		if vm, found := c.existing(); found {
			generation = vm.Generation
		}
	}
	if c.isUnknown("generation") {
		generation = 2
	}
	for _, name := range []string{"secure_boot", "tpm"} {
		if c.fields.flag(name) && generation != 2 {
			c.add(finding("firmware_generation", name, "generation", generation, "feature", text("feature_"+name), "field", name))
		}
	}
	if c.fields.flag("tpm") && generation == 2 && !hasSecurity(c.host) {
		c.add(finding("tpm_not_supported", "tpm", "host", c.host.Name))
	}
}

func (c *check) checkCluster() {
	if !c.fields.flag("vm_clustered") {
		return
	}
	cluster := c.clusterName()
	if cluster == "" {
		c.add(finding("host_not_clustered", "vm_clustered", "host", c.host.Name))
		return
	}
	name := c.fields.text("vm_name")
	if c.operation != job.OperationProvision || name == "" {
		return
	}
	c.addError(c.cmdlet("Get-ClusterGroup", false, func(s *hyperv.State) error {
		if containsFold(clusterGroups(s), name) {
			c.add(finding("cluster_group_exists", "vm_name", "cluster", cluster, "name", name))
		}
		return nil
	}))
}

// powerCycle returns the findings about changes of network adapters that require the virtual machine to be off. Without changed fields,
// all fields count as changed.
func (c *check) powerCycle(changed []string) (found []job.Finding) {
	if c.operation != job.OperationUpdate || c.fields.text("power_state") == "off" {
		return nil
	}
	vm, exists := c.existing()
	if !exists || vm.State == "Off" {
		return nil
	}
	if len(changed) == 0 {
		changed = []string{"mac_address", "network_adapters"}
		changed = slices.DeleteFunc(changed, func(name string) bool { return !c.fields.has(name) })
	}
	for _, name := range adapterCycle(vm, findManifest(vm), c.fields, changed) {
		found = append(found, finding("power_cycle_refused", name, "fields", name, "vm", vm.Name, "state", powerState(vm.State)))
	}
	return found
}
