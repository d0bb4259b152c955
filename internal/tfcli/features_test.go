// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACommandHasTheFeaturesOfItsVersion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cli     CLI
		feature Feature
		want    bool
	}{
		{CLI{Version: "1.14.3"}, Actions, true},
		{CLI{Version: "1.13.5"}, Actions, false},
		{CLI{Version: "2.0.0-rc1"}, Actions, true},
		{CLI{Version: "1.12.6", OpenTofu: true}, Actions, false},
		{CLI{Version: "1.12.6", OpenTofu: true}, Identity, true},
		{CLI{Version: "1.8.0", OpenTofu: true}, Functions, true},
		{CLI{Version: "1.7.5"}, Functions, false},
		{CLI{Version: "other"}, Functions, false},
	} {
		if got := tt.cli.Has(tt.feature); got != tt.want {
			t.Errorf("%v has %s: %t", tt.cli, tt.feature.Name, got)
		}
	}
}

func TestFindAllReturnsTheListedCommands(t *testing.T) {
	dir := t.TempDir()
	a := fake(t, filepath.Join(dir, "a"), "Terraform", "1.5.7")
	b := fake(t, filepath.Join(dir, "b"), "OpenTofu", "1.8.11")
	t.Setenv("TF", a)
	for list, want := range map[string]int{"": 1, strings.Join([]string{a, b}, string(os.PathListSeparator)): 2} {
		t.Setenv(EnvCLIs, list)
		all, err := FindAll(t.Context(), dir)
		if err != nil || len(all) != want || all[0].Path != a {
			t.Errorf("got %v, %v, want %d", all, err, want)
		}
	}
	t.Setenv(EnvCLIs, filepath.Join(dir, "none"))
	if _, err := FindAll(t.Context(), dir); err == nil {
		t.Error("a command that does not exist is not reported")
	}
}
