// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// UpgradeState takes a state of any earlier version of the job schema to this one, as the schema's migrations say.
func (r *vmResource) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	upgraders := map[int64]resource.StateUpgrader{}
	if r.schema == nil {
		return upgraders
	}
	for from := 1; from < r.schema.Version; from++ {
		upgraders[int64(from)] = resource.StateUpgrader{
			StateUpgrader: func(ctx context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
				state, err := r.upgrade(from, req.RawState, resp.State.Schema.Type().TerraformType(ctx))
				if err != nil {
					resp.Diagnostics.AddError("Unable to upgrade the state of a virtual machine", sentence(err))
					return
				}
				resp.State.Raw = state
			},
		}
	}
	return upgraders
}

func (r *vmResource) upgrade(from int, raw *tfprotov6.RawState, kind tftypes.Type) (tftypes.Value, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw.JSON))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return tftypes.Value{}, fmt.Errorf("the state cannot be read: %w", err)
	}
	values, err := r.schema.Migrate(from, values)
	if err != nil {
		return tftypes.Value{}, err
	}
	return toTerraform(kind, values)
}
