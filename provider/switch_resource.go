// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// switchResource implements the resource `hypervvm_switch`.
type switchResource struct{ jobs vmResource }

var (
	_ resource.ResourceWithConfigure      = (*switchResource)(nil)
	_ resource.ResourceWithValidateConfig = (*switchResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*switchResource)(nil)
	_ resource.ResourceWithImportState    = (*switchResource)(nil)
	_ resource.ResourceWithIdentity       = (*switchResource)(nil)
)

type switchState struct {
	Host                 types.String `tfsdk:"host"`
	Name                 types.String `tfsdk:"name"`
	Type                 types.String `tfsdk:"switch_type"`
	NetAdapterNames      types.Set    `tfsdk:"net_adapter_names"`
	AllowManagementOS    types.Bool   `tfsdk:"allow_management_os"`
	Notes                types.String `tfsdk:"notes"`
	EmbeddedTeaming      types.Bool   `tfsdk:"enable_embedded_teaming"`
	IOV                  types.Bool   `tfsdk:"enable_iov"`
	MinimumBandwidthMode types.String `tfsdk:"minimum_bandwidth_mode"`
	AllowHostDisconnect  types.Bool   `tfsdk:"allow_host_disconnect"`
	Timeout              types.String `tfsdk:"timeout"`
	ID                   types.String `tfsdk:"id"`
}

// switchFields are the attributes by field of a switch job, where the names differ.
var switchFields = map[string]string{"switch_name": "name", "switch_action": "name", "switch_id": "id"}

// switchIdentity is the identity of a virtual switch in Terraform 1.12 and later.
type switchIdentity struct {
	Host types.String `tfsdk:"host"`
	ID   types.String `tfsdk:"id"`
}

// IdentitySchema returns the attributes of the identity.
func (*switchResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"host": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the host in the provider configuration."},
		"id":   identityschema.StringAttribute{RequiredForImport: true, Description: "GUID of the virtual switch."},
	}}
}

// Metadata sets the type name of the resource.
func (*switchResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName + "_switch"
}

// Configure receives the connection that [Provider.Configure] made.
func (r *switchResource) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.jobs.Configure(ctx, req, resp)
}

// ModifyPlan refuses a new switch whose name one of the host has.
func (r *switchResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var s switchState
	diags := &resp.Diagnostics
	diags.Append(req.Plan.Get(ctx, &s)...)
	if !req.State.Raw.IsNull() {
		var before switchState
		diags.Append(req.State.Get(ctx, &before)...)
		diags.Append(setKey(ctx, resp.Private, plannedKey, before.Name.ValueString())...)
		return
	}
	// A replacement is planned a second time, without the state: see plannedVM.
	var replaced string
	getKey(ctx, req.Private, plannedKey, &replaced)
	name := s.Name.ValueString()
	if diags.HasError() || !r.jobs.ready() || s.Host.IsUnknown() || name == "" || strings.EqualFold(replaced, name) {
		return
	}
	host := r.host(s, diags)
	if host == "" {
		return
	}
	found, err := r.find(ctx, host, name)
	if err != nil {
		addAsWarnings(diags, switchSummary("plan", name), err, "The plan was not checked. The job fails while that lasts.")
	} else if found != nil {
		diags.AddAttributeError(path.Root("name"), switchSummary("plan", name),
			fmt.Sprintf("Host %s has a virtual switch of this name already. Import it with the id %q, or use another name.", host, host+"/"+found.Name))
	}
}

// host returns the configured name of the host of a switch. It is empty after an error.
func (r *switchResource) host(s switchState, diags *diag.Diagnostics) string {
	return r.jobs.conn.requestedHost(s.Host.ValueString(), diags)
}

// find returns the virtual switch of a host with a GUID or a name, or nil if there is none.
func (r *switchResource) find(ctx context.Context, host, idOrName string) (*job.Switch, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	all, err := r.jobs.conn.service.HostSwitches(ctx, host)
	if err != nil {
		return nil, err
	}
	var named []*job.Switch
	for i := range all {
		if strings.EqualFold(all[i].ID, idOrName) {
			return &all[i], nil
		}
		if strings.EqualFold(all[i].Name, idOrName) {
			named = append(named, &all[i])
		}
	}
	switch len(named) {
	case 0:
		return nil, nil
	case 1:
		return named[0], nil
	}
	ids := make([]string, len(named))
	for i, s := range named {
		ids[i] = s.ID
	}
	return nil, fmt.Errorf("host %s has %d virtual switches named %q: use one of their GUIDs: %s", host, len(named), idOrName, strings.Join(ids, ", "))
}

// run runs a switch job. The result is nil after an error.
func (r *switchResource) run(ctx context.Context, s switchState, verb string, values map[string]any, diags *diag.Diagnostics) (host string, result *job.Result) {
	limit := vmTarget{Timeout: s.Timeout}.limit(diags)
	summary := switchSummary(verb, s.Name.ValueString())
	if !r.jobs.ready() {
		addNotReady(diags, summary)
	}
	if !diags.HasError() {
		host = r.host(s, diags)
	}
	if diags.HasError() {
		return "", nil
	}
	if s.AllowHostDisconnect.ValueBool() {
		values["allow_host_disconnect"] = true
	}
	sub := hvprov.Submission{Host: host, Operation: job.OperationSwitch, Values: values, Limit: limit, SkipInventoryCheck: true}
	_, result, err := r.jobs.runJob(ctx, limit, sub, s.Name.ValueString(), diags)
	if err != nil {
		addErrorAt(diags, summary, err, switchFields)
		return host, nil
	}
	return host, result
}

// Create creates the switch.
func (r *switchResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var s switchState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	values := map[string]any{"switch_action": "create", "switch_name": s.Name.ValueString(), "switch_type": s.Type.ValueString()}
	if known(s.Notes) && s.Notes.ValueString() != "" {
		values["notes"] = s.Notes.ValueString()
	}
	if known(s.MinimumBandwidthMode) {
		values["minimum_bandwidth_mode"] = s.MinimumBandwidthMode.ValueString()
	}
	if s.Type.ValueString() == "external" {
		names := []any{}
		for _, name := range s.adapters(ctx, &resp.Diagnostics) {
			names = append(names, name)
		}
		values["net_adapter_names"] = names
		for field, v := range map[string]types.Bool{"allow_management_os": s.AllowManagementOS, "enable_embedded_teaming": s.EmbeddedTeaming, "enable_iov": s.IOV} {
			if known(v) {
				values[field] = v.ValueBool()
			}
		}
	}
	host, result := r.run(ctx, s, "create", values, &resp.Diagnostics)
	if result == nil || result.Switch == nil {
		return
	}
	s.set(ctx, result.Switch, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, switchIdentity{types.StringValue(host), s.ID})...)
}

// adapters returns the names of the network adapters.
func (s *switchState) adapters(ctx context.Context, diags *diag.Diagnostics) (names []string) {
	if known(s.NetAdapterNames) {
		diags.Append(s.NetAdapterNames.ElementsAs(ctx, &names, false)...)
	}
	slices.Sort(names)
	return names
}

// set records what a host reports. Spellings that mean the same stay, and network adapters that the host does not name.
func (s *switchState) set(ctx context.Context, found *job.Switch, diags *diag.Diagnostics) {
	s.ID, s.Type, s.Notes = types.StringValue(found.ID), types.StringValue(found.Type), types.StringValue(found.Notes)
	if !strings.EqualFold(s.Name.ValueString(), found.Name) {
		s.Name = types.StringValue(found.Name)
	}
	s.AllowManagementOS, s.EmbeddedTeaming, s.IOV = types.BoolValue(found.AllowManagementOS), types.BoolValue(found.EmbeddedTeaming), types.BoolValue(found.IOV)
	s.MinimumBandwidthMode = types.StringValue(found.MinimumBandwidthMode)
	if found.NetAdapterNames == nil && known(s.NetAdapterNames) {
		return
	}
	if found.Type != "external" {
		s.NetAdapterNames = types.SetNull(types.StringType)
		return
	}
	if known(s.NetAdapterNames) && sameNames(s.adapters(ctx, diags), found.NetAdapterNames) {
		return
	}
	value, problems := types.SetValueFrom(ctx, types.StringType, append([]string{}, found.NetAdapterNames...))
	diags.Append(problems...)
	s.NetAdapterNames = value
}

// sameNames reports whether two lists have the same names, in any order and letter case.
func sameNames(a, b []string) bool {
	within := func(all []string) func(string) bool {
		return func(name string) bool {
			return !slices.ContainsFunc(all, func(other string) bool { return strings.EqualFold(name, other) })
		}
	}
	return !slices.ContainsFunc(a, within(b)) && !slices.ContainsFunc(b, within(a))
}

// Read reads the switch. One that is gone leaves the state.
func (r *switchResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var s switchState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	if resp.Diagnostics.HasError() || !r.jobs.ready() {
		return
	}
	host := r.host(s, &resp.Diagnostics)
	if host == "" {
		return
	}
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, switchIdentity{types.StringValue(host), s.ID})...)
	found, err := r.find(ctx, host, s.ID.ValueString())
	if err != nil {
		addError(&resp.Diagnostics, switchSummary("read", s.Name.ValueString()), err)
		return
	}
	if found == nil {
		resp.State.RemoveResource(ctx)
		return
	}
	s.set(ctx, found, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
}

// Update changes the notes and the host's network adapter on the switch: all else forces replacement.
func (r *switchResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var s, before switchState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	if resp.Diagnostics.HasError() {
		return
	}
	values := map[string]any{"switch_action": "update", "switch_id": before.ID.ValueString()}
	if known(s.Notes) && !s.Notes.Equal(before.Notes) {
		values["notes"] = s.Notes.ValueString()
	}
	if known(s.AllowManagementOS) && !s.AllowManagementOS.Equal(before.AllowManagementOS) {
		values["allow_management_os"] = s.AllowManagementOS.ValueBool()
	}
	if len(values) > 2 {
		if _, result := r.run(ctx, s, "update", values, &resp.Diagnostics); result == nil {
			return
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	if host := r.host(s, &resp.Diagnostics); host != "" {
		resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, switchIdentity{types.StringValue(host), s.ID})...)
	}
}

// Delete removes the switch, to which no virtual machine may be connected. One that does not exist is not an error.
func (r *switchResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var s switchState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	r.run(ctx, s, "remove", map[string]any{"switch_action": "remove", "switch_id": s.ID.ValueString()}, &resp.Diagnostics)
}

// ImportState imports a switch by its host and its name or GUID, or by the GUID alone from the only host.
func (r *switchResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	given, wanted, _ := strings.Cut(req.ID, "/")
	if uuid.Validate(req.ID) == nil {
		given, wanted = "", req.ID
	}
	if req.ID == "" && req.Identity != nil && !req.Identity.Raw.IsFullyNull() {
		var identity switchIdentity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		given, wanted = identity.Host.ValueString(), identity.ID.ValueString()
	}
	summary := switchSummary("import", wanted)
	switch {
	case wanted == "":
		resp.Diagnostics.AddError("Unable to import a virtual switch", "The import id must be the name of the host and the name or the GUID of the virtual switch, separated by a slash: for example hv01/Uplink.")
		return
	case !r.jobs.ready():
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	host := r.jobs.conn.requestedHost(given, &resp.Diagnostics)
	if host == "" {
		return
	}
	found, err := r.find(ctx, host, wanted)
	switch {
	case err != nil:
		addError(&resp.Diagnostics, summary, err)
	case found == nil:
		resp.Diagnostics.AddError(summary, fmt.Sprintf("Host %s has no such virtual switch. The data source hypervvm_switches lists them.", host))
	default:
		s := switchState{NetAdapterNames: types.SetNull(types.StringType)}
		if given != "" {
			s.Host = types.StringValue(given)
		}
		s.set(ctx, found, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
		resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, switchIdentity{types.StringValue(host), s.ID})...)
	}
}

// switchSummary returns the summary of an error about a virtual switch.
func switchSummary(verb, name string) string { return "Unable to " + verb + " virtual switch " + name }
