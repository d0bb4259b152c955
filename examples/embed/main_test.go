// SPDX-License-Identifier: MPL-2.0

package main

import "testing"

func TestItRuns(t *testing.T) {
	t.Parallel()
	if err := run(t.Context()); err != nil {
		t.Error(err)
	}
}
