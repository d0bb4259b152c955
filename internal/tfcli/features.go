// SPDX-License-Identifier: MPL-2.0

package tfcli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// EnvCLIs is the environment variable that lists the commands to test with, separated as in PATH.
const EnvCLIs = "HYPERVVM_TEST_CLIS"

// Feature is a feature of Terraform that not all versions have.
type Feature struct {
	Name      string
	Terraform string // first version, for example "1.14"
	OpenTofu  string // first version; empty: none yet
	Shown     string // what "providers schema -json" shows of it in a version that has it; empty: nothing
}

// The features that the provider uses.
var (
	Functions     = Feature{"provider functions", "1.8", "1.8", `"functions":{`}
	Moves         = Feature{"moved blocks between resource types", "1.8", "1.12", ""} // OpenTofu 1.12.4
	WriteOnly     = Feature{"write-only attributes", "1.11", "1.11", `"write_only":true`}
	Identity      = Feature{"resource identity", "1.12", "1.12", `"resource_identity_schemas":{`}
	ListResources = Feature{"list resources", "1.14", "", `"list_resource_schemas":{`}
	Actions       = Feature{"actions", "1.14", "", `"action_schemas":{`}
)

// Has reports whether the command has a feature.
func (c CLI) Has(f Feature) bool {
	since := f.Terraform
	if c.OpenTofu {
		since = f.OpenTofu
	}
	return since != "" && compareVersions(c.Version, since) >= 0
}

// compareVersions compares the major and minor numbers of two versions.
func compareVersions(a, b string) int {
	var x, y [2]int
	// What is not a version is version 0.0, which has no feature.
	_, _ = fmt.Sscanf(a, "%d.%d", &x[0], &x[1])
	_, _ = fmt.Sscanf(b, "%d.%d", &y[0], &y[1])
	if x[0] != y[0] {
		return x[0] - y[0]
	}
	return x[1] - y[1]
}

// FindAll returns the commands that [EnvCLIs] lists, or else the one that [Find] returns.
func FindAll(ctx context.Context, cacheDir string) (all []CLI, err error) {
	list := filepath.SplitList(os.Getenv(EnvCLIs))
	if len(list) == 0 {
		list = []string{""}
	}
	for _, path := range list {
		found, err := Find(ctx, path, cacheDir)
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}
