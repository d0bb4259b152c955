// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// ValidateConfig holds the configuration to the schema: each value, and what belongs together. It needs no host. Values
// that are not known yet are judged when they are.
func (r *vmResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if r.schema == nil {
		return
	}
	values, err := fieldValues(r.schema, req.Config.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the configuration", sentence(err))
		return
	}
	faults := append(twinFaults(r.schema.Fields, req.Config.Raw), r.schema.ValidatePartial(values)...)
	addFaults(&resp.Diagnostics, asGiven(faults, req.Config.Raw))
}
