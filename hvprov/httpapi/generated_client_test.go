// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// testdata/client pins the generator. What it generates is not kept.
func TestAClientGeneratedFromTheOpenAPIDocumentDrivesTheService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		text, err := os.ReadFile(filepath.Join("testdata", "client", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		return cmd.CombinedOutput()
	}
	if out, err := run("go", "mod", "download"); err != nil && os.Getenv("CI") == "" {
		t.Skipf("the generator cannot be downloaded: %v: %s", err, out)
	}
	a := newAPI(t, nil)
	served := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/openapi.json", nil)
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), served.body, 0o600); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(dir, "gate")
	a.updateHost(func(s *hyperv.State) { s.Behaviour.Calls = map[string]hyperv.Call{"Add-VMHardDiskDrive": {Hold: gate}} })
	for _, command := range [][]string{
		{"go", "tool", "oapi-codegen", "-generate", "types,client,skip-prune", "-package", "main", "-o", "client.gen.go", "openapi.json"},
		{"go", "build", "-o", "driver.exe", "."},
		{filepath.Join(dir, "driver.exe"), a.server.URL, "none", gate},
	} {
		if out, err := run(command[0], command[1:]...); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
}
