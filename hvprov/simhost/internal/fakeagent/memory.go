// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"math"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// memoryFields are the fields about memory, in the order that their values ascend in.
var memoryFields = []string{"gb_ram_min", "gb_ram", "gb_ram_max"}

// wantedOfMemory says what a field about memory must be when value is not that.
func wantedOfMemory(name string, value any) string {
	if name != "gb_ram_min" && name != "gb_ram_max" {
		return ""
	}
	// Hyper-V hands memory out in pieces of 2 MiB.
	if n, ok := value.(float64); ok && n > 0 && n <= 1<<20 && n*512 == math.Trunc(n*512) {
		return ""
	}
	return "a number above 0, a multiple of 2 MiB (1/512)"
}

// memoryOrder refuses bounds of memory that lack each other, or that the memory is not within. partial is for a dry run, where
// fields may still lack.
func (f fields) memoryOrder(partial bool) error {
	if !partial {
		for _, pair := range [][2]string{{"gb_ram_min", "gb_ram_max"}, {"gb_ram_max", "gb_ram_min"}} {
			if f.has(pair[0]) && !f.has(pair[1]) {
				return invalid(fmt.Sprintf("field '%s' needs '%s' beside it", pair[0], pair[1]), pair[1])
			}
		}
	}
	low := ""
	for _, high := range memoryFields {
		if !f.has(high) {
			continue
		}
		if low != "" && f.number(low) > f.number(high) {
			blamed := high
			if low == "gb_ram_min" {
				blamed = low
			}
			return fail(protocol.CodeInvalidDefinition,
				fmt.Sprintf("field '%s' is %s, and more than '%s', which is %s", low, formatNumber(f.number(low)), high, formatNumber(f.number(high))),
				blamed, "let gb_ram_min, gb_ram and gb_ram_max ascend")
		}
		low = high
	}
	return nil
}

func (f fields) dynamicMemory() bool { return f.has("gb_ram_min") && f.has("gb_ram_max") }

func (f fields) formatMemory() string {
	text := "memory: " + formatNumber(f.number("gb_ram")) + " GiB"
	if f.dynamicMemory() {
		text += fmt.Sprintf(" (%s to %s GiB)", formatNumber(f.number("gb_ram_min")), formatNumber(f.number("gb_ram_max")))
	}
	return text
}

// memorySettings gives the memory of a new virtual machine.
func (f fields) memorySettings() hyperv.MemorySettings {
	dynamic := f.dynamicMemory()
	settings := hyperv.MemorySettings{Dynamic: &dynamic, StartupBytes: memoryBytes(f.number("gb_ram"))}
	if dynamic {
		settings.MinimumBytes, settings.MaximumBytes = memoryBytes(f.number("gb_ram_min")), memoryBytes(f.number("gb_ram_max"))
	}
	return settings
}

// memory is what a virtual machine has of it, in bytes by field.
type memory struct {
	dynamic bool
	bytes   map[string]int64
}

func memoryOf(vm hyperv.VM) memory {
	return memory{vm.DynamicMemory, map[string]int64{
		"gb_ram": vm.MemoryStartupBytes, "gb_ram_min": vm.MemoryMinimumBytes, "gb_ram_max": vm.MemoryMaximumBytes,
	}}
}

// memoryPlan is the memory that a virtual machine has and is to have, and which of the changed fields need it to be off.
type memoryPlan struct {
	before, after memory
	cycle         []string
	done          bool
}

func (r *run) planMemory(vm hyperv.VM, state string) (*memoryPlan, error) {
	p := &memoryPlan{before: memoryOf(vm), after: memoryOf(vm)}
	var changed []string
	for _, name := range r.changed {
		switch name {
		case "gb_ram_min", "gb_ram_max":
			p.after.dynamic = r.fields.dynamicMemory()
			changed = append(changed, name)
		case "gb_ram":
			changed = append(changed, name)
		}
	}
	flips := p.after.dynamic != p.before.dynamic
	for _, name := range memoryFields {
		if (slices.Contains(changed, name) || flips && p.after.dynamic && name != "gb_ram") && r.fields.has(name) {
			p.after.bytes[name] = memoryBytes(r.fields.number(name))
		}
	}
	low, middle, high := p.after.bytes["gb_ram_min"], p.after.bytes["gb_ram"], p.after.bytes["gb_ram_max"]
	if len(changed) > 0 && p.after.dynamic && (low > middle || middle > high) {
		return nil, fail(protocol.CodeMemory,
			fmt.Sprintf("virtual machine '%s' would start with %s GiB of memory, and its dynamic memory goes from %s to %s GiB",
				vm.Name, formatNumber(exactGB(middle)), formatNumber(exactGB(low)), formatNumber(exactGB(high))),
			changed[0], "set gb_ram_min and gb_ram_max to bounds that gb_ram is within")
	}
	for _, name := range changed {
		was, is := p.before.bytes[name], p.after.bytes[name]
		// A machine that runs takes a lower minimum and a higher maximum, if its memory is dynamic already.
		live := state == "running" && !flips && (name == "gb_ram_min" && is < was || name == "gb_ram_max" && is > was)
		if flips && name != "gb_ram" || is != was && (name == "gb_ram" || p.after.dynamic) && !live {
			p.cycle = append(p.cycle, name)
		}
	}
	return p, nil
}

// setMemory gives the virtual machine its memory, all of it at once: the parts must be in order at each moment. It tells what
// became of the field of that name.
func (r *run) setMemory(p *memoryPlan, name string) (string, error) {
	if !p.done {
		var settings hyperv.MemorySettings
		flips := p.after.dynamic != p.before.dynamic
		if flips {
			settings.Dynamic = &p.after.dynamic
		}
		for _, part := range []struct {
			name  string
			to    *int64
			bound bool
		}{{"gb_ram", &settings.StartupBytes, false}, {"gb_ram_min", &settings.MinimumBytes, true}, {"gb_ram_max", &settings.MaximumBytes, true}} {
			if differs := p.after.bytes[part.name] != p.before.bytes[part.name]; differs && !part.bound || p.after.dynamic && part.bound && (flips || differs) {
				*part.to = p.after.bytes[part.name]
			}
		}
		if settings != (hyperv.MemorySettings{}) {
			if err := r.store.SetVMMemory(r.ctx, r.vmID, settings); err != nil {
				return "", err
			}
		}
		p.done = true
	}
	return p.after.format(name) + ", was " + p.before.format(name), nil
}

func (m memory) format(name string) string {
	if name != "gb_ram" && !m.dynamic {
		return "none"
	}
	return formatNumber(exactGB(m.bytes[name])) + " GiB"
}

// aboveHost gives the warning about a maximum that the host does not have.
func aboveHost(host hyperv.Host, f fields) []job.Finding {
	if f.number("gb_ram_max")*(1<<30) <= float64(host.MemoryBytes) {
		return nil
	}
	size := host.MemoryBytes >> 30
	return []job.Finding{{
		Field: "gb_ram_max", Severity: job.SeverityWarning, Code: protocol.CodeMemory,
		Message: fmt.Sprintf("host %s has %d GiB of memory in all, so the virtual machine never gets its maximum", host.Name, size),
		Remedy:  fmt.Sprintf("ask for %d GiB or less", size),
	}}
}

// exactGB gives bytes as GiB, exactly.
func exactGB(bytes int64) float64 { return float64(bytes) / (1 << 30) }
