// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"

	masterzen "github.com/masterzen/winrm"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Command is a command that was started in a shell. One Send and one Receive may run concurrently; further ones wait.
type Command struct {
	// OnLost, if not nil, is called by Receive when a response was lost, before the request is retried. The host may repeat the
	// output of the lost response or continue after it, so the caller must detect duplicates and gaps.
	OnLost func()

	shell     *Shell
	id        string
	sending   chan struct{} // holds one token during a Send
	receiving chan struct{} // holds one token during a Receive
}

func newCommand(s *Shell, id string) *Command {
	return &Command{shell: s, id: id, sending: make(chan struct{}, 1), receiving: make(chan struct{}, 1)}
}

// Send writes data to the command's standard input, in chunks that fit the envelope size, and closes standard input if end is
// set. If it fails, part of the data may have been delivered: a Send whose response was lost is not retried.
func (c *Command) Send(ctx context.Context, data []byte, end bool) error {
	if err := acquire(ctx, c.sending); err != nil {
		return c.shell.client.wrap(ctx, actionSend, err)
	}
	defer release(c.sending)

	client := c.shell.client
	for first := true; len(data) > 0 || first && end; first = false {
		chunk := data[:min(len(data), client.chunkSize())]
		data = data[len(chunk):]
		request := masterzen.NewSendInputRequest(client.cfg.url, c.shell.id, c.id, chunk, end && len(data) == 0, client.params)
		err := client.do(ctx, actionSend, request.String(), nil, nil)
		// This fault means that the host accepted the data but did not confirm it in time.
		if err != nil && !isFault(err, codeOperationTimedOut) {
			return err
		}
	}
	return nil
}

// Receive waits at most the operation timeout for output or the end of the command. Empty output without an error means that
// neither happened. A lost response is requested again after a call of OnLost.
func (c *Command) Receive(ctx context.Context) (transport.Output, error) {
	client := c.shell.client
	if err := acquire(ctx, c.receiving); err != nil {
		return transport.Output{}, client.wrap(ctx, actionReceive, err)
	}
	defer release(c.receiving)

	request := masterzen.NewGetOutputRequest(client.cfg.url, c.shell.id, c.id, "stdout stderr", client.params)
	var output transport.Output
	err := client.do(ctx, actionReceive, request.String(), func(response *message) error {
		if !response.receive {
			return errors.New("response contains no output") // as empty output it would make the caller poll forever
		}
		output = response.output
		return nil
	}, c.OnLost)
	if isFault(err, codeOperationTimedOut) {
		return transport.Output{}, nil
	}
	return output, err
}

// Terminate ends the command. It returns nil if the command has ended. Windows expects it for every command, including those
// that have ended (MS-WSMV 3.1.4.14).
func (c *Command) Terminate(ctx context.Context) error {
	client := c.shell.client
	err := client.do(ctx, actionSignal, masterzen.NewSignalRequest(client.cfg.url, c.shell.id, c.id, client.params).String(), nil, nil)
	if errors.Is(err, transport.ErrProcessLost) {
		return nil
	}
	return err
}

func isFault(err error, code uint32) bool {
	var fault *FaultError
	return errors.As(err, &fault) && fault.Code == code
}

// acquire puts a token into a channel that serves as a semaphore, or returns the context's error.
func acquire(ctx context.Context, semaphore chan struct{}) error {
	select {
	case semaphore <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func release(semaphore chan struct{}) { <-semaphore }
