// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// exportTimeout is the default time limit of an export, which copies all disks.
const exportTimeout = "4h"

// fullPath matches a path with a drive or a share, and one of a simulated host.
var fullPath = regexp.MustCompile(`^([A-Za-z]:[\\/]|\\\\|/)`)

// exportAction implements the action `hypervvm_export`.
type exportAction struct{ vmAction }

var (
	_ action.ActionWithConfigure      = (*exportAction)(nil)
	_ action.ActionWithValidateConfig = (*exportAction)(nil)
	_ action.ActionWithModifyPlan     = (*exportAction)(nil)
)

type exportConfig struct {
	vmTarget
	Path      types.String `tfsdk:"path"`
	LiveState types.String `tfsdk:"capture_live_state"`
}

// exportFields are the attributes of exports by field of an export job.
var exportFields = map[string]string{"export_path": "path", "export_live_state": "capture_live_state"}

// Metadata sets the type name of the action.
func (*exportAction) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = typeName + "_export"
}

// Schema returns the attributes of the action.
func (*exportAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	attributes := withTarget(map[string]schema.Attribute{
		"path": schema.StringAttribute{Required: true, MarkdownDescription: "Full path of a folder on the host, such as `D:\\Exports`, or on a share that the host and the account can write to. It must exist. " +
			"The export is a folder in it with the name of the virtual machine, which must not exist: an export is never replaced."},
		"capture_live_state": schema.StringAttribute{Optional: true, MarkdownDescription: "What is captured of a virtual machine that runs. Defaults to that of Hyper-V. One of:\n" +
			"  - `saved`: its memory as well. The imported virtual machine resumes.\n" +
			"  - `crash_consistent`: the disks as they are. The imported virtual machine starts as after a power failure.\n" +
			"  - `data_consistent`: the disks in a state that the guest prepares, as for a production checkpoint."},
	})
	attributes["timeout"] = schema.StringAttribute{Optional: true, MarkdownDescription: "Time limit of the job, for example `8h`. A job that exceeds it is cancelled. Defaults to `" + exportTimeout + "`."}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Exports a virtual machine, with its disks and checkpoints, to a folder on the host, as a job with progress messages. `Import-VM` reads the export.\n\n" +
			"The virtual machine keeps its power state. A job that fails or is cancelled removes what it has written. Requires Terraform 1.14 or later.",
		Attributes: attributes,
	}
}

// ValidateConfig validates the configuration without a host.
func (*exportAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var c exportConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	c.validate(&resp.Diagnostics)
	checkOneOf("capture_live_state", c.LiveState, job.ExportLiveStates(), &resp.Diagnostics)
	if !c.Path.IsNull() && !c.Path.IsUnknown() && !fullPath.MatchString(c.Path.ValueString()) {
		resp.Diagnostics.AddAttributeError(path.Root("path"), "Invalid path",
			fmt.Sprintf("path must be the full path of a folder on the host, such as D:\\Exports, but is %q.", c.Path.ValueString()))
	}
}

// ModifyPlan checks that the virtual machine exists, and the target on the host, as far as the configuration is known.
func (a *exportAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var c exportConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	host, vm := a.planTarget(ctx, c.vmTarget, "export", &resp.Diagnostics)
	if vm == nil || resp.Diagnostics.HasError() || c.Path.IsUnknown() || c.LiveState.IsUnknown() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	findings, err := a.conn.service.Check(ctx, hvprov.CheckRequest{Submission: hvprov.Submission{
		Host: host, Operation: job.OperationExport, VMID: vm.ID, Values: c.values(),
	}})
	var found diag.Diagnostics
	if err != nil {
		addError(&found, errorSummary("export", vm.Name), err)
	}
	addFindings(&found, errorSummary("export", vm.Name), findings)
	resp.Diagnostics.Append(atAttributes(found, exportFields)...)
}

// Invoke runs one job, and reports its events as progress messages.
func (a *exportAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var c exportConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if c.Timeout.IsNull() {
		c.Timeout = types.StringValue(exportTimeout)
	}
	a.invoke(ctx, resp, c.vmTarget, "export", job.OperationExport, c.values(), exportFields)
}

func (c *exportConfig) values() map[string]any {
	values := map[string]any{"export_path": c.Path.ValueString()}
	if !c.LiveState.IsNull() {
		values["export_live_state"] = c.LiveState.ValueString()
	}
	return values
}
