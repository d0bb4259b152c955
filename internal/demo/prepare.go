// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// schemaFile is the job schema that an example may contain.
const schemaFile = "job-inputs.yaml"

// overrides replaces the simulator of the example, which runs in the provider, with the host that the environment names: the
// demo runs that host itself, to count its processes and requests.
const overrides = "provider \"hypervvm\" {\n  simulator = null\n}\n"

func (d *demo) plugins() string { return filepath.Join(d.root, ".cache", "demo", "plugins") }

// prepare builds the provider, copies the example to a work folder and starts the simulated host.
func (d *demo) prepare(ctx context.Context, cache string) error {
	if err := d.build(ctx); err != nil {
		return err
	}
	var err error
	if d.dir, err = os.MkdirTemp(filepath.Join(cache, "demo"), "run-"); err != nil {
		return err
	}
	d.work, d.logs = filepath.Join(d.dir, filepath.Base(d.example)), filepath.Join(d.dir, "job-logs")
	if err = d.writeConfiguration(); err == nil {
		d.host, err = d.startHost()
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(d.dir))
	}
	d.env = append(tfcli.Environ(os.DevNull),
		"HYPERVVM_HOST="+d.host.Address(), "HYPERVVM_PORT="+strconv.Itoa(d.host.Port()), "HYPERVVM_CA_CERT="+string(d.host.CACertPEM()),
		"HYPERVVM_USERNAME="+d.host.Username(), "HYPERVVM_PASSWORD="+d.host.Password())
	if schema := filepath.Join(d.work, schemaFile); fileExists(schema) {
		d.env = append(d.env, "HYPERVVM_SCHEMA_FILE="+schema)
	}
	agent := "the fake agent answers"
	if d.pwsh != "" {
		agent = "the real agent runs in " + d.pwsh
	}
	d.summary = []string{"command    " + d.cli.String(), "host       simulated; " + agent}
	d.printf("provider built; %s; the host is simulated, %s", d.cli, agent)
	return nil
}

// build builds the provider into folders that `init -plugin-dir` accepts, for Terraform and for OpenTofu.
func (d *demo) build(ctx context.Context) error {
	const version = "0.0.1"
	for _, registry := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		binary := filepath.Join(d.plugins(), registry, "hypervvm", "hypervvm", version, runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-hypervvm_v"+version)
		if runtime.GOOS == "windows" {
			binary += ".exe"
		}
		build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
		build.Dir = d.root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the provider: %w\n%s", err, out)
		}
	}
	return nil
}

func (d *demo) writeConfiguration() error {
	if err := os.CopyFS(d.work, os.DirFS(filepath.Join(d.root, "examples", d.example))); err != nil {
		return fmt.Errorf("copy the example: %w", err)
	}
	variables, err := json.Marshal(map[string]string{"job_log_dir": d.logs})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.work, "demo.auto.tfvars.json"), variables, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.work, "demo_override.tf"), []byte(overrides), 0o600)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
