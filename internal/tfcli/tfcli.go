// SPDX-License-Identifier: MPL-2.0

// Package tfcli finds the Terraform or OpenTofu command that the demo and the tests run, and builds one where there is none.
package tfcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrNotFound says that this machine has neither Terraform nor OpenTofu.
var ErrNotFound = errors.New("neither terraform nor tofu was found (on PATH, in $TF, or in the project's cache)")

// CLI is a Terraform or OpenTofu command.
type CLI struct {
	// Path is the absolute path of the executable.
	Path string
	// OpenTofu tells OpenTofu from Terraform.
	OpenTofu bool
	// Version is the command's own, as "1.12.6".
	Version string
}

// String gives the product, its version and where it is.
func (c CLI) String() string {
	product := "Terraform"
	if c.OpenTofu {
		product = "OpenTofu"
	}
	return fmt.Sprintf("%s %s (%s)", product, c.Version, c.Path)
}

// AcceptanceEnv gives the variables that let terraform-plugin-testing use this command.
func (c CLI) AcceptanceEnv() []string {
	env := []string{"TF_ACC=1", "TF_ACC_TERRAFORM_PATH=" + c.Path}
	if c.OpenTofu {
		// Without these plugin-testing writes provider addresses that OpenTofu refuses as legacy ones.
		env = append(env, "TF_ACC_PROVIDER_HOST=registry.opentofu.org", "TF_ACC_PROVIDER_NAMESPACE=hashicorp")
	}
	return env
}

// Find looks for a command in this order: named (a path or a name on PATH; skipped when empty), the variable TF,
// terraform and tofu on PATH, and the one that [Build] put into cacheDir. What is named and cannot be run is an error;
// where nothing is found the error is [ErrNotFound].
func Find(ctx context.Context, named, cacheDir string) (CLI, error) {
	if named == "" {
		named = os.Getenv("TF")
	}
	if named != "" {
		return inspect(ctx, named)
	}
	for _, name := range []string{"terraform", "tofu"} {
		if _, err := exec.LookPath(name); err == nil {
			return inspect(ctx, name)
		}
	}
	if built := builtPath(cacheDir); executable(built) {
		return inspect(ctx, built)
	}
	return CLI{}, ErrNotFound
}

// inspect asks the command at path who it is.
func inspect(ctx context.Context, path string) (CLI, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return CLI{}, fmt.Errorf("find the command %s: %w", path, err)
	}
	if found, err = filepath.Abs(found); err != nil {
		return CLI{}, fmt.Errorf("find the command %s: %w", path, err)
	}
	version := exec.CommandContext(ctx, found, "version")
	// A configuration file that is named and missing makes the command print a warning before its version.
	version.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	out, err := version.Output()
	if err != nil {
		return CLI{}, fmt.Errorf("ask %s for its version: %w", found, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	product, number, _ := strings.Cut(strings.TrimSpace(first), " v")
	if number == "" || product != "Terraform" && product != "OpenTofu" {
		return CLI{}, fmt.Errorf("%s does not look like Terraform or OpenTofu: 'version' said %.80q", found, first)
	}
	return CLI{Path: found, OpenTofu: product == "OpenTofu", Version: number}, nil
}

func builtPath(cacheDir string) string {
	name := "tofu"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(cacheDir, "bin", name)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
