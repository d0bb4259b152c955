// SPDX-License-Identifier: MPL-2.0

package hyperv

import "context"

// MemorySettings are the settings of [Store.SetVMMemory], in bytes. Nil and zero ones stay as they are.
type MemorySettings struct {
	Dynamic      *bool
	StartupBytes int64
	MinimumBytes int64
	MaximumBytes int64
}

// memoryUnit is what every amount of a virtual machine's memory is a multiple of, in bytes.
const memoryUnit = 2 << 20

// SetVMMemory gives a virtual machine its memory. One that runs, with dynamic memory, takes a higher maximum and a lower minimum;
// all else wants it to be off.
func (s *Store) SetVMMemory(ctx context.Context, id string, settings MemorySettings) error {
	const cmdlet = "Set-VMMemory"
	return s.change(ctx, cmdlet, id, func(_ *State, vm *VM) error {
		before := *vm
		for _, p := range []struct{ to, from *int64 }{
			{&vm.MemoryStartupBytes, &settings.StartupBytes},
			{&vm.MemoryMinimumBytes, &settings.MinimumBytes},
			{&vm.MemoryMaximumBytes, &settings.MaximumBytes},
		} {
			if *p.from == 0 {
				continue
			}
			if *p.from%memoryUnit != 0 {
				return failf(cmdlet, "The memory of virtual machine '%s' must be a multiple of 2 MB.", vm.Name)
			}
			*p.to = *p.from
		}
		if settings.Dynamic != nil {
			vm.DynamicMemory = *settings.Dynamic
		}
		if vm.DynamicMemory && (vm.MemoryMinimumBytes > vm.MemoryStartupBytes || vm.MemoryStartupBytes > vm.MemoryMaximumBytes) {
			return failf(cmdlet, "The startup memory of virtual machine '%s' must be between its minimum and its maximum.", vm.Name)
		}
		if vm.State == "Running" && before.DynamicMemory && vm.DynamicMemory && vm.MemoryStartupBytes == before.MemoryStartupBytes &&
			vm.MemoryMinimumBytes <= before.MemoryMinimumBytes && vm.MemoryMaximumBytes >= before.MemoryMaximumBytes {
			return nil
		}
		return vm.mustBeOff(cmdlet, "memory")
	})
}
