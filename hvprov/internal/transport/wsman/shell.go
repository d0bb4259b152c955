// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	masterzen "github.com/masterzen/winrm"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

const (
	// maxCommandLine is the maximum length of a command line for cmd.exe in UTF-16 code units. A longer one causes no fault:
	// cmd.exe prints an error and the command exits with code 1.
	maxCommandLine = 8191

	// idleTimeout is the idle timeout of shells: the host deletes a shell, and ends its commands, after this time without a
	// request. It is far longer than any silence of a live client, which polls every OperationTimeout, and far shorter than
	// the host's default of two hours, so that the shell of a dead client does not count against the user's quota for long.
	idleTimeout = 15 * time.Minute
)

// Shell is a remote shell, in which commands run. It is safe for concurrent use.
type Shell struct {
	client *Client
	id     string
}

// CreateShell creates a shell. It is not retried when the response is lost; a shell whose identifier is lost is deleted by its
// idle timeout.
func (c *Client) CreateShell(ctx context.Context) (*Shell, error) {
	var id string
	err := c.do(ctx, actionCreate, createEnvelope(c.cfg.url, c.params), func(response *message) error {
		id = response.shellID
		return checkID(id)
	}, nil)
	if err != nil {
		return nil, err
	}
	return &Shell{client: c, id: id}, nil
}

// Start starts a command with cmd.exe, which interprets the command line of at most 8,191 characters. Standard input is a pipe.
// The client chooses the command's identifier, so that a retry does not start the command twice.
func (s *Shell) Start(ctx context.Context, commandLine string) (*Command, error) {
	if n := len(utf16.Encode([]rune(commandLine))); n > maxCommandLine {
		return nil, fmt.Errorf("winrm: command line has %d characters; cmd.exe accepts at most %d", n, maxCommandLine)
	}
	c := s.client
	id := newID()
	err := c.do(ctx, actionCommand, commandEnvelope(c.cfg.url, c.params, s.id, id, commandLine), func(response *message) error {
		if err := checkID(response.commandID); err != nil {
			return err
		}
		id = response.commandID // Windows uses the requested identifier; other services may choose another
		return nil
	}, nil)
	if err != nil && !isFault(err, codeCommandIDConflict) {
		return nil, err
	}
	return newCommand(s, id), nil
}

// Delete deletes the shell and ends its commands. It returns nil if the shell does not exist any more.
func (s *Shell) Delete(ctx context.Context) error {
	c := s.client
	err := c.do(ctx, actionDelete, masterzen.NewDeleteShellRequest(c.cfg.url, s.id, c.params).String(), nil, nil)
	if errors.Is(err, transport.ErrProcessLost) {
		return nil
	}
	return err
}

// checkID returns an error if id is not a valid identifier of a shell or command. The envelope builders do not escape
// identifiers.
func checkID(id string) error {
	if id == "" || len(id) > 128 || strings.ContainsAny(id, "<>&\"'") {
		return fmt.Errorf("response contains an invalid shell or command identifier %q", id)
	}
	return nil
}
