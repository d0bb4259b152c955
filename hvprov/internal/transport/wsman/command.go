// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bytes"
	"context"
	"errors"

	masterzen "github.com/masterzen/winrm"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Command is a command that was started in a shell. Send and Receive may run at the same time; two Sends, or two Receives,
// wait for each other.
type Command struct {
	// OnLost, if not nil, is called by Receive when an answer was lost on the way, before it is asked for again. A host may
	// give again what the lost answer held, or go on behind it: who needs every byte has to see to it.
	OnLost func()

	shell     *Shell
	id        string
	sending   chan struct{} // holds one token while a Send is under way
	receiving chan struct{} // the same for Receive
}

func newCommand(s *Shell, id string) *Command {
	return &Command{shell: s, id: id, sending: make(chan struct{}, 1), receiving: make(chan struct{}, 1)}
}

// ID is the command's identifier in its shell.
func (c *Command) ID() string { return c.id }

// Send writes data to the command's standard input, in pieces that fit the envelope, and closes the input if end is set.
// When it fails, some of the data may have been delivered: a Send whose answer was lost is not repeated.
func (c *Command) Send(ctx context.Context, data []byte, end bool) error {
	if err := acquire(ctx, c.sending); err != nil {
		return c.shell.client.wrap(ctx, actionSend, err)
	}
	defer release(c.sending)

	client := c.shell.client
	for first := true; len(data) > 0 || first && end; first = false {
		piece := data[:min(len(data), client.pieceSize())]
		data = data[len(piece):]
		message := masterzen.NewSendInputRequest(client.cfg.url, c.shell.id, c.id, piece, end && len(data) == 0, client.params)
		err := client.do(ctx, actionSend, message.String(), nil)
		// The host took the data and did not find the time to say so.
		if err != nil && !isFault(err, codeOperationTimedOut) {
			return err
		}
	}
	return nil
}

// Receive waits, no longer than the operation timeout, until the command writes something or ends. Empty output and no error
// mean that nothing happened in that time. A lost answer is asked for again; OnLost is told.
func (c *Command) Receive(ctx context.Context) (transport.Output, error) {
	client := c.shell.client
	if err := acquire(ctx, c.receiving); err != nil {
		return transport.Output{}, client.wrap(ctx, actionReceive, err)
	}
	defer release(c.receiving)

	message := masterzen.NewGetOutputRequest(client.cfg.url, c.shell.id, c.id, "stdout stderr", client.params)
	var output transport.Output
	err := client.repeat(ctx, actionReceive, message.String(), func(answer []byte) (err error) {
		output, err = parseOutput(answer)
		return err
	}, c.OnLost)
	if isFault(err, codeOperationTimedOut) {
		return transport.Output{}, nil
	}
	return output, err
}

func parseOutput(answer []byte) (transport.Output, error) {
	// Without this an answer of another kind would pass for a silent poll, and the caller would poll on for ever.
	if !bytes.Contains(answer, []byte("ReceiveResponse")) {
		return transport.Output{}, errors.New("the answer holds no output")
	}
	var stdout, stderr bytes.Buffer
	done, code, err := masterzen.ParseSlurpOutputErrResponse(string(answer), &stdout, &stderr)
	if err != nil {
		return transport.Output{}, err
	}
	// Hosts write the same 32 bits with or without a sign.
	return transport.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Done: done, ExitCode: int32(code)}, nil //nolint:gosec // the same 32 bits
}

// Terminate ends the command. A command that has ended already is no error. Windows wants it for every command, also after
// its end.
func (c *Command) Terminate(ctx context.Context) error {
	client := c.shell.client
	err := client.do(ctx, actionSignal, masterzen.NewSignalRequest(client.cfg.url, c.shell.id, c.id, client.params).String(), nil)
	if errors.Is(err, transport.ErrProcessLost) {
		return nil
	}
	return err
}

func isFault(err error, code uint32) bool {
	var fault *FaultError
	return errors.As(err, &fault) && fault.Code == code
}

// acquire waits for the one token of a channel that serves as a lock.
func acquire(ctx context.Context, lock chan struct{}) error {
	select {
	case lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func release(lock chan struct{}) { <-lock }
