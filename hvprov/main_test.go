// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// roleVariable has the test's program do something else, in a process of its own, and what follows the colon says how.
const roleVariable = "HYPERVVM_TEST_ROLE"

// roles are what it can do instead.
var roles = map[string]func(settings string) error{
	"fleet":  func(settings string) error { return serveFleet(settings, os.Stdin, os.Stdout) },
	"client": func(string) error { return beClient() },
	"victim": runVictim,
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

// inRole gives this program as another process that has a role. ctx ends it.
func inRole(ctx context.Context, t *testing.T, role, settings string) *exec.Cmd {
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

// reached is how a simulated host is reached, in a form that another process can be given: a winrm.Config has none.
type reached struct {
	Address            string
	Port               int
	CACert             []byte
	Username, Password string
}

func reach(server *simhost.Server) reached {
	return reached{server.Address(), server.Port(), server.CACertPEM(), server.Username(), server.Password()}
}

func (r reached) config() winrm.Config {
	return winrm.Config{
		Address: r.Address, Port: r.Port, TLS: true, CACert: r.CACert, Username: r.Username, Password: r.Password,
	}
}
