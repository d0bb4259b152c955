// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Delete runs one job that removes the virtual machine and the files that were created for it. A virtual machine that no
// longer exists is not an error.
func (r *vmResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	name := r.displayName(req.State.Raw)
	summary := errorSummary("delete", name)
	if !r.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	is := readIdentity(ctx, req.State, &resp.Diagnostics)
	limit, diags := readTimeouts(ctx, req.State, &resp.Diagnostics).Delete(ctx, deleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !r.conn.names.startDelete(is.id.ValueString()) {
		resp.Diagnostics.AddWarning("Virtual machine "+name+" was not deleted", "Another resource adopted it in the same run, which is to say that it moved there: "+
			"with create_before_destroy, or because the label of a resource changed without a moved block. To replace it, set "+adoptAttribute+" = false.")
		return
	}
	where := readLocation(ctx, req.Private)
	host, err := r.whereIs(ctx, is, where)
	var result *job.Result
	if err == nil {
		_, result, err = r.runJobWhereVMIs(ctx, limit, hvprov.Submission{Host: host, Operation: job.OperationDelete, VMID: is.id.ValueString()}, name, &resp.Diagnostics)
	}
	if err != nil && !errors.Is(err, hvprov.ErrVMNotFound) {
		addError(&resp.Diagnostics, summary, err)
		return
	}
	r.conn.names.release(is.id.ValueString())
	if result != nil && len(result.Left) > 0 {
		resp.Diagnostics.AddWarning("Files of virtual machine "+name+" were kept",
			"They were not created for it, or could not be removed: "+strings.Join(result.Left, ", ")+".")
	}
}
