// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Delete has one job remove the machine and the files that were made for it. One that is gone already is no error.
func (r *vmResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	about := summary("delete", r.about(req.State.Raw))
	if !r.ready() {
		r.notReady(&resp.Diagnostics, about)
		return
	}
	id, host, _ := own(ctx, req.State, &resp.Diagnostics)
	var limits timeouts.Value
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("timeouts"), &limits)...)
	limit, diags := limits.Delete(ctx, deleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	_, result, err := r.runJob(ctx, limit, hvprov.Submission{
		Host: r.conn.resolve(host.ValueString()), Operation: job.OperationDelete, VMID: id.ValueString(),
	})
	if err != nil && !errors.Is(err, hvprov.ErrVMNotFound) {
		addError(&resp.Diagnostics, about, err)
		return
	}
	r.conn.names.release(id.ValueString())
	if result != nil && len(result.Left) > 0 {
		resp.Diagnostics.AddWarning("Files of virtual machine "+r.about(req.State.Raw)+" were left",
			"They were not made for it, or could not be removed: "+strings.Join(result.Left, ", ")+".")
	}
}
