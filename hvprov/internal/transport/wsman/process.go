// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// deleteTimeout limits the deletion of a shell whose command could not be started.
const deleteTimeout = 10 * time.Second

var _ transport.Transport = (*Client)(nil)

// Start starts a process in a new shell. It implements [transport.Transport].
func (c *Client) Start(ctx context.Context, commandLine string, lost func()) (transport.Process, error) {
	shell, err := c.CreateShell(ctx)
	if err != nil {
		return nil, err
	}
	command, err := shell.Start(ctx, commandLine)
	if err != nil {
		// The shell counts against the user's quota until it is deleted, also when ctx has ended.
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
		defer cancel()
		return nil, errors.Join(err, shell.Delete(cleanup))
	}
	command.OnLost = lost
	return &process{Command: command, shell: shell}, nil
}

type process struct {
	*Command
	shell *Shell
}

// Close terminates the command before it deletes the shell: MS-WSMV 3.1.4.14 requires a final signal for each command of a
// text shell.
func (p *process) Close(ctx context.Context) error {
	return errors.Join(p.Terminate(ctx), p.shell.Delete(ctx))
}
