// SPDX-License-Identifier: MPL-2.0

package sample_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
)

func TestOneOfConsecutiveCasesRuns(t *testing.T) {
	t.Setenv("HYPERVVM_TEST_FULL", "")
	for first := range 20 {
		taken := 0
		for i := range 8 {
			if sample.Takes(first+i, 8) {
				taken++
			}
		}
		if taken != 1 {
			t.Errorf("%d of the cases %d to %d run, want 1", taken, first, first+7)
		}
	}
	t.Setenv("HYPERVVM_TEST_FULL", "1")
	if !sample.Takes(0, 8) || !sample.Takes(1, 8) {
		t.Error("a full run omits cases")
	}
}
