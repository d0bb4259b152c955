// SPDX-License-Identifier: MPL-2.0

// Package standin holds stand-ins for the PowerShell modules Hyper-V, FailoverClusters and CimCmdlets, so that the agent can run where
// there is no Hyper-V.
package standin

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed Hyper-V FailoverClusters CimCmdlets
var modules embed.FS

// StateVariable names the environment variable that tells the stand-ins which state file is their host.
const StateVariable = "HYPERVVM_STANDIN_STATE"

// WriteStandIn puts the stand-ins into dir, each a module folder, so that a PowerShell with dir in its PSModulePath
// finds them. dir is made when it is not there.
func WriteStandIn(dir string) error {
	err := fs.WalkDir(modules, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := modules.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		return fmt.Errorf("write the stand-in for Hyper-V to %s: %w", dir, err)
	}
	return nil
}
