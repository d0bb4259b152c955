// SPDX-License-Identifier: MPL-2.0

// Package standin contains PowerShell modules that stand in for Hyper-V, FailoverClusters and CimCmdlets, so that the real agent
// can run without Hyper-V. README.md describes them.
package standin

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed Hyper-V FailoverClusters CimCmdlets NetAdapter NetTCPIP ScheduledTasks WindowsHost
var modules embed.FS

// StateVariable is the environment variable with the path of the simulated host's state file.
const StateVariable = "HYPERVVM_STANDIN_STATE"

// The environment variables of the stand-in for CimCmdlets: the PowerShell that it starts, and the file that it appends the ids
// of started processes to.
const (
	powerShellVariable = "HYPERVVM_STANDIN_POWERSHELL"
	workersVariable    = "HYPERVVM_STANDIN_WORKERS"
)

// WriteModules writes the modules to dir, one folder each. A PowerShell with dir in its PSModulePath finds them there. The
// folder is created when it does not exist; it must not contain the modules already.
func WriteModules(dir string) error {
	if err := os.CopyFS(dir, modules); err != nil {
		return fmt.Errorf("write the stand-in modules to %s: %w", dir, err)
	}
	return nil
}

// Environment returns the environment variables with which pwsh loads the modules in a folder and simulates the host of
// stateFile. The agent's data folder is created in data; the ids of the processes that it starts are appended to the file
// workers, which [KillWorkers] reads.
func Environment(pwsh, modules, stateFile, data, workers string) []string {
	return []string{
		"PSModulePath=" + modules + string(os.PathListSeparator) + filepath.Join(filepath.Dir(pwsh), "Modules"),
		StateVariable + "=" + stateFile, powerShellVariable + "=" + pwsh, workersVariable + "=" + workers,
		"ProgramData=" + data,
	}
}
