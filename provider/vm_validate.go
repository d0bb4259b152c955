// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// ValidateConfig validates the configuration against the schema: each value, and the rules between values. It contacts no
// host. Unknown values are accepted unless every possible value would be invalid.
func (r *vmResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if r.schema == nil {
		return
	}
	values, err := fieldValues(r.schema, req.Config.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the configuration", sentence(err))
		return
	}
	faults := append(writeOnlyConflicts(r.schema.Fields, req.Config.Raw), r.schema.ValidatePartial(values)...)
	addFaults(&resp.Diagnostics, reportOnSuppliedForm(faults, req.Config.Raw))
}
