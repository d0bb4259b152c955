// SPDX-License-Identifier: MPL-2.0

package casefold_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
)

func TestKeysAreEqualForEqualNamesOnly(t *testing.T) {
	t.Parallel()
	names := []string{"", "hv01", "HV01", "Hv01", "hv02", "σ", "ς", "Σ", "k", "K", "\u212a", "ß", "ss", "i", "İ", "ı"}
	for _, a := range names {
		for _, b := range names {
			if got, want := casefold.Key(a) == casefold.Key(b), strings.EqualFold(a, b); got != want {
				t.Errorf("keys of %q and %q are equal: %t, want %t", a, b, got, want)
			}
		}
	}
}
