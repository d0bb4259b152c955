// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// Process is a process on the host with its streams.
type Process interface {
	// Send writes data to the process's standard input.
	Send(ctx context.Context, data []byte, end bool) error
	// Receive waits for output. Nothing within a poll's time is an empty output and no error.
	Receive(ctx context.Context) (winrm.Output, error)
	// Close ends the process and frees what it held on the host.
	Close(ctx context.Context) error
}

// Connect starts a process on a host. The process calls lost, from within Receive, when output may have been lost with an
// answer that did not arrive, and Receive goes on.
type Connect func(ctx context.Context, commandLine string, lost func()) (Process, error)

// shellIdle is after how long without a request a host ends a shell that was left behind, and with it the process. It
// is far beyond the longest silence of a client that is alive, which polls every OperationTimeout while it waits.
const shellIdle = 15 * time.Minute

// WinRM gives a [Connect] that starts each process in a shell of its own.
func WinRM(client *winrm.Client) Connect {
	return func(ctx context.Context, commandLine string, lost func()) (Process, error) {
		shell, err := client.CreateShell(ctx, winrm.ShellOptions{IdleTimeout: shellIdle})
		if err != nil {
			return nil, err
		}
		command, err := shell.Start(ctx, commandLine)
		if err != nil {
			// The shell counts against the user's quota until it is deleted, whatever became of ctx.
			bg, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
			defer cancel()
			return nil, errors.Join(err, shell.Delete(bg))
		}
		command.OnLost = lost
		return &winrmProcess{Command: command, shell: shell}, nil
	}
}

type winrmProcess struct {
	*winrm.Command
	shell *winrm.Shell
}

// Close terminates before it deletes: MS-WSMV 3.1.4.14 asks for a final signal to each command of a text shell.
func (p *winrmProcess) Close(ctx context.Context) error {
	return errors.Join(p.Terminate(ctx), p.shell.Delete(ctx))
}

func isAuth(err error) bool { return errors.Is(err, winrm.ErrAuth) }

// isPassing tells errors of the connection, which the process on the host survives, from those of the process.
func isPassing(err error) bool {
	return errors.Is(err, winrm.ErrConnectionLost) || errors.Is(err, winrm.ErrTimeout) || errors.Is(err, winrm.ErrBusy)
}
