// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// fileIdentitySchema returns the schema of the identity of a file on a host, which an attribute names.
func fileIdentitySchema(attribute, description string) identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"host":    identityschema.StringAttribute{OptionalForImport: true, Description: "Name of the host in the provider configuration. Defaults to the only host."},
		attribute: identityschema.StringAttribute{RequiredForImport: true, Description: description},
	}}
}

// fileID returns the id of a file on a host.
func fileID(host, file string) string { return host + "/" + file }

// splitFileID returns the host and the file of an id, such as hv01/debian-13.vhdx.
func splitFileID(id string) (host, file string) {
	host, file, _ = strings.Cut(id, "/")
	return host, file
}

// importedFile returns the host and the file of an import by id or by identity. It reports false if the file, or the host of an id, is missing.
func importedFile(ctx context.Context, req resource.ImportStateRequest, attribute string, diags *diag.Diagnostics) (host, file string, ok bool) {
	if req.ID != "" || req.Identity == nil || req.Identity.Raw.IsFullyNull() {
		host, file = splitFileID(req.ID)
		return host, file, host != "" && file != ""
	}
	var h, f types.String
	diags.Append(req.Identity.GetAttribute(ctx, path.Root("host"), &h)...)
	diags.Append(req.Identity.GetAttribute(ctx, path.Root(attribute), &f)...)
	return h.ValueString(), f.ValueString(), f.ValueString() != ""
}
