// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"math/big"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/defaults"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// decimal returns the shortest decimal number that is nearest to x, in the precision of Terraform's numbers. Terraform
// keeps numbers as decimals, where 0.1 differs from the float64 nearest to it.
func decimal(x float64) *big.Float {
	n, _, err := big.ParseFloat(strconv.FormatFloat(x, 'g', -1, 64), 10, 512, big.ToNearestEven)
	if err != nil { // NaN
		return big.NewFloat(0)
	}
	return n
}

// numberDefault is the default of a number. The framework's float64default plans the nearest float64, which differs from
// the decimal number that Terraform reads back from its state.
type numberDefault float64

var _ defaults.Float64 = numberDefault(0)

// Description describes the default.
func (d numberDefault) Description(context.Context) string {
	return "Defaults to " + decimal(float64(d)).Text('f', -1) + "."
}

// MarkdownDescription describes the default.
func (d numberDefault) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

// DefaultFloat64 implements [defaults.Float64].
func (d numberDefault) DefaultFloat64(ctx context.Context, req defaults.Float64Request, resp *defaults.Float64Response) {
	v, err := types.Float64Type.ValueFromTerraform(ctx, tftypes.NewValue(tftypes.Number, decimal(float64(d))))
	if err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid default", sentence(err))
		return
	}
	resp.PlanValue, _ = v.(types.Float64)
}
