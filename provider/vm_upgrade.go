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
				state, name, err := r.upgrade(from, req.RawState, resp.State.Schema.Type().TerraformType(ctx))
				if err != nil {
					resp.Diagnostics.AddError(summary("upgrade the state of", name), sentence(err)+
						" If it was made with another job schema than "+r.schema.ID+", set the variable "+envSchemaFile+" to the file of that.")
					return
				}
				resp.State.Raw = state
			},
		}
	}
	return upgraders
}

// upgrade gives a state of this version, and what the virtual machine is called.
func (r *vmResource) upgrade(from int, raw *tfprotov6.RawState, kind tftypes.Type) (state tftypes.Value, name string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw.JSON))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return state, "", fmt.Errorf("the state cannot be read: %w", err)
	}
	name = r.nameIn(values)
	if values, err = r.schema.Migrate(from, values, writeOnlySuffix, writeOnlyVersionSuffix); err != nil {
		return state, name, err
	}
	state, err = toTerraform(kind, values)
	return state, name, err
}

// nameIn gives the virtual machine's name where an earlier version kept it in the field that it is in now, else its GUID.
func (r *vmResource) nameIn(values map[string]any) string {
	if f, ok := r.observedField(observedName); ok {
		if name, ok := values[f.ID].(string); ok {
			return name
		}
	}
	id, _ := values["id"].(string)
	return id
}
