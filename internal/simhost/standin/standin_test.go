// SPDX-License-Identifier: MPL-2.0

package standin_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

func ExampleWriteModules() {
	dir, err := os.MkdirTemp("", "standin-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := standin.WriteModules(dir); err != nil {
		fmt.Println(err)
		return
	}
	modules, err := os.ReadDir(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, module := range modules {
		fmt.Println(module.Name())
	}
	// Output:
	// CimCmdlets
	// FailoverClusters
	// Hyper-V
	// NetAdapter
	// NetTCPIP
	// ScheduledTasks
	// WindowsHost
}

// TestManifestsExportTheCmdletsOfTheModules compares FunctionsToExport with the functions that a module defines, except helpers.
func TestManifestsExportTheCmdletsOfTheModules(t *testing.T) {
	t.Parallel()
	exports := regexp.MustCompile(`(?s)FunctionsToExport = @\((.*?)\)`)
	quoted := regexp.MustCompile(`'([\w-]+)'`)
	function := regexp.MustCompile(`(?m)^function ([\w-]+) \{`)
	helper := regexp.MustCompile(`-StandIn`)
	for _, module := range []string{"CimCmdlets", "FailoverClusters", "Hyper-V"} {
		manifest, err := os.ReadFile(filepath.Join(module, module+".psd1"))
		if err != nil {
			t.Fatal(err)
		}
		list := exports.FindSubmatch(manifest)
		if list == nil {
			t.Errorf("%s: the manifest has no FunctionsToExport", module)
			continue
		}
		var want, got []string
		for _, m := range quoted.FindAllSubmatch(list[1], -1) {
			want = append(want, string(m[1]))
		}
		scripts, err := filepath.Glob(filepath.Join(module, "*.ps*1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range scripts {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range function.FindAllSubmatch(text, -1) {
				if !helper.Match(m[1]) {
					got = append(got, string(m[1]))
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s exports %v, but defines %v", module, want, got)
		}
	}
}

func TestKillWorkersIgnoresAMissingList(t *testing.T) {
	t.Parallel()
	if err := standin.KillWorkers(filepath.Join(t.TempDir(), "workers")); err != nil {
		t.Error(err)
	}
}
