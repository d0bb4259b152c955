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

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// findCLI finds the command to run, and builds OpenTofu where there is none.
func findCLI(ctx context.Context, p *printer, named, cache string) (tfcli.CLI, error) {
	cli, err := tfcli.Find(ctx, named, cache)
	if !errors.Is(err, tfcli.ErrNotFound) {
		return cli, err
	}
	p.heading("OpenTofu")
	p.line("%v.", err)
	p.line("Building OpenTofu %s with Go, once: it takes some minutes, and stays in %s.", tfcli.OpenTofuVersion, cache)
	return tfcli.Build(ctx, cache, p)
}

// schemaFile is the job schema that an example may have.
const schemaFile = "job-inputs.yaml"

// prepare builds the provider and makes a work folder with a copy of the example, the settings for it, and a CLI
// configuration that takes the provider from where it was built.
func prepare(ctx context.Context, root, example string, pace bool) (*demo, error) {
	cache := filepath.Join(root, ".cache")
	plugins := filepath.Join(cache, "demo", "bin")
	if err := os.MkdirAll(plugins, 0o750); err != nil {
		return nil, err
	}
	binary := filepath.Join(plugins, "terraform-provider-hypervvm")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the provider: %w\n%s", err, out)
	}

	dir, err := os.MkdirTemp(filepath.Join(cache, "demo"), "run-")
	if err != nil {
		return nil, err
	}
	d := &demo{
		dir:       dir,
		work:      filepath.Join(dir, filepath.Base(example)),
		cliConfig: filepath.Join(dir, "cli.tfrc"),
		logs:      filepath.Join(dir, "job-logs"),
	}
	if err := d.fill(filepath.Join(root, "examples", example), plugins, pace); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

func (d *demo) fill(example, plugins string, pace bool) error {
	if err := os.CopyFS(d.work, os.DirFS(example)); err != nil {
		return fmt.Errorf("copy the example: %w", err)
	}
	_, err := os.Stat(filepath.Join(d.work, schemaFile))
	d.ownSchema = err == nil
	if d.host, err = newHost(filepath.Join(d.dir, "host.json"), pace); err != nil {
		return err
	}
	variables, err := json.Marshal(map[string]string{"state_file": d.host.Path(), "job_log_dir": d.logs})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.work, "demo.auto.tfvars.json"), variables, 0o600); err != nil {
		return err
	}
	// With dev_overrides no `init` is needed, which would ask a registry. HCL's quoting is JSON's, but for templates.
	quoted, err := json.Marshal(filepath.ToSlash(plugins))
	if err != nil {
		return err
	}
	config := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"hypervvm/hypervvm\" = %s\n  }\n  direct {}\n}\n", quoted)
	return os.WriteFile(d.cliConfig, []byte(config), 0o600)
}
