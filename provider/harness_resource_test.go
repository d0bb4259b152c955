// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// resourceKind returns the type of the values of a resource.
func (h *harness) resourceKind(name string) tftypes.Type {
	return h.schema.ResourceSchemas[name].ValueType()
}

// applyResource plans and applies a configuration of a resource; nil destroys it.
func (h *harness) applyResource(name string, prior tftypes.Value, config attrs) (tftypes.Value, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	kind := h.resourceKind(name)
	wanted := tftypes.NewValue(kind, nil)
	proposed := wanted
	if config != nil {
		wanted = h.value(kind, config)
		proposed = proposedObject(h.schema.ResourceSchemas[name].Block.Attributes, prior, wanted)
	}
	plan, err := h.server.PlanResourceChange(h.ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: name, PriorState: h.encode(prior), ProposedNewState: h.encode(proposed), Config: h.encode(wanted),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(plan.Diagnostics) {
		return prior, plan.Diagnostics
	}
	resp, err := h.server.ApplyResourceChange(h.ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: name, PriorState: h.encode(prior), PlannedState: plan.PlannedState, Config: h.encode(wanted), PlannedPrivate: plan.PlannedPrivate,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	value, err := resp.NewState.Unmarshal(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return value, append(plan.Diagnostics, resp.Diagnostics...)
}

// readResource refreshes a resource.
func (h *harness) readResource(name string, state tftypes.Value) (tftypes.Value, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	resp, err := h.server.ReadResource(h.ctx, &tfprotov6.ReadResourceRequest{TypeName: name, CurrentState: h.encode(state)})
	if err != nil {
		h.t.Fatal(err)
	}
	value, err := resp.NewState.Unmarshal(h.resourceKind(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return value, resp.Diagnostics
}
