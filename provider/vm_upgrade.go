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

// UpgradeState returns an upgrader for each earlier version of the schema. The upgraders apply the schema's migrations.
func (r *vmResource) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	upgraders := map[int64]resource.StateUpgrader{}
	if r.schema == nil {
		return upgraders
	}
	for from := 1; from < r.schema.Version; from++ {
		upgraders[int64(from)] = resource.StateUpgrader{
			StateUpgrader: func(ctx context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
				state, name, err := r.upgrade(from, req.RawState, resp.State.Schema.Type().TerraformType(ctx))
				if err != nil {
					resp.Diagnostics.AddError(errorSummary("upgrade the state of", name), sentence(err)+
						" If the resource was created with another job schema than "+r.schema.ID+", set "+envSchemaFile+" to the file of that schema.")
					return
				}
				resp.State.Raw = state
			},
		}
	}
	return upgraders
}

// upgrade returns the state in the current version, and the display name of the virtual machine.
func (r *vmResource) upgrade(from int, raw *tfprotov6.RawState, kind tftypes.Type) (state tftypes.Value, name string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw.JSON))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return state, "", fmt.Errorf("decode the state: %w", err)
	}
	name, _ = values["id"].(string)
	if f, ok := r.observedField(observedName); ok {
		if s, ok := values[f.ID].(string); ok { // the field may have had another name
			name = s
		}
	}
	if values, err = r.schema.Migrate(from, values, writeOnlySuffix, writeOnlyVersionSuffix); err != nil {
		return state, name, err
	}
	state, err = toTerraform(kind, values)
	return state, name, err
}
