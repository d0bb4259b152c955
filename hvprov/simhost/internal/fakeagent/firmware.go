// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// wantedOfFirmware says what a field about firmware must be when value is not that.
func wantedOfFirmware(name string, value any) string {
	switch name {
	case "generation":
		if n, ok := value.(float64); !ok || n != 1 && n != 2 {
			return "1 or 2"
		}
	case "secure_boot", "tpm":
		if _, ok := value.(bool); !ok {
			return "true or false"
		}
	}
	return ""
}

func (f fields) generation() int {
	if f.has("generation") {
		return int(f.number("generation"))
	}
	return 2
}

// lacksFirmware tells what this host, or this generation, does not have.
func (s *view) lacksFirmware(host hyperv.Host, d definition, vmID string, unknown []string) (found []job.Finding, err error) {
	f := d.fields
	if !f.flag("secure_boot") && !f.flag("tpm") {
		return nil, nil
	}
	generation := f.generation()
	if vmID != "" && d.operation == job.OperationUpdate { // one that takes another's place has a generation of its own
		vm, ok, err := s.find(vmID)
		if err != nil {
			return nil, err
		}
		if ok {
			generation = vm.Generation
		}
	}
	if slices.Contains(unknown, "generation") {
		generation = 2
	}
	add := func(field, message, remedy string) {
		found = append(found, job.Finding{Field: field, Severity: job.SeverityError, Code: protocol.CodeFirmware, Message: message, Remedy: remedy})
	}
	for _, part := range [][2]string{{"secure_boot", "secure boot"}, {"tpm", "virtual TPM"}} {
		if f.flag(part[0]) && generation != 2 {
			add(part[0], fmt.Sprintf("a virtual machine of generation %d has no %s", generation, part[1]),
				"leave "+part[0]+" out, or use generation 2 with an image that starts by UEFI")
		}
	}
	if f.flag("tpm") && generation == 2 && !host.HasSecurity() {
		add("tpm", fmt.Sprintf("the Hyper-V module of host %s has no commands for a virtual TPM", host.Name),
			"leave tpm out, or use a host with Windows Server 2016 or later")
	}
	return found, nil
}

// secureBootTemplate gives the template for the family of the operating system; empty text for none in particular.
func (f fields) secureBootTemplate() string {
	return map[string]string{"windows": "MicrosoftWindows", "linux": "MicrosoftUEFICertificateAuthority"}[f.text("os_family")]
}

// wantsSecureBoot tells whether secure boot is to be on, as it is where nothing is said.
func (f fields) wantsSecureBoot() bool { return !f.has("secure_boot") || f.flag("secure_boot") }

func (r *run) setFirmware(drive hyperv.Drive) error {
	settings := hyperv.FirmwareSettings{SecureBoot: "On", Template: r.fields.secureBootTemplate(), FirstBoot: drive.Path}
	message := "start from the disk, secure boot with template " + settings.Template
	switch {
	case !r.fields.wantsSecureBoot():
		settings.SecureBoot, settings.Template = "Off", ""
		message = "start from the disk, secure boot off"
	case settings.Template == "":
		message = "start from the disk, secure boot with the template of the host"
	}
	if r.fields.flag("tpm") {
		message += ", virtual TPM"
	}
	if err := r.enter("firmware", "%s", message); err != nil {
		return err
	}
	if err := r.store.SetVMFirmware(r.ctx, r.vmID, settings); err != nil {
		return err
	}
	if !r.fields.flag("tpm") {
		return nil
	}
	return r.enableTPM()
}

func (r *run) enableTPM() error {
	// A key protector that is there holds the keys of what the TPM protects: another would lose them.
	has, err := r.store.GetVMKeyProtector(r.ctx, r.vmID)
	if err == nil && !has {
		err = r.store.SetVMKeyProtector(r.ctx, r.vmID)
	}
	if killed(r.ctx) {
		return r.ctx.Err()
	}
	if err != nil {
		return fail(protocol.CodeStepFailed, "the host cannot make a key protector for the virtual TPM: "+err.Error(), "tpm",
			"leave tpm out, or see whether the host may keep keys of its own (Get-HgsClientConfiguration)")
	}
	return r.store.EnableVMTPM(r.ctx, r.vmID)
}

// firmwarePlan is what the changed fields among secure boot and TPM are and shall be, and which need the machine to be off.
type firmwarePlan struct {
	before, after map[string]bool
	cycle         []string
}

func (r *run) planFirmware(host hyperv.Host, vm hyperv.VM) (p firmwarePlan, err error) {
	p.before, p.after = map[string]bool{}, map[string]bool{}
	second := vm.Generation == 2
	for _, name := range r.changed {
		var now map[string]bool
		switch name {
		case "secure_boot":
			if second {
				now, err = r.store.GetVMFirmware(r.ctx, []string{vm.ID})
			}
			p.after[name] = second && r.fields.wantsSecureBoot()
		case "tpm":
			if second && host.HasSecurity() {
				now, err = r.store.GetVMSecurity(r.ctx, []string{vm.ID})
			}
			p.after[name] = r.fields.flag(name)
		default:
			continue
		}
		if err != nil {
			return p, err
		}
		if p.before[name] = now[vm.ID]; p.before[name] != p.after[name] {
			p.cycle = append(p.cycle, name)
		}
	}
	return p, nil
}

// setSecurity turns secure boot, or the TPM, on or off, and tells what became of it.
func (r *run) setSecurity(p firmwarePlan, name string) (text string, err error) {
	before, after := p.before[name], p.after[name]
	switch {
	case before == after:
	case name == "tpm" && after:
		err = r.enableTPM()
	case name == "tpm":
		err = r.store.DisableVMTPM(r.ctx, r.vmID)
	case after:
		err = r.store.SetVMFirmware(r.ctx, r.vmID, hyperv.FirmwareSettings{SecureBoot: "On", Template: r.fields.secureBootTemplate()})
	default:
		err = r.store.SetVMFirmware(r.ctx, r.vmID, hyperv.FirmwareSettings{SecureBoot: "Off"})
	}
	words := map[bool]string{true: "on", false: "off"}
	return words[after] + ", was " + words[before], err
}

// security gives whether secure boot is on, and whether there is a TPM, by the GUIDs of virtual machines. Generation 1 has
// neither. What cannot be had is not known.
func (s *view) security(vms []hyperv.VM) (secureBoot, tpm map[string]bool) {
	secureBoot, tpm = map[string]bool{}, map[string]bool{}
	var second []string
	for _, vm := range vms {
		if vm.Generation == 2 {
			second = append(second, vm.ID)
		} else {
			secureBoot[vm.ID], tpm[vm.ID] = false, false
		}
	}
	if len(second) == 0 {
		return secureBoot, tpm
	}
	if now, err := s.store.GetVMFirmware(s.ctx, second); err == nil {
		for id, on := range now {
			secureBoot[id] = on
		}
	}
	if now, err := s.store.GetVMSecurity(s.ctx, second); err == nil {
		for id, on := range now {
			tpm[id] = on
		}
	}
	return secureBoot, tpm
}
