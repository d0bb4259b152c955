// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"slices"
	"strings"
	"testing"
)

func TestEnvironOmitsUserSettings(t *testing.T) {
	for _, name := range []string{"HYPERVVM_HOST", "HYPERVVM_PASSWORD", "TF_CLI_ARGS_plan", "TF_VAR_name", "TF_WORKSPACE"} {
		t.Setenv(name, "of-the-user")
	}
	t.Setenv("TF_CLI_CONFIG_FILE", "of-the-user")
	t.Setenv("TF_LOG", "DEBUG")
	env := Environ("given")
	for _, pair := range env {
		if strings.HasSuffix(pair, "of-the-user") {
			t.Errorf("%s is not removed", pair)
		}
	}
	for _, want := range []string{"TF_CLI_CONFIG_FILE=given", "TF_LOG=DEBUG"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
}
