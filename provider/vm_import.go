// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
)

// ImportState imports a virtual machine by `host/vm_name` or `host/<guid>`.
func (r *vmResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	summary := errorSummary("import", req.ID)
	host, name, ok := strings.Cut(req.ID, "/")
	if !ok || host == "" || name == "" {
		resp.Diagnostics.AddError(summary, "The import ID must be the name of the host, a slash, and the name or GUID of the virtual machine: "+
			"for example hv01/web-01, or hv01/0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11.")
		return
	}
	if !r.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	vm, err := r.conn.service.LookupVM(ctx, host, name)
	found := host
	if errors.Is(err, hvprov.ErrVMNotFound) && uuid.Validate(name) == nil { // a GUID also identifies it on the host that it moved to
		found, vm, err = r.conn.service.FindVM(ctx, host, name)
	}
	if err != nil {
		addError(&resp.Diagnostics, summary, err)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), vm.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("host"), host)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("allow_power_cycle"), false)...)
	for _, key := range []string{importedKey, unreadKey} {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, key, []byte(`true`))...)
	}
	resp.Diagnostics.Append(saveLocation(ctx, resp.Private, location{Configured: host, Actual: found})...)
	resp.Diagnostics.Append(saveSchemaRef(ctx, r.schema, resp.Private)...)
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
