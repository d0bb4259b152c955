// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// This file has the firmware and the TPM of generation 2, and the actions of a virtual machine.

// actionValues are the values of the fields for checkpoints and automatic actions, the default first.
var actionValues = map[string][]string{
	"checkpoint_type": {"disabled", "standard", "production", "production_only"},
	"start_action":    {"start_if_running", "nothing", "start"},
	"stop_action":     {"shut_down", "turn_off", "save"},
}

// action returns the value of such a field, or its default.
func (f fields) action(name string) string {
	if f.has(name) {
		return f.text(name)
	}
	return actionValues[name][0]
}

// actionOf returns the property of a virtual machine for such a field.
func actionOf(vm *hyperv.VM, name string) *string {
	return map[string]*string{
		"checkpoint_type": &vm.CheckpointType, "start_action": &vm.AutomaticStartAction, "stop_action": &vm.AutomaticStopAction,
	}[name]
}

func setAction(j *hostJob, name string) error {
	if snakeCase(*actionOf(&j.plan.vm, name)) == j.fields.action(name) {
		return nil
	}
	return j.change("Set-VM", func(_ *hyperv.State, vm *hyperv.VM) error {
		if name == "stop_action" { // Hyper-V changes the others while the virtual machine runs
			if err := requireState("Set-VM", vm, "Off"); err != nil {
				return err
			}
		}
		*actionOf(vm, name) = pascalCase(j.fields.action(name))
		return nil
	})
}

var wordBoundary = regexp.MustCompile(`([a-z])([A-Z])`)

// snakeCase converts StartIfRunning to start_if_running, the notation of clients.
func snakeCase(name string) string {
	return strings.ToLower(wordBoundary.ReplaceAllString(name, "${1}_$2"))
}

// pascalCase converts start_if_running to StartIfRunning, the notation of Hyper-V.
func pascalCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func (f fields) generation() int {
	if f.has("generation") {
		return int(f.number("generation"))
	}
	return 2
}

func isGeneration2(j *hostJob) bool { return j.fields.generation() == 2 }

// secureBoot reports whether secure boot is requested, as it is by default.
func (f fields) secureBoot() bool { return !f.has("secure_boot") || f.flag("secure_boot") }

// secureBootTemplate returns the template for the operating system; empty: that of the host.
func (f fields) secureBootTemplate() string {
	return map[string]string{"windows": "MicrosoftWindows", "linux": "MicrosoftUEFICertificateAuthority"}[f.text("os_family")]
}

// hasSecurity reports whether the Hyper-V module of the host has the security cmdlets.
func hasSecurity(host hyperv.Host) bool { return !strings.HasPrefix(host.HyperVVersion, "1.") }

func describeFirmware(j *hostJob) string {
	secureBoot := text("secure_boot_default")
	switch template := j.fields.secureBootTemplate(); {
	case !j.fields.secureBoot():
		secureBoot = text("secure_boot_off")
	case template != "":
		secureBoot = text("secure_boot_template", "template", template)
	}
	if j.fields.flag("tpm") {
		return text("step_firmware_tpm", "secure_boot", secureBoot)
	}
	return text("step_firmware", "secure_boot", secureBoot)
}

func setFirmware(j *hostJob) error {
	if err := j.setSecureBoot(j.fields.secureBoot(), j.plan.bootDrive); err != nil || !j.fields.flag("tpm") {
		return err
	}
	return j.enableTPM()
}

// setSecureBoot turns secure boot on or off. An empty firstBoot keeps the boot order.
func (j *hostJob) setSecureBoot(on bool, firstBoot string) error {
	return j.changeWhileOff("Set-VMFirmware", func(vm *hyperv.VM) error {
		vm.SecureBoot = "Off"
		if on {
			vm.SecureBoot = "On"
			if template := j.fields.secureBootTemplate(); template != "" {
				vm.SecureBootTemplate = template
			}
		}
		if firstBoot != "" {
			vm.FirstBoot = firstBoot
		}
		return nil
	})
}

func (j *hostJob) enableTPM() error {
	// An existing key protector is kept: with another one, the keys that the TPM protects would be lost.
	vm, err := j.readVM("Get-VMKeyProtector")
	if err == nil && !vm.KeyProtector {
		err = j.changeWhileOff("Set-VMKeyProtector", func(vm *hyperv.VM) error { vm.KeyProtector = true; return nil })
	}
	if j.ctx.Err() != nil {
		return j.ctx.Err()
	}
	if err != nil {
		return fail("tpm_key_protector_failed", "tpm", "reason", err)
	}
	return j.changeWhileOff("Enable-VMTPM", func(vm *hyperv.VM) error {
		if !vm.KeyProtector {
			return errors.New("the security settings cannot be changed without a valid key protector")
		}
		vm.TPM = true
		return nil
	})
}

// security returns whether secure boot is on, and whether there is a TPM, by id. What cannot be read is absent.
func (v *view) security(vms []hyperv.VM) (secureBoot, tpm map[string]bool) {
	secureBoot, tpm = map[string]bool{}, map[string]bool{}
	read := func(cmdlet string, known map[string]bool, value func(hyperv.VM) bool) {
		if slices.ContainsFunc(vms, func(vm hyperv.VM) bool { return vm.Generation == 2 }) {
			_ = v.cmdlet(cmdlet, false, func(s *hyperv.State) error {
				if cmdlet == "Get-VMSecurity" && !hasSecurity(s.Host) {
					return nil
				}
				for _, vm := range vms {
					known[vm.ID] = value(vm)
				}
				return nil
			})
		}
		for _, vm := range vms {
			if vm.Generation != 2 {
				known[vm.ID] = false
			}
		}
	}
	read("Get-VMFirmware", secureBoot, func(vm hyperv.VM) bool { return vm.SecureBoot == "On" })
	read("Get-VMSecurity", tpm, func(vm hyperv.VM) bool { return vm.TPM })
	return secureBoot, tpm
}

// planSecurity returns the changed fields among secure_boot and tpm that differ, which require the virtual machine to be off.
func (j *hostJob) planSecurity(vm hyperv.VM) (cycle []string) {
	secureBoot, tpm := j.security([]hyperv.VM{vm})
	for _, name := range j.changed {
		if name == "secure_boot" && secureBoot[vm.ID] != (vm.Generation == 2 && j.fields.secureBoot()) ||
			name == "tpm" && tpm[vm.ID] != j.fields.flag("tpm") {
			cycle = append(cycle, name)
		}
	}
	return cycle
}

// setSecurity changes secure_boot or tpm, if it differs.
func setSecurity(j *hostJob, name string) error {
	vm := j.plan.vm
	switch on := j.fields.flag("tpm"); {
	case vm.Generation != 2, name == "tpm" && on == vm.TPM:
		return nil
	case name == "tpm" && on:
		return j.enableTPM()
	case name == "tpm":
		return j.changeWhileOff("Disable-VMTPM", func(vm *hyperv.VM) error { vm.TPM = false; return nil })
	case j.fields.secureBoot() == (vm.SecureBoot == "On"):
		return nil
	}
	return j.setSecureBoot(j.fields.secureBoot(), "")
}
