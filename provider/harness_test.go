// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-log/tflogtest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/provider"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// password is a secret that must not appear in logs, messages, files or plans.
const password = "Tr0ub4dor&3 secret"

// unknown is an unknown value.
type unknown struct{}

// attrs is the configuration of a resource or a provider.
type attrs map[string]any

// with returns a copy with some attributes changed.
func (a attrs) with(changes attrs) attrs {
	merged := attrs{}
	for k, v := range a {
		merged[k] = v
	}
	for k, v := range changes {
		merged[k] = v
	}
	return merged
}

// linux returns a configuration of the default schema with the required attributes.
func linux(name string) attrs {
	return attrs{
		"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux",
		"guest_la_uid": "admin", "guest_la_pw": password,
	}
}

// harness calls a provider over the plugin protocol, in the same order as Terraform.
type harness struct {
	t      *testing.T
	ctx    context.Context
	log    *lockedBuffer
	server tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
	kind   tftypes.Type
	config attrs // of the provider, once it is configured

	provider *provider.Provider
	through  *server // the server that it uses; nil: none

	olderCLI bool // without support for write-only attributes
}

func loadSchema(t *testing.T) *jobschema.Schema {
	t.Helper()
	s, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newHarness returns an unconfigured provider with the default schema.
func newHarness(t *testing.T) *harness {
	t.Helper()
	return newHarnessWith(t, loadSchema(t))
}

// newHarnessWith returns an unconfigured provider with a schema.
func newHarnessWith(t *testing.T, s *jobschema.Schema) *harness {
	t.Helper()
	h := &harness{t: t, log: &lockedBuffer{}}
	h.ctx = tflogtest.RootLogger(t.Context(), h.log)
	p := provider.New("test", s, nil)
	p.SetNameSettle(time.Millisecond)
	h.provider = p
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	h.server = providerserver.NewProtocol6(p)()
	var err error
	h.schema, err = h.server.GetProviderSchema(h.ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	h.mustSucceed("schema", h.schema.Diagnostics)
	h.kind = h.schema.ResourceSchemas["hypervvm"].ValueType()
	return h
}

// settings returns the provider settings for a simulated host.
func settings(server *simhost.Server) attrs {
	return attrs{
		"address": server.Address(), "port": server.Port(), "ca_cert": string(server.CACertPEM()),
		"username": server.Username(), "password": server.Password(),
	}
}

// connected returns a provider with the default schema, configured with one host.
func connected(t *testing.T, server *simhost.Server) *harness {
	t.Helper()
	return connectedWith(t, server, loadSchema(t))
}

// connectedWith returns a provider with a schema, configured with one host.
func connectedWith(t *testing.T, server *simhost.Server, s *jobschema.Schema) *harness {
	t.Helper()
	h := newHarnessWith(t, s)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server)}))
	return h
}

func (h *harness) configure(config attrs) []*tfprotov6.Diagnostic {
	h.t.Helper()
	kind := h.schema.Provider.ValueType()
	resp, err := h.server.ValidateProviderConfig(h.ctx, &tfprotov6.ValidateProviderConfigRequest{Config: h.dynamic(kind, config)})
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(resp.Diagnostics) {
		return resp.Diagnostics
	}
	h.config = config
	config = h.served(config)
	done, err := h.server.ConfigureProvider(h.ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.11.4", Config: h.dynamic(kind, config)})
	if err != nil {
		h.t.Fatal(err)
	}
	return append(resp.Diagnostics, done.Diagnostics...)
}

func (h *harness) validate(config attrs) []*tfprotov6.Diagnostic {
	h.t.Helper()
	resp, err := h.server.ValidateResourceConfig(h.ctx, &tfprotov6.ValidateResourceConfigRequest{
		TypeName: "hypervvm", Config: h.dynamic(h.kind, config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: !h.olderCLI},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.Diagnostics
}

// resource is a resource instance in a state.
type resource struct {
	value    tftypes.Value
	private  []byte
	identity *tfprotov6.ResourceIdentityData // as Terraform 1.12 and later keeps it
}

func (h *harness) none() resource { return resource{value: tftypes.NewValue(h.kind, nil)} }

// planned is the result of a plan.
type planned struct {
	prior, planned resource
	config         attrs
	replace        []string
	diags          []*tfprotov6.Diagnostic
}

// plan plans a change. As in Terraform, a resource to be replaced is planned again, as one to create: with the private data of the first
// plan, and without its warnings (NodeAbstractResourceInstance.plan).
func (h *harness) plan(prior resource, config attrs) planned {
	h.t.Helper()
	p := h.planOnce(prior, config)
	if len(p.replace) > 0 && !prior.value.IsNull() && !hasError(p.diags) {
		return h.planReplacement(p)
	}
	return p
}

// planReplacement plans the creation of a resource to be replaced.
func (h *harness) planReplacement(p planned) planned {
	h.t.Helper()
	again := h.planOnce(resource{value: h.none().value, private: p.planned.private}, p.config)
	if !hasError(again.diags) {
		again.diags = nil
	}
	again.prior, again.replace, again.diags = p.prior, p.replace, append(p.diags, again.diags...)
	return again
}

func (h *harness) planOnce(prior resource, config attrs) planned {
	h.t.Helper()
	p := planned{prior: prior, config: config}
	if config == nil {
		p.planned = h.none()
		resp := h.planRequest(prior, tftypes.NewValue(h.kind, nil), tftypes.NewValue(h.kind, nil))
		p.diags = resp.Diagnostics
		return p
	}
	wanted := h.value(h.kind, config)
	proposed := proposedObject(h.schema.ResourceSchemas["hypervvm"].Block.Attributes, prior.value, wanted)
	resp := h.planRequest(prior, wanted, proposed)
	p.diags = append(h.validate(config), resp.Diagnostics...)
	for _, at := range resp.RequiresReplace {
		p.replace = append(p.replace, attributeOf(at))
	}
	p.planned.private, p.planned.identity = resp.PlannedPrivate, resp.PlannedIdentity
	if resp.PlannedState != nil {
		p.planned.value = h.decode(resp.PlannedState)
		h.writeOnlyIsNull("the plan", p.planned.value)
	}
	return p
}

func (h *harness) planRequest(prior resource, config, proposed tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	h.t.Helper()
	resp, err := h.server.PlanResourceChange(h.ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: "hypervvm", PriorState: h.encode(prior.value), PriorPrivate: prior.private, PriorIdentity: prior.identity,
		ProposedNewState: h.encode(proposed), Config: h.encode(config),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return resp
}

// apply applies a plan. As in Terraform, the provider is configured again, and the change is planned again.
func (h *harness) apply(ctx context.Context, p planned) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	h.mustSucceed("configure", h.configure(h.config))
	return h.applyPlan(ctx, p)
}

func (h *harness) applyPlan(ctx context.Context, p planned) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	if len(p.replace) > 0 && !p.prior.value.IsNull() {
		left, diags := h.applyPlan(ctx, planned{prior: p.prior, planned: h.none()})
		if hasError(diags) {
			return left, diags
		}
		p.prior = h.none()
	}
	if p.config != nil {
		again := h.planOnce(p.prior, p.config)
		if hasError(again.diags) {
			return p.prior, again.diags
		}
		p = again
	}
	return h.applyOnce(ctx, p)
}

// applyOnce applies a plan without planning again.
func (h *harness) applyOnce(ctx context.Context, p planned) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	config := tftypes.NewValue(h.kind, nil)
	if p.config != nil {
		config = h.value(h.kind, p.config)
	}
	resp, err := h.server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: "hypervvm", PriorState: h.encode(p.prior.value), PlannedState: h.encode(p.planned.value),
		Config: h.encode(config), PlannedPrivate: p.planned.private, PlannedIdentity: p.planned.identity,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	created := resource{value: h.decode(resp.NewState), private: resp.Private, identity: resp.NewIdentity}
	h.writeOnlyIsNull("the state", created.value)
	return created, resp.Diagnostics
}

// mustApply plans and applies a configuration.
func (h *harness) mustApply(prior resource, config attrs) resource {
	h.t.Helper()
	p := h.plan(prior, config)
	h.mustSucceed("plan", p.diags)
	created, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	return created
}

func (h *harness) read(r resource) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	resp, err := h.server.ReadResource(h.ctx, &tfprotov6.ReadResourceRequest{
		TypeName: "hypervvm", CurrentState: h.encode(r.value), Private: r.private, CurrentIdentity: r.identity,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return resource{value: h.decode(resp.NewState), private: resp.Private, identity: resp.NewIdentity}, resp.Diagnostics
}

// mustRead refreshes a resource.
func (h *harness) mustRead(r resource) resource {
	h.t.Helper()
	read, diags := h.read(r)
	h.mustSucceed("read", diags)
	return read
}

// mustWarn requires a warning on an attribute that contains all of the texts.
func (h *harness) mustWarn(diags []*tfprotov6.Diagnostic, attribute string, texts ...string) {
	h.t.Helper()
	h.mustSucceed("warning", diags)
	for _, d := range diags {
		message := d.Summary + "\n" + d.Detail
		if attributeOf(d.Attribute) == attribute && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(message, text) }) {
			h.t.Logf("message:\n%s", message)
			return
		}
	}
	h.t.Errorf("no warning on attribute %q with %q among:\n%s", attribute, texts, render(diags))
}

// wantEmptyPlan requires that a plan changes nothing.
func (h *harness) wantEmptyPlan(prior resource, config attrs) {
	h.t.Helper()
	p := h.plan(prior, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 || !p.planned.value.Equal(prior.value) {
		diffs, _ := p.planned.value.Diff(prior.value)
		h.t.Errorf("the plan is not empty; replaced because of %v: %v", p.replace, diffs)
	}
}

// importID imports and refreshes a virtual machine.
func (h *harness) importID(id string) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	return h.importRequest(&tfprotov6.ImportResourceStateRequest{TypeName: "hypervvm", ID: id})
}

func (h *harness) importRequest(req *tfprotov6.ImportResourceStateRequest) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	resp, err := h.server.ImportResourceState(h.ctx, req)
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(resp.Diagnostics) {
		return h.none(), resp.Diagnostics
	}
	imported := resp.ImportedResources[0]
	return h.read(resource{value: h.decode(imported.State), private: imported.Private, identity: imported.Identity})
}

func (h *harness) mustUpgrade(version int64, state string) resource {
	h.t.Helper()
	upgraded, diags := h.upgrade(version, state)
	h.mustSucceed("upgrade", diags)
	return upgraded
}

func (h *harness) mustImport(id string) resource {
	h.t.Helper()
	imported, diags := h.importID(id)
	h.mustSucceed("import", diags)
	return imported
}

func (h *harness) mustSucceed(what string, diags []*tfprotov6.Diagnostic) {
	h.t.Helper()
	if hasError(diags) {
		h.t.Fatalf("%s: %s", what, render(diags))
	}
}

// mustFail requires an error on an attribute that contains all of the texts, and returns its message.
func (h *harness) mustFail(diags []*tfprotov6.Diagnostic, attribute string, texts ...string) string {
	h.t.Helper()
	all := render(diags)
	for _, d := range diags {
		if d.Severity != tfprotov6.DiagnosticSeverityError || attributeOf(d.Attribute) != attribute {
			continue
		}
		message := d.Summary + "\n" + d.Detail
		missing := false
		for _, text := range texts {
			missing = missing || !strings.Contains(message, text)
		}
		if !missing {
			h.t.Logf("message:\n%s", message)
			return message
		}
	}
	h.t.Errorf("no error on attribute %q with %q among:\n%s", attribute, texts, all)
	return all
}
