// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"os"
	"strings"
)

// Environ returns the environment for a run that must not depend on the user: without the user's settings of the provider and
// the CLI (hosts, passwords, workspaces, arguments) and without the version check, and with configFile as the configuration
// file of the CLI (os.DevNull for none).
func Environ(configFile string) []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !isUserSetting(name) {
			env = append(env, pair)
		}
	}
	return append(env, "TF_CLI_CONFIG_FILE="+configFile, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
}

func isUserSetting(name string) bool {
	name = strings.ToUpper(name) // names are not case-sensitive on Windows
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
