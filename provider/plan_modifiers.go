// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// replaceOnChange requires replacement when an attribute changes. For imported virtual machines, attributes missing from the
// state are treated as unchanged: a host does not report the image or the password that a virtual machine was created with.
type replaceOnChange struct {
	schema *jobschema.Schema
	field  *jobschema.Field
}

var (
	_ planmodifier.String = replaceOnChange{}
	_ planmodifier.Number = replaceOnChange{}
	_ planmodifier.Bool   = replaceOnChange{}
	_ planmodifier.List   = replaceOnChange{}
	_ planmodifier.Object = replaceOnChange{}
)

// Description describes the plan modifier.
func (replaceOnChange) Description(context.Context) string {
	return "Forces replacement."
}

// MarkdownDescription describes the plan modifier.
func (m replaceOnChange) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

// PlanModifyString implements [planmodifier.String].
func (m replaceOnChange) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	resp.RequiresReplace = m.required(ctx, req.State, req.Plan, req.Config, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyNumber implements [planmodifier.Number].
func (m replaceOnChange) PlanModifyNumber(ctx context.Context, req planmodifier.NumberRequest, resp *planmodifier.NumberResponse) {
	resp.RequiresReplace = m.required(ctx, req.State, req.Plan, req.Config, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyBool implements [planmodifier.Bool].
func (m replaceOnChange) PlanModifyBool(ctx context.Context, req planmodifier.BoolRequest, resp *planmodifier.BoolResponse) {
	resp.RequiresReplace = m.required(ctx, req.State, req.Plan, req.Config, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyList implements [planmodifier.List].
func (m replaceOnChange) PlanModifyList(ctx context.Context, req planmodifier.ListRequest, resp *planmodifier.ListResponse) {
	resp.RequiresReplace = m.required(ctx, req.State, req.Plan, req.Config, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyObject implements [planmodifier.Object].
func (m replaceOnChange) PlanModifyObject(ctx context.Context, req planmodifier.ObjectRequest, resp *planmodifier.ObjectResponse) {
	resp.RequiresReplace = m.required(ctx, req.State, req.Plan, req.Config, req.StateValue, req.PlanValue, req.Private)
}

func (m replaceOnChange) required(
	ctx context.Context, state tfsdk.State, plan tfsdk.Plan, config tfsdk.Config, before, after attr.Value, private privateState,
) bool {
	if state.Raw.IsNull() || plan.Raw.IsNull() || before.Equal(after) {
		return false
	}
	planned := plan.Raw // without the changes of plan modifiers; those of secrets change no value
	if value, err := after.ToTerraformValue(ctx); err == nil && !m.field.Secret() {
		planned, _ = withAttributes(planned, map[string]tftypes.Value{m.field.ID: value})
	}
	return newComparison(ctx, m.schema, state.Raw, planned, config.Raw, private).differs(m.field)
}

// keepObserved plans the value of the state when the configuration has none: the virtual machine keeps what it has.
type keepObserved struct{}

var (
	_ planmodifier.String = keepObserved{}
	_ planmodifier.Number = keepObserved{}
	_ planmodifier.Bool   = keepObserved{}
	_ planmodifier.List   = keepObserved{}
)

// Description describes the plan modifier.
func (keepObserved) Description(context.Context) string {
	return "If omitted, the value that the host has is kept."
}

// MarkdownDescription describes the plan modifier.
func (m keepObserved) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

// PlanModifyString implements [planmodifier.String].
func (keepObserved) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if isLeftOut(req.ConfigValue, req.State) {
		resp.PlanValue = req.StateValue
	}
}

// PlanModifyNumber implements [planmodifier.Number].
func (keepObserved) PlanModifyNumber(_ context.Context, req planmodifier.NumberRequest, resp *planmodifier.NumberResponse) {
	if isLeftOut(req.ConfigValue, req.State) {
		resp.PlanValue = req.StateValue
	}
}

// PlanModifyBool implements [planmodifier.Bool].
func (keepObserved) PlanModifyBool(_ context.Context, req planmodifier.BoolRequest, resp *planmodifier.BoolResponse) {
	if isLeftOut(req.ConfigValue, req.State) {
		resp.PlanValue = req.StateValue
	}
}

// PlanModifyList implements [planmodifier.List].
func (keepObserved) PlanModifyList(_ context.Context, req planmodifier.ListRequest, resp *planmodifier.ListResponse) {
	if isLeftOut(req.ConfigValue, req.State) {
		resp.PlanValue = req.StateValue
	}
}

// isLeftOut reports whether a configuration leaves out a value of a resource that exists.
func isLeftOut(configured attr.Value, state tfsdk.State) bool {
	return configured.IsNull() && !state.Raw.IsNull()
}

// keepSpelling plans the value of the state when the configuration has the same one in another spelling, so that nothing changes.
type keepSpelling struct{ field *jobschema.Field } // nil for host, whose letter case is not significant

var _ planmodifier.String = keepSpelling{}

// Description describes the plan modifier.
func (keepSpelling) Description(context.Context) string {
	return "Another spelling of the same value is no change."
}

// MarkdownDescription describes the plan modifier.
func (m keepSpelling) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

// PlanModifyString implements [planmodifier.String].
func (m keepSpelling) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if !isKnownString(req.StateValue) || !isKnownString(req.PlanValue) {
		return
	}
	was, is := req.StateValue.ValueString(), req.PlanValue.ValueString()
	if m.field == nil && strings.EqualFold(was, is) || m.field != nil && m.field.Equal(was, is) {
		resp.PlanValue = req.StateValue
	}
}

func isKnownString(v types.String) bool { return !v.IsNull() && !v.IsUnknown() }

// inferred plans a value that the schema infers from another attribute, unless the configuration sets one. While the other
// attribute does not change, the value in the state is kept, even if the rules of the schema changed.
type inferred struct{ *jobschema.Inference }

var _ planmodifier.String = inferred{}

// Description describes the plan modifier.
func (i inferred) Description(context.Context) string {
	return "If omitted, inferred from " + i.From + "."
}

// MarkdownDescription describes the plan modifier.
func (i inferred) MarkdownDescription(context.Context) string {
	return "If omitted, inferred from `" + i.From + "`."
}

// PlanModifyString implements [planmodifier.String].
func (i inferred) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if !req.ConfigValue.IsNull() {
		return
	}
	from := attribute(req.Plan.Raw, i.From)
	switch {
	case !req.StateValue.IsNull() && attribute(req.State.Raw, i.From).Equal(from):
		resp.PlanValue = req.StateValue
	case from.Type() != nil && !from.IsKnown():
		resp.PlanValue = types.StringUnknown()
	default:
		resp.PlanValue = types.StringNull()
		if value, ok := i.Value(stringOf(from)); ok {
			resp.PlanValue = types.StringValue(value)
		}
	}
}
