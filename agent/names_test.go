// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// https://github.com/PowerShell/PowerShell/issues/9541: to a cmdlet's -Path, brackets are a pattern.
func TestNamesThatTheDiskCmdletsCannotResolve(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f := newFixture(t)
	named := strings.NewReplacer("by-hand", "it's [web]", `"gb_ram"`, `"disk_size_gb": 3, "data_disks": [{"name": "data", "size_gb": 1}], "gb_ram"`).Replace(definition)
	output, code := f.runJob(named)
	f.wantOutput(output, code, 0, "virtual machine 'it's [web]' is running", "expanded to 3.0 GiB")
	if f.Failed() {
		return
	}
	vm := f.vms()[0]
	for _, drive := range vm.Drives {
		if strings.ContainsAny(filepath.Base(drive.Path), "'[]") {
			t.Errorf("a cmdlet cannot resolve the path of disk %s", drive.Path)
		}
	}
	// An older agent named disks after the virtual machine as it is.
	old := filepath.Join(filepath.Dir(vm.Drives[0].Path), "it's [web].vhdx")
	f.must(os.Rename(vm.Drives[0].Path, old))
	f.changeVM(func(vm *hyperv.VM) { vm.Drives[0].Path = old })
	update := strings.NewReplacer(`"provision"`, `"update"`, `"gb_ram"`, `"notes": "x", "gb_ram"`).Replace(named)
	output, code = f.runJob(update, "-VMId", vm.ID, "-Changed", "notes")
	f.wantOutput(output, code, 0)
	output, code = f.runJob(strings.Replace(named, `"provision"`, `"delete"`, 1), "-VMId", vm.ID)
	f.wantOutput(output, code, 0)
}

func TestFilesThatTheDiskCmdletsCannotResolveAreRefused(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	for name, test := range map[string]struct{ file, text, path string }{
		"an image to differ from":  {"web [1].vhdx", strings.NewReplacer("ubuntu-24.04", "web [1]", `"gb_ram"`, `"disk_type": "differencing", "gb_ram"`).Replace(definition), ""},
		"an image to expand":       {"it's.vhdx", strings.NewReplacer("ubuntu-24.04", "it's", `"gb_ram"`, `"disk_size_gb": 9, "gb_ram"`).Replace(definition), ""},
		"the folder of the result": {"", definition, "vms [lab]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if test.file != "" {
				state, err := f.store.Read()
				f.must(err)
				images := filepath.Join(state.Host.VirtualHardDiskPath, "Images")
				raw, err := os.ReadFile(filepath.Join(images, "ubuntu-24.04.vhdx"))
				f.must(err)
				f.must(os.WriteFile(filepath.Join(images, test.file), raw, 0o600))
			}
			var args []string
			if test.path != "" {
				args = []string{"-VMPath", "'" + filepath.Join(f.dir, test.path) + "'"}
			}
			output, code := f.runJob(test.text, args...)
			f.wantOutput(output, code, 1, "Hyper-V's cmdlets cannot use", "rename the file or the folder")
		})
	}
}

// https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation
func TestPathsThatAreTooLongForWindowsAreRefused(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newFixture(t)
	f.limits(map[string]string{"AgentPathLimit": "259"})
	output, code := f.runJob(definition, "-VMPath", filepath.Join(f.dir, strings.Repeat("v", 150)))
	f.wantOutput(output, code, 1, "Windows allows 259", "a shorter vm_path")
}

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file and https://www.unicode.org/reports/tr9/
func TestNamesOfDevicesAndHiddenNamesAreNoFileNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	refused := []string{
		"COM\u00b9", "lpt\u00b2.x", "Com\u00b3", "com1", "LPT9.txt", "CONIN$", "conout$", "conout$.log", "con .txt", "con", "nul  .a", "prn .a.b",
		"web\u202egpj.exe", "a\u202ab", "a\u2066b", "a\u2069b", "a\u200eb", "a\u200fb", "a\u061cb", "a ", " a", "a.", "a\x00b", "a/b", `a\b`, "a:b",
	}
	accepted := []string{"com\u2074", "conin", "conin$x", "con$", "console.txt", "COM10", "\u00b9", "\u05e9\u05e8\u05ea", "web-01", "a b", "com\u00b9x"}
	var script strings.Builder
	script.WriteString("Set-StrictMode -Version Latest\n. '%agent%'\n")
	for _, name := range append(slices.Clone(refused), accepted...) {
		fmt.Fprintf(&script, "[string](Test-FileName -Value ([System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String('%s'))))\n",
			base64.StdEncoding.EncodeToString([]byte(name)))
	}
	output, code := f.runScript(script.String())
	got := strings.Fields(output)
	if code != 0 || len(got) != len(refused)+len(accepted) {
		t.Fatalf("exit code %d: %s", code, output)
	}
	for i, name := range refused {
		if got[i] != "False" {
			t.Errorf("%q is taken for the name of a file", name)
		}
	}
	for i, name := range accepted {
		if got[len(refused)+i] != "True" {
			t.Errorf("%q is not taken for the name of a file", name)
		}
	}
}
