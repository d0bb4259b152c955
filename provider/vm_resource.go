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

// Default time limits of the operations. The `timeouts` attribute overrides them.
const (
	createTimeout = 30 * time.Minute
	readTimeout   = 5 * time.Minute
	updateTimeout = 30 * time.Minute
	deleteTimeout = 15 * time.Minute
)

// observedName is the inventory property that holds the name of a virtual machine. The schema field whose `observed` is
// this property supplies the name in messages and in name reservations.
const observedName = "name"

// vmResource implements the resource `hypervvm`. Each operation is in a file of its name: vm_create.go, vm_read.go,
// vm_update.go, vm_delete.go, vm_validate.go, vm_plan.go, vm_import.go, vm_move.go and vm_upgrade.go.
type vmResource struct {
	schema    *jobschema.Schema
	schemaErr error
	agents    *agentSchema
	conn      *connection
}

var (
	_ resource.ResourceWithConfigure      = (*vmResource)(nil)
	_ resource.ResourceWithValidateConfig = (*vmResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*vmResource)(nil)
	_ resource.ResourceWithImportState    = (*vmResource)(nil)
	_ resource.ResourceWithUpgradeState   = (*vmResource)(nil)
	_ resource.ResourceWithMoveState      = (*vmResource)(nil)
	_ resource.ResourceWithIdentity       = (*vmResource)(nil)
)

// Metadata sets the type name of the resource.
func (*vmResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName
}

// Schema builds the attributes from the job schema.
func (r *vmResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	if r.schemaErr != nil {
		resp.Diagnostics.AddError(invalidSchema, sentence(r.schemaErr))
		return
	}
	resp.Schema = schema.Schema{
		Version:             int64(r.schema.Version),
		MarkdownDescription: "A virtual machine on a Hyper-V host. " + strings.TrimSpace(r.schema.Description),
		Attributes:          vmAttributes(ctx, r.schema),
	}
}

// Configure receives the connection that [Provider.Configure] made. Terraform passes none while it only validates.
func (r *vmResource) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.conn, _ = req.ProviderData.(*connection)
}

// ready reports whether hosts can be queried.
func (r *vmResource) ready() bool { return r.conn != nil && r.conn.service != nil }

// addNotReady reports that an operation needs a host while the provider's settings are unknown.
func addNotReady(diags *diag.Diagnostics, summary string) {
	diags.AddError(summary, "The provider configuration contains a value that is not known yet, so no host can be queried. "+
		"The value comes from something that does not exist yet: create that first, for example with -target.")
}

// observedField returns the field that shows an inventory property.
func (r *vmResource) observedField(property string) (*jobschema.Field, bool) {
	for i := range r.schema.Fields {
		if r.schema.Fields[i].Observed == property {
			return &r.schema.Fields[i], true
		}
	}
	return nil, false
}

// displayName returns the name of a virtual machine for messages: its name, if known, or else its GUID.
func (r *vmResource) displayName(raw tftypes.Value) string {
	if f, ok := r.observedField(observedName); ok {
		if name := stringOf(attribute(raw, f.ID)); name != "" {
			return name
		}
	}
	return stringOf(attribute(raw, "id"))
}

// attributeGetter is a plan or a state.
type attributeGetter interface {
	GetAttribute(ctx context.Context, at path.Path, target any) diag.Diagnostics
}

// identity holds the attributes that identify a virtual machine and the job that created it.
type identity struct{ id, host, jobID types.String }

func readIdentity(ctx context.Context, from attributeGetter, diags *diag.Diagnostics) (v identity) {
	diags.Append(from.GetAttribute(ctx, path.Root("id"), &v.id)...)
	diags.Append(from.GetAttribute(ctx, path.Root("host"), &v.host)...)
	diags.Append(from.GetAttribute(ctx, path.Root("job_id"), &v.jobID)...)
	return v
}

// errorSummary returns the summary of an error about a virtual machine: "Unable to create virtual machine web-01".
func errorSummary(action, name string) string {
	return strings.TrimSpace(fmt.Sprintf("Unable to %s virtual machine %s", action, name))
}
