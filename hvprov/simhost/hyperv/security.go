// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrNoCommand is wrapped by the error of every call of a command that the host's module does not have.
var ErrNoCommand = errors.New("no such command")

// FirmwareSettings are the settings of [Store.SetVMFirmware]. Empty ones stay as they are.
type FirmwareSettings struct {
	SecureBoot string // On or Off
	Template   string
	FirstBoot  string // path of the drive to start from
}

// SetVMFirmware changes the firmware of a virtual machine of generation 2, which is off.
func (s *Store) SetVMFirmware(ctx context.Context, id string, settings FirmwareSettings) error {
	return s.change(ctx, "Set-VMFirmware", id, func(_ *State, vm *VM) error {
		if err := vm.mustBeSecurable("Set-VMFirmware", "firmware"); err != nil {
			return err
		}
		for _, p := range []struct{ to, from *string }{
			{&vm.SecureBoot, &settings.SecureBoot}, {&vm.SecureBootTemplate, &settings.Template}, {&vm.FirstBoot, &settings.FirstBoot},
		} {
			if *p.from != "" {
				*p.to = *p.from
			}
		}
		return nil
	})
}

// GetVMFirmware tells whether secure boot is on, by the GUIDs of virtual machines of generation 2.
func (s *Store) GetVMFirmware(ctx context.Context, ids []string) (secureBoot map[string]bool, err error) {
	err = s.call(ctx, "Get-VMFirmware", false, func(state *State) error {
		secureBoot = map[string]bool{}
		return state.each("Get-VMFirmware", ids, func(vm *VM) { secureBoot[vm.ID] = vm.SecureBoot == "On" })
	})
	return secureBoot, err
}

// HasSecurity tells whether the host's module has the commands about security. It is no command itself.
func (h *Host) HasSecurity() bool { return !strings.HasPrefix(h.HyperVVersion, "1.") }

// GetVMSecurity tells whether there is a TPM, by the GUIDs of virtual machines.
func (s *Store) GetVMSecurity(ctx context.Context, ids []string) (tpm map[string]bool, err error) {
	err = s.security(ctx, "Get-VMSecurity", false, func(state *State) error {
		tpm = map[string]bool{}
		return state.each("Get-VMSecurity", ids, func(vm *VM) { tpm[vm.ID] = vm.TPM })
	})
	return tpm, err
}

// GetVMKeyProtector tells whether a virtual machine has a key protector.
func (s *Store) GetVMKeyProtector(ctx context.Context, id string) (has bool, err error) {
	err = s.security(ctx, "Get-VMKeyProtector", false, func(state *State) error {
		return state.each("Get-VMKeyProtector", []string{id}, func(vm *VM) { has = vm.KeyProtector })
	})
	return has, err
}

// SetVMKeyProtector gives a virtual machine, which is off, a key protector of the host's own.
func (s *Store) SetVMKeyProtector(ctx context.Context, id string) error {
	return s.secure(ctx, "Set-VMKeyProtector", "key protector", id, func(vm *VM) error {
		vm.KeyProtector = true
		return nil
	})
}

// EnableVMTPM gives a virtual machine, which is off and has a key protector, a TPM.
func (s *Store) EnableVMTPM(ctx context.Context, id string) error {
	return s.secure(ctx, "Enable-VMTPM", "TPM", id, func(vm *VM) error {
		if !vm.KeyProtector {
			return failf("Enable-VMTPM", "The security settings of virtual machine '%s' cannot be changed without a valid key protector.", vm.Name)
		}
		vm.TPM = true
		return nil
	})
}

// DisableVMTPM takes the TPM from a virtual machine, which is off. The key protector stays.
func (s *Store) DisableVMTPM(ctx context.Context, id string) error {
	return s.secure(ctx, "Disable-VMTPM", "TPM", id, func(vm *VM) error {
		vm.TPM = false
		return nil
	})
}

// secure runs a command about security over one virtual machine, and keeps what it changes.
func (s *Store) secure(ctx context.Context, cmdlet, what, id string, action func(*VM) error) error {
	return s.security(ctx, cmdlet, true, func(state *State) error {
		vm, err := state.find(cmdlet, id)
		if err == nil {
			err = vm.mustBeSecurable(cmdlet, what)
		}
		if err != nil {
			return err
		}
		return action(vm)
	})
}

// security runs a command that not every version of the module has.
func (s *Store) security(ctx context.Context, cmdlet string, change bool, action func(*State) error) error {
	state, err := s.Read()
	if err == nil && !state.Host.HasSecurity() {
		err = &CmdletError{Cmdlet: cmdlet, err: ErrNoCommand, Message: fmt.Sprintf("The term '%s' is not recognized as the name of a cmdlet.", cmdlet)}
	}
	if err != nil {
		return err
	}
	return s.call(ctx, cmdlet, change, action)
}

func (vm *VM) mustBeSecurable(cmdlet, what string) error {
	if vm.Generation != 2 {
		return failf(cmdlet, "Virtual machine '%s' is not of generation 2.", vm.Name)
	}
	return vm.mustBeOff(cmdlet, what)
}

// each looks at several virtual machines of generation 2.
func (s *State) each(cmdlet string, ids []string, look func(*VM)) error {
	for _, id := range ids {
		vm, err := s.find(cmdlet, id)
		if err != nil {
			return err
		}
		if vm.Generation != 2 {
			return failf(cmdlet, "Virtual machine '%s' is not of generation 2.", vm.Name)
		}
		look(vm)
	}
	return nil
}
