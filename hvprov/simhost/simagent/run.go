// SPDX-License-Identifier: MPL-2.0

// Package simagent answers the session of the agent in Go, over the state of a simulated host, as the agent itself would.
package simagent

import (
	"context"
	"io"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
)

// Run serves one session: it reads the agent's text and then requests from stdin until its end, lets running jobs
// finish, and gives the exit code that powershell.exe would. The end of ctx is the end of the process: jobs stop where
// they are, and undo nothing.
func Run(ctx context.Context, bootstrap protocol.BootstrapInfo, stateFile string, stdin io.Reader, stdout, stderr io.Writer) int {
	return 1
}
