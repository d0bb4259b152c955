// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"net/netip"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Texts of a host are cleaned where they enter, before they become errors, findings or parts of an inventory. What a job sends is
// cleaned by package jobrun, which knows the secrets of the job.

// cleanFailure returns a failure with cleaned texts.
func (o Options) cleanFailure(f job.Failure) job.Failure {
	return job.Failure{Step: o.Clean(f.Step), Code: o.Clean(f.Code), Message: o.Clean(f.Message), Remedy: o.Clean(f.Remedy), Field: o.Clean(f.Field), VMID: o.Clean(f.VMID)}
}

func (o Options) cleanFindings(findings []job.Finding) {
	for i, f := range findings {
		findings[i] = job.Finding{
			Field: o.Clean(f.Field), Severity: job.Severity(o.Clean(string(f.Severity))), Code: o.Clean(f.Code),
			Message: o.Clean(f.Message), Remedy: o.Clean(f.Remedy), VMID: o.Clean(f.VMID),
		}
	}
}

func (o Options) cleanAll(texts []string) {
	for i, text := range texts {
		texts[i] = o.Clean(text)
	}
}

func (o Options) cleanInventory(r *protocol.InventoryResult) {
	o.cleanAll(r.Partial)
	for i, e := range r.Elsewhere {
		r.Elsewhere[i] = protocol.Elsewhere{ID: o.Clean(e.ID), Node: o.Clean(e.Node), Message: o.Clean(e.Message), Remedy: o.Clean(e.Remedy)}
	}
	for i := range r.VMs {
		o.cleanAll(r.VMs[i].Partial)
		cleanAddresses(&r.VMs[i])
	}
}

// cleanAddresses removes what is no IP address from the addresses of a virtual machine. The guest reports them, and people pass them on
// to programs.
func cleanAddresses(vm *job.VM) {
	vm.IPAddresses = slices.DeleteFunc(vm.IPAddresses, isNoAddress)
	for i := range vm.Adapters {
		vm.Adapters[i].IPAddresses = slices.DeleteFunc(vm.Adapters[i].IPAddresses, isNoAddress)
	}
}

func isNoAddress(text string) bool {
	address, err := netip.ParseAddr(text)
	return err != nil || address.Zone() != ""
}
