// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// What an operation is given unless the resource's timeouts say otherwise.
const (
	createTimeout = 30 * time.Minute
	readTimeout   = 2 * time.Minute
	updateTimeout = 30 * time.Minute
	deleteTimeout = 15 * time.Minute
)

// observedName is the property of a virtual machine, as a host reports it, that means something to the provider itself.
// Which field of the schema stands for it is found by the field's `observed`.
const observedName = "name"

// vmResource is the resource `hypervvm`. Its operations are in the files create.go, read.go, update.go and delete.go,
// its checks in validate.go and plan.go.
type vmResource struct {
	schema    *jobschema.Schema
	schemaErr error
	conn      *connection
}

var (
	_ resource.ResourceWithConfigure      = (*vmResource)(nil)
	_ resource.ResourceWithValidateConfig = (*vmResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*vmResource)(nil)
	_ resource.ResourceWithImportState    = (*vmResource)(nil)
	_ resource.ResourceWithUpgradeState   = (*vmResource)(nil)
)

// Metadata names the resource.
func (r *vmResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName
}

// Schema makes the attributes of the job schema.
func (r *vmResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	if r.schemaErr != nil {
		resp.Diagnostics.AddError("Invalid job schema", sentence(r.schemaErr))
		return
	}
	resp.Schema = schema.Schema{
		Version:             int64(r.schema.Version),
		MarkdownDescription: "A virtual machine on a Hyper-V host. " + strings.TrimSpace(r.schema.Description),
		Attributes:          resourceAttributes(ctx, r.schema),
	}
}

// Configure takes what the provider's configuration has become. There is none while only a configuration is validated.
func (r *vmResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.conn, _ = req.ProviderData.(*connection)
}

// ready tells whether hosts can be asked.
func (r *vmResource) ready() bool { return r.conn != nil && r.conn.service != nil }

// notReady is the error of an operation that needs a host while the provider's settings are not known.
func (r *vmResource) notReady(diags *diag.Diagnostics, summary string) {
	diags.AddError(summary, "A setting of the provider is not known yet, so that no host can be asked. "+
		"It takes its value from something that has not been made: make that first, for example with -target.")
}

// observedField gives the field that stands for a property of a virtual machine.
func (r *vmResource) observedField(property string) (*jobschema.Field, bool) {
	for i := range r.schema.Fields {
		if r.schema.Fields[i].Observed == property {
			return &r.schema.Fields[i], true
		}
	}
	return nil, false
}

// about names a resource in messages: by the field that is the machine's name, else by its GUID.
func (r *vmResource) about(raw tftypes.Value) string {
	if f, ok := r.observedField(observedName); ok {
		if name := text(attribute(raw, f.ID)); name != "" {
			return name
		}
	}
	return text(attribute(raw, "id"))
}

// text gives the text of a value that is one and is known; else it is empty.
func text(v tftypes.Value) string {
	var s string
	if v.Type() == nil || !v.IsKnown() || v.IsNull() || v.As(&s) != nil {
		return ""
	}
	return s
}

// getter is a plan or a state.
type getter interface {
	GetAttribute(ctx context.Context, at path.Path, target any) diag.Diagnostics
}

// own reads the attributes that the provider itself added.
func own(ctx context.Context, from getter, diags *diag.Diagnostics) (id, host, jobID types.String) {
	diags.Append(from.GetAttribute(ctx, path.Root("id"), &id)...)
	diags.Append(from.GetAttribute(ctx, path.Root("host"), &host)...)
	diags.Append(from.GetAttribute(ctx, path.Root("job_id"), &jobID)...)
	return id, host, jobID
}

// summary is the first line of an error about a virtual machine.
func summary(action, name string) string {
	return strings.TrimSpace(fmt.Sprintf("Unable to %s virtual machine %s", action, name))
}
