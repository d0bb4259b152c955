// SPDX-License-Identifier: MPL-2.0

package standin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The environment variables that tell the stand-in for CimCmdlets which PowerShell it starts, and in which file it lists
// what it has started.
const (
	PowerShellVariable = "HYPERVVM_STANDIN_POWERSHELL"
	WorkersVariable    = "HYPERVVM_STANDIN_WORKERS"
)

// Environment gives the variables with which pwsh finds the stand-ins in the folder modules, over the host of stateFile.
// The agent's data folder is below data; the processes that it starts are listed in the file workers, for [KillWorkers].
func Environment(pwsh, modules, stateFile, data, workers string) []string {
	return []string{
		"PSModulePath=" + modules + string(os.PathListSeparator) + filepath.Join(filepath.Dir(pwsh), "Modules"),
		StateVariable + "=" + stateFile, PowerShellVariable + "=" + pwsh, WorkersVariable + "=" + workers,
		"ProgramData=" + data,
	}
}

// KillWorkers ends the processes in a list, as a restart of the host would, and returns when they are gone. A list that
// is not there is empty.
func KillWorkers(list string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	var errs []error
	for _, word := range strings.Fields(string(text)) {
		if id, err := strconv.Atoi(word); err == nil && id > 1 {
			errs = append(errs, KillWorker(id))
		}
	}
	return errors.Join(errs...)
}
