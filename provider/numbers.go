// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"math/big"
	"strconv"
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

// inGiB converts bytes.
func inGiB(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// numberOf returns the default of a field as a number of Terraform. It reports false if there is none.
func numberOf(v any) (*big.Float, bool) {
	switch n := v.(type) {
	case int64:
		return new(big.Float).SetInt64(n), true
	case float64:
		return decimal(n), true
	}
	return nil, false
}
