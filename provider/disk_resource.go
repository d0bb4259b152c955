// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// diskResource implements the resource `hypervvm_disk`.
type diskResource struct{ jobs vmResource }

var (
	_ resource.ResourceWithConfigure      = (*diskResource)(nil)
	_ resource.ResourceWithValidateConfig = (*diskResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*diskResource)(nil)
	_ resource.ResourceWithImportState    = (*diskResource)(nil)
	_ resource.ResourceWithIdentity       = (*diskResource)(nil)
)

type diskState struct {
	Host       types.String `tfsdk:"host"`
	Name       types.String `tfsdk:"name"`
	Path       types.String `tfsdk:"path"`
	SizeGB     types.Int64  `tfsdk:"size_gb"`
	Type       types.String `tfsdk:"type"`
	ParentPath types.String `tfsdk:"parent_path"`
	Timeout    types.String `tfsdk:"timeout"`
	ID         types.String `tfsdk:"id"`
}

// diskIdentity is the identity of a virtual hard disk in Terraform 1.12 and later.
type diskIdentity struct {
	Host types.String `tfsdk:"host"`
	Path types.String `tfsdk:"path"`
}

func (s *diskState) identity() diskIdentity {
	host, file := splitFileID(s.ID.ValueString())
	return diskIdentity{types.StringValue(host), types.StringValue(file)}
}

// IdentitySchema returns the attributes of the identity.
func (*diskResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = fileIdentitySchema("path", "Path of the file on the host, or its name in the host's folder for virtual hard disks.")
}

// diskFields are the attributes by field of a disk job.
var diskFields = map[string]string{"disk_path": "path", "disk_size_gb": "size_gb", "vhd_type": "type", "parent_path": "parent_path", "disk_action": "path"}

// Metadata sets the type name of the resource.
func (*diskResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName + "_disk"
}

// Schema returns the attributes of the resource.
func (*diskResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	fixed := stringplanmodifier.UseStateForUnknown()
	replaces := stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
		resp.RequiresReplace = !req.StateValue.IsNull() && !strings.EqualFold(req.StateValue.ValueString(), req.PlanValue.ValueString())
	}, "A change of more than the letter case forces replacement.", "A change of more than the letter case forces replacement.")
	resp.Schema = schema.Schema{
		MarkdownDescription: "A virtual hard disk that belongs to no virtual machine: it is created empty, or as a differencing disk, and stays when a virtual machine is replaced or destroyed. " +
			"A disk that a virtual machine uses is not deleted: the destruction is refused, and names the virtual machine. A disk that is only the parent of a differencing disk which no virtual machine uses is deleted, because " +
			"a host does not record this: declare the differencing disk as a `hypervvm_disk` too, whose `parent_path` refers to the `path` of the parent, so that it is destroyed first. `path` of an item of `data_disks` of a `hypervvm` attaches the disk. A replacement of an attached disk is refused: remove it from `data_disks` first. A disk that no longer exists is created again by the next apply.",
		Attributes: map[string]schema.Attribute{
			"host": schema.StringAttribute{
				Optional: true, Computed: true, MarkdownDescription: "Name of the host in the provider configuration. Defaults to the only host. Forces replacement.",
				PlanModifiers: []planmodifier.String{fixed, replaces},
			},
			"name": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the file in the host's folder for virtual hard disks, with its extension `.vhdx` or `.vhd`. Conflicts with `path`. Forces replacement.",
				PlanModifiers: []planmodifier.String{replaces},
			},
			"path": schema.StringAttribute{
				Optional: true, Computed: true, MarkdownDescription: "Path of the file on the host, in a folder that exists. Conflicts with `name`, whose path it shows. Forces replacement.",
				PlanModifiers: []planmodifier.String{fixed, replaces},
			},
			"size_gb": schema.Int64Attribute{
				Optional: true, Computed: true, MarkdownDescription: "Size in GiB, from 1 to 65536. It can be increased in place, but not decreased. Required, unless `type` is `differencing`: such a disk " +
					"has the size of its parent.",
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"type": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString("dynamic"),
				MarkdownDescription: "`dynamic` allocates space as data is written, `fixed` allocates the full size at once, `differencing` contains the differences from `parent_path`. Defaults to `dynamic`. Forces replacement.",
				PlanModifiers:       []planmodifier.String{replaces},
			},
			"parent_path": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Path of the parent of a differencing disk, which must stay in place, unchanged, as long as the disk exists. Forces replacement.",
				PlanModifiers: []planmodifier.String{replaces},
			},
			"timeout": schema.StringAttribute{Optional: true, MarkdownDescription: timeoutText},
			"id":      schema.StringAttribute{Computed: true, MarkdownDescription: "The host and the path, separated by a slash.", PlanModifiers: []planmodifier.String{fixed}},
		},
	}
}

// Configure receives the connection that [Provider.Configure] made.
func (d *diskResource) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	d.jobs.Configure(ctx, req, resp)
}

// ValidateConfig validates the configuration without a host.
func (*diskResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var s diskState
	diags := &resp.Diagnostics
	diags.Append(req.Config.Get(ctx, &s)...)
	vmTarget{Timeout: s.Timeout}.limit(diags)
	checkOneOf("type", s.Type, []string{"dynamic", "fixed", "differencing"}, diags)
	if !s.Name.IsNull() && !s.Path.IsNull() || s.Name.IsNull() && s.Path.IsNull() {
		diags.AddAttributeError(path.Root("path"), "Invalid path", "Set either path or name.")
	}
	for name, v := range map[string]types.String{"name": s.Name, "path": s.Path, "parent_path": s.ParentPath} {
		lower := strings.ToLower(v.ValueString())
		if !v.IsNull() && !v.IsUnknown() && !strings.HasSuffix(lower, ".vhdx") && !strings.HasSuffix(lower, ".vhd") {
			diags.AddAttributeError(path.Root(name), "Invalid "+name, fmt.Sprintf("%s must end with .vhdx or .vhd, but is %q.", name, v.ValueString()))
		}
	}
	differencing := s.Type.ValueString() == "differencing"
	switch {
	case s.Type.IsUnknown():
	case differencing && s.ParentPath.IsNull():
		diags.AddAttributeError(path.Root("parent_path"), "Missing parent_path", "A differencing disk requires parent_path.")
	case differencing && !s.SizeGB.IsNull():
		diags.AddAttributeError(path.Root("size_gb"), "Invalid size_gb", "A differencing disk has the size of its parent: remove size_gb.")
	case !differencing && s.SizeGB.IsNull():
		diags.AddAttributeError(path.Root("size_gb"), "Missing size_gb", "Set size_gb to the size of the disk in GiB.")
	case !differencing && !s.ParentPath.IsNull():
		diags.AddAttributeError(path.Root("parent_path"), "Invalid parent_path", `Only a disk of the type "differencing" has a parent.`)
	}
	if n := s.SizeGB.ValueInt64(); !s.SizeGB.IsNull() && !s.SizeGB.IsUnknown() && (n < 1 || n > 65536) {
		diags.AddAttributeError(path.Root("size_gb"), "Invalid size_gb", fmt.Sprintf("size_gb must be between 1 and 65536, but is %d.", n))
	}
}

// host returns the configured name of the host of a disk. It is empty after an error.
func (d *diskResource) host(s diskState, diags *diag.Diagnostics) string {
	return d.jobs.conn.resourceHost(s.Host, diags)
}

// file is the path of a disk, or its name as long as the path is not known.
func (s *diskState) file() string {
	if s.Path.ValueString() != "" {
		return s.Path.ValueString()
	}
	return s.Name.ValueString()
}

// ModifyPlan refuses to shrink a disk, and to create one in place of a file that exists. It names a disk whose data a replacement deletes.
func (d *diskResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var s diskState
	diags := &resp.Diagnostics
	diags.Append(req.Plan.Get(ctx, &s)...)
	if !req.State.Raw.IsNull() {
		var before diskState
		diags.Append(req.State.Get(ctx, &before)...)
		diags.Append(setKey(ctx, resp.Private, plannedKey, before.file())...)
		same := func(a, b types.String) bool { return strings.EqualFold(a.ValueString(), b.ValueString()) }
		switch {
		case !same(before.Host, s.Host) || !same(before.Name, s.Name) || !s.Path.IsUnknown() && !same(before.Path, s.Path) || !same(before.Type, s.Type) || !same(before.ParentPath, s.ParentPath):
			diags.AddWarning("Virtual hard disk "+before.file()+" is replaced", "The disk is deleted with all its data, and an empty one is created.")
		case !s.SizeGB.IsUnknown() && s.SizeGB.ValueInt64() < before.SizeGB.ValueInt64():
			diags.AddAttributeError(path.Root("size_gb"), diskSummary("plan", before.file()),
				fmt.Sprintf("The disk has %d GiB, and a virtual hard disk cannot shrink. Set size_gb to %d or more.", before.SizeGB.ValueInt64(), before.SizeGB.ValueInt64()))
		}
		return
	}
	// A replacement is planned a second time, without the state: see plannedVM.
	var replaced string
	getKey(ctx, req.Private, plannedKey, &replaced)
	diags.Append(req.Config.GetAttribute(ctx, path.Root("host"), &s.Host)...) // its plan is unknown without one
	if diags.HasError() || !d.jobs.ready() || s.Host.IsUnknown() || s.file() == "" || strings.EqualFold(replaced, s.file()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	host := d.host(s, diags)
	if host == "" {
		return
	}
	d.jobs.conn.disks.add(host, s.file())
	found, err := d.jobs.conn.service.Disk(ctx, host, s.file())
	if err != nil {
		addAsWarnings(diags, diskSummary("plan", s.file()), err, "The plan was not checked. The job fails while that lasts.")
	} else if found != nil && !strings.EqualFold(replaced, found.Path) { // the plan may know only the name of the replaced one
		diags.AddAttributeError(path.Root("path"), diskSummary("plan", found.Path),
			fmt.Sprintf("The file exists on host %s already. Import it with the id %q, or use another name.", host, fileID(host, found.Path)))
	}
}

// run runs a disk job. The result is nil after an error.
func (d *diskResource) run(ctx context.Context, s diskState, verb string, values map[string]any, diags *diag.Diagnostics) (host string, result *job.Result) {
	limit := vmTarget{Timeout: s.Timeout}.limit(diags)
	if !d.jobs.ready() {
		addNotReady(diags, diskSummary(verb, s.file()))
	}
	if !diags.HasError() {
		host = d.host(s, diags)
	}
	if diags.HasError() {
		return "", nil
	}
	values["disk_path"] = s.file()
	_, result, err := d.jobs.runJob(ctx, limit, hvprov.Submission{Host: host, Operation: job.OperationDisk, Values: values, Limit: limit, SkipInventoryCheck: true}, s.file(), diags)
	if err != nil {
		addErrorAt(diags, diskSummary(verb, s.file()), err, diskFields)
		return host, nil
	}
	return host, result
}

// Create creates the disk.
func (d *diskResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var s diskState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	values := map[string]any{"disk_action": "create", "vhd_type": s.Type.ValueString()}
	if s.Type.ValueString() == "differencing" {
		values["parent_path"] = s.ParentPath.ValueString()
	} else {
		values["disk_size_gb"] = s.SizeGB.ValueInt64()
	}
	host, result := d.run(ctx, s, "create", values, &resp.Diagnostics)
	if result == nil || result.Disk == nil {
		return
	}
	s.set(host, result.Disk)
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, s.identity())...)
}

// set records what a host reports. Spellings that mean the same stay.
func (s *diskState) set(host string, found *job.Disk) {
	if s.Host.ValueString() == "" {
		s.Host = types.StringValue(host)
	}
	s.SizeGB = types.Int64Value(int64(found.SizeGB)) // a fraction cannot be removed
	if !strings.EqualFold(s.Path.ValueString(), found.Path) {
		s.Path = types.StringValue(found.Path)
	}
	if s.ID.ValueString() == "" {
		s.ID = types.StringValue(fileID(host, found.Path))
	}
	s.Type = types.StringValue(found.Type)
	if s.ParentPath.IsNull() && found.ParentPath != "" {
		s.ParentPath = types.StringValue(found.ParentPath)
	}
}

// Read reads the disk. One that is gone leaves the state.
func (d *diskResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var s diskState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, s.identity())...)
	if resp.Diagnostics.HasError() || !d.jobs.ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	host := d.host(s, &resp.Diagnostics)
	if host == "" {
		return
	}
	found, err := d.jobs.conn.service.Disk(ctx, host, s.file())
	if err != nil {
		addError(&resp.Diagnostics, diskSummary("read", s.file()), err)
		return
	}
	if found == nil {
		resp.State.RemoveResource(ctx)
		return
	}
	s.set(host, found)
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
}

// Update expands the disk, if its size differs: all else forces replacement.
func (d *diskResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var s, before diskState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if s.SizeGB.ValueInt64() > before.SizeGB.ValueInt64() {
		_, result := d.run(ctx, s, "expand", map[string]any{"disk_action": "expand", "disk_size_gb": s.SizeGB.ValueInt64()}, &resp.Diagnostics)
		if result == nil {
			return
		}
	}
	if s.Host.IsUnknown() { // a state of before has none
		s.Host = s.identity().Host
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, s.identity())...)
}

// Delete deletes the disk, which no virtual machine may use. One that does not exist is not an error.
func (d *diskResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var s diskState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	d.run(ctx, s, "delete", map[string]any{"disk_action": "remove"}, &resp.Diagnostics)
}

// ImportState imports a disk by its host and its path, or its name in the host's folder for virtual hard disks.
func (d *diskResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	diags := &resp.Diagnostics
	host, file, ok := importedFile(ctx, req, "path", diags)
	if diags.HasError() {
		return
	}
	if !ok {
		diags.AddError("Unable to import a virtual hard disk", `The import id must be the name of the host and the path of the file, separated by a slash, such as hv01/D:\Disks\data.vhdx.`)
		return
	}
	if !d.jobs.ready() {
		addNotReady(diags, diskSummary("import", file))
		return
	}
	s := diskState{Host: types.StringValue(host)}
	if fullPath.MatchString(file) {
		s.Path = types.StringValue(file)
	} else {
		s.Name = types.StringValue(file)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if host = d.host(s, diags); host == "" {
		return
	}
	found, err := d.jobs.conn.service.Disk(ctx, host, file)
	switch {
	case err != nil:
		addError(diags, diskSummary("import", file), err)
	case found == nil:
		diags.AddError(diskSummary("import", file), "Host "+host+" has no such file.")
	default:
		s.Host = types.StringValue(host)
		s.set(host, found)
		diags.Append(resp.State.Set(ctx, s)...)
		diags.Append(resp.Identity.Set(ctx, s.identity())...)
	}
}

// diskSummary returns the summary of an error about a virtual hard disk.
func diskSummary(verb, file string) string { return "Unable to " + verb + " virtual hard disk " + file }
