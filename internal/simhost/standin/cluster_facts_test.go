// SPDX-License-Identifier: MPL-2.0

package standin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

// TestErrorsOfTheClusterAreAsTheFacts compares the errors of the stand-in for FailoverClusters with facts/cluster_errors.tsv. The agent's
// tests run with both variants of what is unknown.
func TestErrorsOfTheClusterAreAsTheFacts(t *testing.T) {
	t.Parallel()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH is not set to a PowerShell")
	}
	states := map[string]func(*hyperv.State){
		"service_stopped": func(s *hyperv.State) { s.Behaviour.Cluster.ServiceStopped = true },
		"not_a_node":      func(s *hyperv.State) { s.Host.Cluster = "" },
		"service_stopped, before Windows Server 2016": func(s *hyperv.State) {
			s.Behaviour.Cluster.ServiceStopped, s.Behaviour.Cluster.OldErrors = true, true
		},
		"access_denied": func(s *hyperv.State) { s.Behaviour.Cluster.AccessDenied = true },
		"role_missing":  func(s *hyperv.State) { s.Behaviour.Cluster.MissingVMFails = true },
	}
	calls := map[string]string{
		"Get-Cluster": "Get-Cluster", "Get-ClusterGroup": "Get-ClusterGroup -VMId '00000000-0000-4000-8000-0000000000ff'",
	}
	text, err := os.ReadFile(filepath.Join("facts", "cluster_errors.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := standin.WriteModules(dir); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	for _, row := range rows {
		fact := strings.Split(row, "\t")
		name, cmdlet, want := fact[0], fact[1], fact[2]+",Microsoft.FailoverClusters.PowerShell.|"+fact[3]
		if states[name] == nil {
			t.Errorf("case %q is not tested", name)
			continue
		}
		store, err := hyperv.Open(filepath.Join(t.TempDir(), "state.json"))
		if err != nil {
			t.Fatal(err)
		}
		err = store.Update(func(s *hyperv.State) error { s.Host.Cluster = "CL01"; states[name](s); return nil })
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(pwsh, "-NoProfile", "-NonInteractive", "-Command",
			"$ErrorActionPreference = 'Stop'; try { "+calls[cmdlet]+" } catch { [System.Console]::Out.Write(\"$($_.FullyQualifiedErrorId)|$($_.CategoryInfo.Category)\") }")
		cmd.Env = append(os.Environ(), standin.StateVariable+"="+store.Path(),
			"PSModulePath="+dir+string(os.PathListSeparator)+filepath.Join(filepath.Dir(pwsh), "Modules"))
		out, err := cmd.CombinedOutput()
		id, category, _ := strings.Cut(string(out), "|")
		class := id[strings.LastIndexByte(id, '.')+1:]
		if got := strings.TrimSuffix(id, class) + "|" + category; err != nil || got != want {
			t.Errorf("%s: error of %s is %q (%v), want %q", name, cmdlet, out, err, want)
		}
	}
}
