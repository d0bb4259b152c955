// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fake writes a script that prints the version of a product.
func fake(t *testing.T, path, product, version string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake commands are shell scripts")
	}
	script := "#!/bin/sh\necho '" + product + " v" + version + "'\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindReturnsTheFirstCommandInOrder(t *testing.T) {
	dir := t.TempDir()
	named := fake(t, filepath.Join(dir, "named", "mine"), "OpenTofu", "1.11.0")
	variable := fake(t, filepath.Join(dir, "variable", "yours"), "Terraform", "1.9.0")
	onPath := filepath.Dir(fake(t, filepath.Join(dir, "path", "terraform"), "Terraform", "1.11.4"))
	fake(t, filepath.Join(dir, "path", "tofu"), "OpenTofu", "1.12.0")
	tofuOnly := filepath.Dir(fake(t, filepath.Join(dir, "tofu-only", "tofu"), "OpenTofu", "1.12.1"))
	cache := filepath.Join(dir, "cache")
	fake(t, filepath.Join(cache, "bin", "tofu"), "OpenTofu", "1.12.6")
	empty := filepath.Join(dir, "empty")

	for _, c := range []struct {
		name, named, tf, path, cache, version string
		openTofu                              bool
	}{
		{"named command", named, variable, onPath, cache, "1.11.0", true},
		{"environment variable TF", "", variable, onPath, cache, "1.9.0", false},
		{"terraform before tofu on PATH", "", "", onPath, cache, "1.11.4", false},
		{"tofu on PATH before the cache", "", "", tofuOnly, cache, "1.12.1", true},
		{"cache last", "", "", empty, cache, "1.12.6", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TF", c.tf)
			t.Setenv("PATH", c.path)
			got, err := Find(t.Context(), c.named, c.cache)
			if err != nil {
				t.Fatal(err)
			}
			if got.Version != c.version || got.OpenTofu != c.openTofu {
				t.Errorf("got %v, want version %s, OpenTofu %t", got, c.version, c.openTofu)
			}
		})
	}
}

func TestFindReportsMissingCommands(t *testing.T) {
	t.Setenv("TF", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context(), "", t.TempDir()); !errors.Is(err, ErrNotFound) {
		t.Errorf("no command: got %v, want ErrNotFound", err)
	}
	t.Setenv("TF", "no-such-command")
	_, err := Find(t.Context(), "", t.TempDir())
	if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("invalid TF: got %v, want an error with the command", err)
	}
}

func TestFindRejectsOtherCommands(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	fake(t, other, "Something", "")
	if _, err := Find(t.Context(), other, ""); err == nil || !strings.Contains(err.Error(), "is not Terraform or OpenTofu") {
		t.Errorf("got %v, want an error", err)
	}
}

func TestAcceptanceEnvSetsTheRegistryOnlyForOpenTofu(t *testing.T) {
	t.Parallel()
	const host = "TF_ACC_PROVIDER_HOST=registry.opentofu.org"
	if env := (CLI{Path: "/bin/terraform"}).AcceptanceEnv(); slices.Contains(env, host) || !slices.Contains(env, "TF_ACC=1") {
		t.Errorf("Terraform: %v", env)
	}
	if env := (CLI{Path: "/bin/tofu", OpenTofu: true}).AcceptanceEnv(); !slices.Contains(env, host) {
		t.Errorf("OpenTofu: %v", env)
	}
}
