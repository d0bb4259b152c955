// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// vmIdentity is the identity of a virtual machine in Terraform 1.12 and later.
//
// Terraform compares identities as a whole, and the framework refuses a change of one in a refresh or an update. A virtual machine may move
// and a host may be renamed, so that the host of an identity is the one that Terraform first knew, and stays the same until the virtual
// machine is replaced. An import by such an identity still finds it, by its GUID.
type vmIdentity struct {
	Host types.String `tfsdk:"host"`
	ID   types.String `tfsdk:"id"`
}

// IdentitySchema returns the attributes of the identity.
func (*vmResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"host": identityschema.StringAttribute{
			OptionalForImport: true,
			Description: "Name of the host in the provider configuration on which Terraform first knew the virtual machine. It does not change when the virtual machine " +
				"moves. An import without it searches all hosts.",
		},
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "GUID of the virtual machine."},
	}}
}

// saveIdentity sets the identity of an object that has none yet.
func saveIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, value any) diag.Diagnostics {
	if identity == nil || !identity.Raw.IsFullyNull() {
		return nil
	}
	return identity.Set(ctx, value)
}
