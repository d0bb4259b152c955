// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"os"
	"strings"
)

// Environ gives this process's environment for a run that must mean the same on every machine: without what the
// user has set up for this provider or for the CLI (hosts, passwords, workspaces, extra arguments), with configFile
// as the CLI's configuration (os.DevNull: none), and without the CLI's question for newer versions.
func Environ(configFile string) []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !ofTheUser(name) {
			env = append(env, pair)
		}
	}
	return append(env, "TF_CLI_CONFIG_FILE="+configFile, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
}

func ofTheUser(name string) bool {
	name = strings.ToUpper(name) // Windows knows no case here
	for _, prefix := range []string{"HYPERVVM_", "TF_CLI_", "TF_VAR_", "TF_ACC"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "TF_DATA_DIR", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS", "TF_INPUT":
		return true
	}
	return false
}
