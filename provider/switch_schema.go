// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// known reports whether an attribute has a value.
func known(v attr.Value) bool { return !v.IsNull() && !v.IsUnknown() }

// Schema returns the attributes of the resource.
func (*switchResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	const caseText = "A change of more than the letter case forces replacement."
	fixed := stringplanmodifier.UseStateForUnknown()
	renamed := stringplanmodifier.RequiresReplaceIf(func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
		resp.RequiresReplace = !req.StateValue.IsNull() && !strings.EqualFold(req.StateValue.ValueString(), req.PlanValue.ValueString())
	}, caseText, caseText)
	others := setplanmodifier.RequiresReplaceIf(func(ctx context.Context, req planmodifier.SetRequest, resp *setplanmodifier.RequiresReplaceIfFuncResponse) {
		before, after := switchState{NetAdapterNames: req.StateValue}, switchState{NetAdapterNames: req.PlanValue}
		resp.RequiresReplace = !sameNames(before.adapters(ctx, &resp.Diagnostics), after.adapters(ctx, &resp.Diagnostics))
	}, caseText, caseText)
	flag := []planmodifier.Bool{boolplanmodifier.UseStateForUnknown(), boolplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A virtual switch of a host: `external`, `internal` or `private`.\n\n" +
			"A virtual switch of the same name is not taken over: import it. A virtual switch to which virtual machines are connected is not removed: the destruction is refused, and names them. " +
			"One that no longer exists is created again by the next apply.\n\n" +
			"**The connection to the host.** An external virtual switch takes over a physical network adapter. If the host itself uses this adapter, with the address that the provider is connected to or with its default route, it needs " +
			"`allow_management_os = true`, which is the default: its addresses move to a virtual network adapter named `vEthernet (<name>)`. Without it, the job is refused before it changes anything, and so are a change and a removal of " +
			"a virtual switch whose virtual network adapter carries the connection, unless `allow_host_disconnect = true`. While an external virtual switch is created or removed, the connection may be lost for some seconds. The job runs on " +
			"the host in a process that does not depend on the connection, and the provider reads its result as soon as the host answers again. On a host whose addresses or routes differ afterwards, that is never: keep another way to it, such as its console.",
		Attributes: map[string]schema.Attribute{
			"host": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the host in the provider configuration. Defaults to the only host. Forces replacement.",
				PlanModifiers: []planmodifier.String{renamed},
			},
			"name": schema.StringAttribute{
				Required: true, MarkdownDescription: "Name of the virtual switch, which no other one of the host has. 1 to 100 characters. Forces replacement.", PlanModifiers: []planmodifier.String{renamed},
			},
			"switch_type": schema.StringAttribute{
				Required: true, MarkdownDescription: "`external` connects virtual machines to a physical network, `internal` to each other and to the host, `private` only to each other. Forces replacement.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"net_adapter_names": schema.SetAttribute{
				Optional: true, ElementType: types.StringType, PlanModifiers: []planmodifier.Set{others},
				MarkdownDescription: "Names of the physical network adapters of an external virtual switch, as `Get-NetAdapter` shows them. Several are a team. Required for `external`; not allowed otherwise. Forces replacement.",
			},
			"allow_management_os": schema.BoolAttribute{
				Optional: true, Computed: true, PlanModifiers: []planmodifier.Bool{boolplanmodifier.UseStateForUnknown()},
				MarkdownDescription: "Whether the host has a virtual network adapter on an external virtual switch. Changed in place; a new virtual network adapter has no addresses of a former one. Only allowed for `external`. Defaults to `true`.",
			},
			"notes": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString(""), MarkdownDescription: "Notes. Changed in place."},
			"enable_embedded_teaming": schema.BoolAttribute{
				Optional: true, Computed: true, PlanModifiers: flag,
				MarkdownDescription: "Whether the network adapters are a team (Switch Embedded Teaming), also if there is only one. Only allowed for `external`. Defaults to `true` with several network adapters. Forces replacement.",
			},
			"enable_iov": schema.BoolAttribute{
				Optional: true, Computed: true, PlanModifiers: flag,
				MarkdownDescription: "Whether virtual machines may use single-root I/O virtualization (SR-IOV), which the network adapter must support. Only allowed for `external`. Defaults to `false`. Forces replacement.",
			},
			"minimum_bandwidth_mode": schema.StringAttribute{
				Optional: true, Computed: true, PlanModifiers: []planmodifier.String{fixed, stringplanmodifier.RequiresReplace()},
				MarkdownDescription: "How bandwidth is reserved for virtual machines: `absolute`, `weight` or `none`. Defaults to what the host chooses. Forces replacement.",
			},
			"allow_host_disconnect": schema.BoolAttribute{
				Optional: true, MarkdownDescription: "Whether the virtual switch may be created, changed and removed although that cuts the connection to the host. To remove one, apply it before the destruction. Defaults to `false`.",
			},
			"timeout": schema.StringAttribute{Optional: true, MarkdownDescription: timeoutText},
			"id":      schema.StringAttribute{Computed: true, MarkdownDescription: "GUID of the virtual switch.", PlanModifiers: []planmodifier.String{fixed}},
		},
	}
}

// ValidateConfig validates the configuration without a host.
func (*switchResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var s switchState
	diags := &resp.Diagnostics
	diags.Append(req.Config.Get(ctx, &s)...)
	vmTarget{Timeout: s.Timeout}.limit(diags)
	checkOneOf("switch_type", s.Type, []string{"external", "internal", "private"}, diags)
	checkOneOf("minimum_bandwidth_mode", s.MinimumBandwidthMode, []string{"absolute", "weight", "none"}, diags)
	if name := s.Name.ValueString(); known(s.Name) && (name == "" || len(name) > 100 || strings.TrimSpace(name) != name) {
		diags.AddAttributeError(path.Root("name"), "Invalid name", "name must have 1 to 100 characters, without spaces at its ends.")
	}
	switch {
	case !known(s.Type):
		return
	case s.Type.ValueString() == "external":
		if s.NetAdapterNames.IsNull() || known(s.NetAdapterNames) && len(s.NetAdapterNames.Elements()) == 0 {
			diags.AddAttributeError(path.Root("net_adapter_names"), "Missing net_adapter_names", "An external virtual switch requires the names of one or more physical network adapters of the host.")
		}
		if known(s.EmbeddedTeaming) && !s.EmbeddedTeaming.ValueBool() && known(s.NetAdapterNames) && len(s.NetAdapterNames.Elements()) > 1 {
			diags.AddAttributeError(path.Root("enable_embedded_teaming"), "Invalid enable_embedded_teaming", "A virtual switch with several network adapters is a team: remove enable_embedded_teaming, or name one network adapter.")
		}
		return
	}
	for name, v := range map[string]attr.Value{
		"net_adapter_names": s.NetAdapterNames, "allow_management_os": s.AllowManagementOS, "enable_embedded_teaming": s.EmbeddedTeaming, "enable_iov": s.IOV,
	} {
		if !v.IsNull() {
			diags.AddAttributeError(path.Root(name), "Invalid "+name, "Only a virtual switch of the type \"external\" has "+name+": remove it.")
		}
	}
}
