// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ImportState imports a virtual machine by the import ID `host/vm_name` or `host/<guid>`, or by its identity.
func (r *vmResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	host, name := r.importTarget(ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	summary := errorSummary("import", strings.TrimPrefix(host+"/"+name, "/"))
	if !r.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	found, vm, err := r.conn.lookup(ctx, host, name)
	if err != nil {
		addError(&resp.Diagnostics, summary, err)
		return
	}
	if host == "" {
		host = found
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), vm.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("host"), host)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("allow_power_cycle"), false)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, vmIdentity{Host: types.StringValue(host), ID: types.StringValue(vm.ID)})...)
	for _, key := range []string{importedKey, unreadKey} {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, key, []byte(`true`))...)
	}
	resp.Diagnostics.Append(saveLocation(ctx, resp.Private, location{Configured: host, Actual: found})...)
	resp.Diagnostics.Append(saveSchemaRef(ctx, r.schema, resp.Private)...)
}

// idForm describes an import ID.
const idForm = "the name of the host, a slash, and the name or GUID of the virtual machine: for example hv01/web-01, or hv01/0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"

// splitID returns the host of an import ID, and the name or GUID of the virtual machine, which may contain a slash. It reports false if
// one is missing.
func splitID(id string) (host, vm string, ok bool) {
	host, vm, ok = strings.Cut(id, "/")
	return host, vm, ok && host != "" && vm != ""
}

// importTarget returns the host and the virtual machine to import. The host is empty if an identity does not name a configured one.
func (r *vmResource) importTarget(ctx context.Context, req resource.ImportStateRequest, diags *diag.Diagnostics) (host, vm string) {
	if req.ID != "" || req.Identity == nil || req.Identity.Raw.IsFullyNull() {
		host, vm, ok := splitID(req.ID)
		if !ok {
			diags.AddError(errorSummary("import", req.ID), "The import ID must be "+idForm+".")
		}
		return r.configuredHost(host), vm
	}
	var identity vmIdentity
	diags.Append(req.Identity.Get(ctx, &identity)...)
	host, vm = r.configuredHost(identity.Host.ValueString()), identity.ID.ValueString()
	if uuid.Validate(vm) != nil && !diags.HasError() {
		diags.AddError(errorSummary("import", vm), fmt.Sprintf("The id of an identity must be the GUID of a virtual machine, and %q is not a GUID. "+
			`To import a virtual machine by its name, set id = "host/name" instead of identity in the import block.`, vm))
	}
	if r.ready() && !r.conn.isHost(host) {
		host = ""
	}
	return host, vm
}

// configuredHost returns the configured name of a host by a former name. Other names are returned as they are.
func (r *vmResource) configuredHost(name string) string {
	if !r.ready() {
		return name
	}
	if known, ok := r.conn.findHost(name); ok && !strings.EqualFold(known, name) {
		return known
	}
	return name
}

// lookup returns a virtual machine by its name or GUID, and the host that has it. A GUID also identifies it on a host that it moved to.
// Without a host, all are searched for the GUID.
func (c *connection) lookup(ctx context.Context, host, vm string) (found string, result *job.VM, err error) {
	if host == "" {
		return c.service.FindVM(ctx, c.service.Hosts()[0], vm) // a configuration has at least one
	}
	result, err = c.service.LookupVM(ctx, host, vm)
	if errors.Is(err, hvprov.ErrVMNotFound) && uuid.Validate(vm) == nil {
		return c.service.FindVM(ctx, host, vm)
	}
	return host, result, err
}

// warnOnlyState explains the first plan after an import, which is not empty: it adds to the state what no host reports.
func (r *vmResource) warnOnlyState(c comparison, resp *resource.ModifyPlanResponse) {
	if !c.unadopted {
		return
	}
	state, stateErr := object(c.state)
	plan, planErr := object(resp.Plan.Raw)
	if stateErr != nil || planErr != nil {
		return
	}
	var added []string
	for name, v := range plan {
		if f, ok := r.schema.Field(name); ok && sameValue(f, state[name], v) {
			continue // an empty value means the same as none
		}
		if isKnownValue(v) && !v.IsNull() && state[name].IsNull() {
			added = append(added, name)
		}
	}
	if len(added) == 0 {
		return
	}
	slices.Sort(added)
	resp.Diagnostics.AddWarning("Only the state of virtual machine "+r.displayName(c.state)+" changes",
		"It was imported, and no host reports or records "+strings.Join(added, ", ")+": applying the plan adds the configured values to the state, and changes nothing on the host. "+
			"Secrets are taken to be those that the virtual machine was created with. The plan after that is empty.")
}
