// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"fmt"
	"os"
	"testing"
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
