// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// roleVariable is the environment variable that makes the test program run one of the roles instead of the tests.
const roleVariable = "HYPERVVM_TEST_ROLE"

// roles are what the test program does in other processes.
var roles = map[string]func(settings string) error{
	"fleet":        func(settings string) error { return runFleet(settings, os.Stdin, os.Stdout) },
	"client":       func(string) error { return runClient() },
	"crashProcess": runCrashProcess,
}

func TestMain(m *testing.M) {
	if role, given := os.LookupEnv(roleVariable); given {
		if err := roles[role](os.Getenv(roleVariable + "_SETTINGS")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// processInRole returns a command that runs this program in a role. ctx ends it.
func processInRole(ctx context.Context, t *testing.T, role, settings string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, roleVariable+"_SETTINGS="+settings)
	cmd.Stderr = os.Stderr
	return cmd
}

// connectionInfo is the connection to a simulated host in a form that can be passed to another process, unlike a winrm.Config.
type connectionInfo struct {
	Address            string
	Port               int
	CACert             []byte
	Username, Password string
}

func newConnectionInfo(server *simhost.Server) connectionInfo {
	return connectionInfo{server.Address(), server.Port(), server.CACertPEM(), server.Username(), server.Password()}
}

func (r connectionInfo) config() winrm.Config {
	return winrm.Config{
		Address: r.Address, Port: r.Port, TLS: true, CACert: r.CACert, Username: r.Username, Password: r.Password,
	}
}
