// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// resourceKind returns the type of the values of a resource.
func (h *harness) resourceKind(name string) tftypes.Type {
	return h.schema.ResourceSchemas[name].ValueType()
}

// planResource plans a configuration of a resource with private data; nil destroys it. It returns the configuration as well.
func (h *harness) planResource(name string, prior tftypes.Value, config attrs, private ...byte) (plan *tfprotov6.PlanResourceChangeResponse, wanted tftypes.Value) {
	h.t.Helper()
	kind := h.resourceKind(name)
	wanted = tftypes.NewValue(kind, nil)
	proposed := wanted
	if config != nil {
		wanted = h.value(kind, config)
		proposed = proposedObject(h.schema.ResourceSchemas[name].Block.Attributes, prior, wanted)
	}
	plan, err := h.server.PlanResourceChange(h.ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: name, PriorState: h.encode(prior), ProposedNewState: h.encode(proposed), Config: h.encode(wanted), PriorPrivate: private,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return plan, wanted
}

// applyResource plans and applies a configuration of a resource; nil destroys it.
func (h *harness) applyResource(name string, prior tftypes.Value, config attrs) (tftypes.Value, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	plan, wanted := h.planResource(name, prior, config)
	if hasError(plan.Diagnostics) {
		return prior, plan.Diagnostics
	}
	resp, err := h.server.ApplyResourceChange(h.ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: name, PriorState: h.encode(prior), PlannedState: plan.PlannedState, Config: h.encode(wanted), PlannedPrivate: plan.PlannedPrivate,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	value, err := resp.NewState.Unmarshal(h.resourceKind(name))
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

// mustImportResource imports a resource by its ID, and by its identity without and with a host, and requires the same state and identity.
func (h *harness) mustImportResource(name, id string, identity attrs) tftypes.Value {
	h.t.Helper()
	host, _, _ := strings.Cut(id, "/")
	whole := identity.with(attrs{"host": host})
	state, diags := h.importResource(&tfprotov6.ImportResourceStateRequest{TypeName: name, ID: id}, whole)
	h.mustSucceed("import", diags)
	for _, given := range []attrs{identity, whole} {
		same, diags := h.importResource(&tfprotov6.ImportResourceStateRequest{TypeName: name, Identity: h.encodeIdentity(name, given)}, whole)
		h.mustSucceed("import by identity", diags)
		if !same.Equal(state) {
			h.t.Errorf("an import of %v returned %v, want %v", given, same, state)
		}
	}
	return state
}

// importResource imports a resource, and requires its identity.
func (h *harness) importResource(req *tfprotov6.ImportResourceStateRequest, identity attrs) (tftypes.Value, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	resp, err := h.server.ImportResourceState(h.ctx, req)
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(resp.Diagnostics) {
		return tftypes.Value{}, resp.Diagnostics
	}
	imported := resp.ImportedResources[0]
	value, err := imported.State.Unmarshal(h.resourceKind(req.TypeName))
	if err != nil {
		h.t.Fatal(err)
	}
	h.wantIdentityOf(req.TypeName, imported.Identity, identity)
	read, err := h.server.ReadResource(h.ctx, &tfprotov6.ReadResourceRequest{TypeName: req.TypeName, CurrentState: imported.State, CurrentIdentity: imported.Identity})
	if err != nil {
		h.t.Fatal(err)
	}
	again, err := read.NewState.Unmarshal(h.resourceKind(req.TypeName))
	if err != nil {
		h.t.Fatal(err)
	}
	if !again.Equal(value) {
		h.t.Errorf("the read after an import returned %v, want %v", again, value)
	}
	h.wantIdentityOf(req.TypeName, read.NewIdentity, identity)
	return value, append(resp.Diagnostics, read.Diagnostics...)
}

func (h *harness) wantIdentityOf(name string, got *tfprotov6.ResourceIdentityData, want attrs) {
	h.t.Helper()
	if got == nil {
		h.t.Fatal("there is no identity")
	}
	resp, err := h.server.GetResourceIdentitySchemas(h.ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	value, err := got.IdentityData.Unmarshal(resp.IdentitySchemas[name].ValueType())
	if err != nil {
		h.t.Fatal(err)
	}
	if !equal(plain(value), want) {
		h.t.Errorf("the identity is %v, want %v", plain(value), want)
	}
}
