// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// plannedMemory is the memory that the virtual machines of a plan need together. The check of each on its host sees only one.
type plannedMemory struct {
	mu       sync.Mutex
	applying bool                          // jobs have started: some of the memory is in use already
	hosts    map[string]map[string]float64 // GiB by host and name of the virtual machine
}

// add records a virtual machine to create, and returns the memory and the names of all on its host.
func (p *plannedMemory) add(host, name string, gib float64) (sum float64, names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.applying {
		return 0, nil
	}
	if p.hosts == nil {
		p.hosts = map[string]map[string]float64{}
	}
	if p.hosts[host] == nil {
		p.hosts[host] = map[string]float64{}
	}
	p.hosts[host][name] = gib
	for name, gib := range p.hosts[host] {
		sum += gib
		names = append(names, fmt.Sprintf("%s (%g GiB)", name, gib))
	}
	slices.Sort(names)
	return sum, names
}

// startApply records that jobs start.
func (p *plannedMemory) startApply() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applying = true
}

// warnOfMemory warns that the running virtual machines that a plan creates on a host need more memory together than it has available. The
// inventory of the host, which has that, is only requested for more than one.
func (r *vmResource) warnOfMemory(ctx context.Context, host string, plan tftypes.Value, diags *diag.Diagnostics) {
	memory, ok := r.observedField(observedMemory)
	power, hasPower := r.observedField("power_state")
	if !ok || hasPower && stringOf(attribute(plan, power.ID)) == "off" {
		return
	}
	var gib big.Float
	if v := attribute(plan, memory.ID); !isKnownValue(v) || !v.Type().Is(tftypes.Number) || v.As(&gib) != nil {
		return
	}
	size, _ := gib.Float64()
	sum, names := r.conn.memory.add(strings.ToLower(host), r.displayName(plan), size)
	if len(names) < 2 {
		return
	}
	snapshot, err := r.conn.service.HostInventory(ctx, host)
	if err != nil || snapshot.Info.MemoryAvailableBytes == nil {
		return // the check of the plan reports a host that does not answer
	}
	available := inGiB(*snapshot.Info.MemoryAvailableBytes)
	if sum <= available || size > available { // the check reports one that needs too much by itself
		return
	}
	diags.AddAttributeWarning(path.Root(memory.ID), "Virtual machines of this plan do not fit on host "+host+" together",
		fmt.Sprintf("%s need %g GiB of memory, and %.3g GiB are available. The last of them would fail to start. What virtual machines release that this plan stops or deletes is not counted. "+
			"Use less memory, fewer virtual machines, or another host.", strings.Join(names, ", "), sum, available))
}
