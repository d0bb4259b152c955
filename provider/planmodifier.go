// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
)

// importedKey marks, in a resource's private state, a virtual machine that was imported.
const importedKey = "imported"

// privateState is the part of a resource's private state that is used here.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// replaceOnChange has a change of an attribute make another virtual machine. It spares an imported one whose state has
// no value: a host cannot tell with which image or password a machine was made, and what the configuration says of it
// is taken on trust.
type replaceOnChange struct{}

var (
	_ planmodifier.String  = replaceOnChange{}
	_ planmodifier.Int64   = replaceOnChange{}
	_ planmodifier.Float64 = replaceOnChange{}
	_ planmodifier.Bool    = replaceOnChange{}
)

// Description tells what it does.
func (replaceOnChange) Description(context.Context) string {
	return "A change makes another virtual machine."
}

// MarkdownDescription tells the same.
func (m replaceOnChange) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

// PlanModifyString implements [planmodifier.String].
func (replaceOnChange) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	resp.RequiresReplace = needsReplace(ctx, req.State, req.Plan, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyInt64 implements [planmodifier.Int64].
func (replaceOnChange) PlanModifyInt64(ctx context.Context, req planmodifier.Int64Request, resp *planmodifier.Int64Response) {
	resp.RequiresReplace = needsReplace(ctx, req.State, req.Plan, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyFloat64 implements [planmodifier.Float64].
func (replaceOnChange) PlanModifyFloat64(ctx context.Context, req planmodifier.Float64Request, resp *planmodifier.Float64Response) {
	resp.RequiresReplace = needsReplace(ctx, req.State, req.Plan, req.StateValue, req.PlanValue, req.Private)
}

// PlanModifyBool implements [planmodifier.Bool].
func (replaceOnChange) PlanModifyBool(ctx context.Context, req planmodifier.BoolRequest, resp *planmodifier.BoolResponse) {
	resp.RequiresReplace = needsReplace(ctx, req.State, req.Plan, req.StateValue, req.PlanValue, req.Private)
}

func needsReplace(ctx context.Context, state tfsdk.State, plan tfsdk.Plan, before, after attr.Value, private privateState) bool {
	if state.Raw.IsNull() || plan.Raw.IsNull() || before.Equal(after) {
		return false
	}
	return !(before.IsNull() && isImported(ctx, private))
}

func isImported(ctx context.Context, private privateState) bool {
	mark, _ := private.GetKey(ctx, importedKey)
	return len(mark) > 0
}
