// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// ValidateConfig holds the configuration to the schema: each value, and what belongs together. It needs no host. Values
// that are not known yet are judged when they are.
func (r *vmResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if r.schema == nil {
		return
	}
	values, unknown, err := fieldValues(r.schema, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the configuration", sentence(err))
		return
	}
	for id := range unknown {
		values[id] = jobschema.Unknown
	}
	addFaults(&resp.Diagnostics, r.schema.ValidatePartial(values))
}
