// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"math"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// memoryFields are the fields for memory in the ascending order of their values.
var memoryFields = []string{"gb_ram_min", "gb_ram", "gb_ram_max"}

func (f fields) dynamicMemory() bool { return f.has("gb_ram_min") && f.has("gb_ram_max") }

// checkMemory returns an error if one bound of dynamic memory is missing, or the memory is not within its bounds. In a partial
// definition, fields may be absent.
func (f fields) checkMemory(partial bool) error {
	if f.has("gb_ram_min") != f.has("gb_ram_max") && !partial {
		field, missing := "gb_ram_min", "gb_ram_max"
		if f.has(missing) {
			field, missing = missing, field
		}
		return fail("memory_bound_missing", missing, "field", field, "missing", missing)
	}
	low := ""
	for _, high := range memoryFields {
		if !f.has(high) {
			continue
		}
		if low != "" && f.number(low) > f.number(high) {
			invalid := high
			if low == "gb_ram_min" {
				invalid = low
			}
			return fail("memory_order", invalid, "low", low, "low_gb", formatNumber(f.number(low)), "high", high, "high_gb", formatNumber(f.number(high)))
		}
		low = high
	}
	return nil
}

// memory is the memory of a virtual machine.
type memory struct {
	dynamic bool
	bytes   map[string]int64 // by field
}

func memoryOf(vm hyperv.VM) memory {
	return memory{vm.DynamicMemory, map[string]int64{
		"gb_ram": vm.MemoryStartupBytes, "gb_ram_min": vm.MemoryMinimumBytes, "gb_ram_max": vm.MemoryMaximumBytes,
	}}
}

// memoryPlan is the memory that an update sets.
type memoryPlan struct {
	after memory
	cycle []string // changed fields that require the virtual machine to be off
	done  bool
}

func (j *hostJob) planMemory(vm hyperv.VM) (memoryPlan, error) {
	before := memoryOf(vm)
	p := memoryPlan{after: memoryOf(vm)}
	changed := slices.DeleteFunc(slices.Clone(j.changed), func(name string) bool { return !slices.Contains(memoryFields, name) })
	if slices.Contains(changed, "gb_ram_min") || slices.Contains(changed, "gb_ram_max") {
		p.after.dynamic = j.fields.dynamicMemory()
	}
	switched := p.after.dynamic != before.dynamic
	for _, name := range memoryFields {
		if (slices.Contains(changed, name) || switched && p.after.dynamic && name != "gb_ram") && j.fields.has(name) {
			p.after.bytes[name] = memoryBytes(j.fields.number(name))
		}
	}
	low, startup, high := p.after.bytes["gb_ram_min"], p.after.bytes["gb_ram"], p.after.bytes["gb_ram_max"]
	if len(changed) > 0 && p.after.dynamic && (low > startup || startup > high) {
		return p, fail("memory_out_of_bounds", changed[0], "vm", vm.Name, "startup", formatNumber(exactGB(startup)),
			"minimum", formatNumber(exactGB(low)), "maximum", formatNumber(exactGB(high)))
	}
	for _, name := range changed {
		was, is := before.bytes[name], p.after.bytes[name]
		// A running virtual machine with dynamic memory accepts a wider range.
		online := vm.State == "Running" && !switched && (name == "gb_ram_min" && is < was || name == "gb_ram_max" && is > was)
		if switched && name != "gb_ram" || is != was && (name == "gb_ram" || p.after.dynamic) && !online {
			p.cycle = append(p.cycle, name)
		}
	}
	return p, nil
}

// setMemory sets all memory at once, because the values must be consistent at any time.
func (j *hostJob) setMemory(after memory) error {
	return j.change("Set-VMMemory", func(_ *hyperv.State, vm *hyperv.VM) error {
		before := *vm
		vm.DynamicMemory, vm.MemoryStartupBytes = after.dynamic, after.bytes["gb_ram"]
		if after.dynamic {
			vm.MemoryMinimumBytes, vm.MemoryMaximumBytes = after.bytes["gb_ram_min"], after.bytes["gb_ram_max"]
		}
		if after.bytes["gb_ram"]%(2<<20) != 0 {
			return errors.New("the memory must be a multiple of 2 MB")
		}
		wider := before.DynamicMemory && vm.DynamicMemory && vm.MemoryStartupBytes == before.MemoryStartupBytes &&
			vm.MemoryMinimumBytes <= before.MemoryMinimumBytes && vm.MemoryMaximumBytes >= before.MemoryMaximumBytes
		if vm.State == "Running" && wider {
			return nil
		}
		return requireState("Set-VMMemory", vm, "Off")
	})
}

// memoryGB returns bytes in GiB with three decimals, as an inventory has them.
func memoryGB(bytes int64) float64 { return math.Round(exactGB(bytes)*1000) / 1000 }

func memoryBytes(gb float64) int64 { return int64(math.RoundToEven(gb * (1 << 30))) }

func exactGB(bytes int64) float64 { return float64(bytes) / (1 << 30) }

func sameMemory(a, b memory) bool {
	return a.dynamic == b.dynamic && a.bytes["gb_ram"] == b.bytes["gb_ram"] &&
		(!a.dynamic || a.bytes["gb_ram_min"] == b.bytes["gb_ram_min"] && a.bytes["gb_ram_max"] == b.bytes["gb_ram_max"])
}
