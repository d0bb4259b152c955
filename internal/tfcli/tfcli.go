// SPDX-License-Identifier: MPL-2.0

// Package tfcli finds the Terraform or OpenTofu command for the demo and the tests, and builds OpenTofu if there is none.
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

// ErrNotFound reports that neither Terraform nor OpenTofu is installed.
var ErrNotFound = errors.New("terraform or tofu not found on PATH, in $TF, or in the cache of the project")

// CLI is a Terraform or OpenTofu command.
type CLI struct {
	// Path is the absolute path of the executable.
	Path string
	// OpenTofu reports whether the command is OpenTofu, not Terraform.
	OpenTofu bool
	// Version is the version of the command, for example "1.12.6".
	Version string
}

// String returns the product, its version and its path.
func (c CLI) String() string {
	product := "Terraform"
	if c.OpenTofu {
		product = "OpenTofu"
	}
	return fmt.Sprintf("%s %s (%s)", product, c.Version, c.Path)
}

// AcceptanceEnv returns the environment variables that make terraform-plugin-testing use the command.
func (c CLI) AcceptanceEnv() []string {
	env := []string{"TF_ACC=1", "TF_ACC_TERRAFORM_PATH=" + c.Path}
	if c.OpenTofu {
		// Without these, terraform-plugin-testing writes provider addresses that OpenTofu rejects as legacy addresses.
		env = append(env, "TF_ACC_PROVIDER_HOST=registry.opentofu.org", "TF_ACC_PROVIDER_NAMESPACE=hashicorp")
	}
	return env
}

// Find returns the first command of: named (a path or a name on PATH; skipped if empty), the environment variable TF,
// terraform and tofu on PATH, and the result of [Build] in cacheDir. It returns an error if named or TF cannot be run, and
// [ErrNotFound] if there is no command.
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

// inspect determines the product and the version of a command.
func inspect(ctx context.Context, path string) (CLI, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return CLI{}, fmt.Errorf("find command %s: %w", path, err)
	}
	if found, err = filepath.Abs(found); err != nil {
		return CLI{}, fmt.Errorf("find command %s: %w", path, err)
	}
	version := exec.CommandContext(ctx, found, "version")
	// If the configuration file is missing, the command prints a warning before its version.
	version.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+os.DevNull, "CHECKPOINT_DISABLE=1")
	out, err := version.Output()
	if err != nil {
		return CLI{}, fmt.Errorf("run %s version: %w", found, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	product, number, _ := strings.Cut(strings.TrimSpace(first), " v")
	if number == "" || product != "Terraform" && product != "OpenTofu" {
		return CLI{}, fmt.Errorf("%s is not Terraform or OpenTofu: the output of version is %.80q", found, first)
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
