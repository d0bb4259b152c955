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

// maxCommandLine is the longest command line that cmd.exe takes, in UTF-16 units. A longer one would not be a fault: cmd
// would print a complaint and the command end with exit code 1.
const maxCommandLine = 8191

// DefaultIdleTimeout is how long a shell lives on without a request, so that one whose client died does not hold its place
// among the user's shells for the two hours that hosts give by default.
const DefaultIdleTimeout = 15 * time.Minute

// ShellOptions are the choices made when a shell is created.
type ShellOptions struct {
	// IdleTimeout is how long the host keeps the shell without a request; 0 means DefaultIdleTimeout.
	IdleTimeout time.Duration
	// NoProfile leaves the account's profile unloaded. The default loads it, as other clients do: PowerShell keeps its
	// module analysis cache there, without which a first start takes many seconds.
	NoProfile bool
}

// Shell is a remote shell: a place on the host in which commands run. Its methods may be called from several goroutines.
type Shell struct {
	client *Client
	id     string
}

// CreateShell opens a shell. It is not repeated when the answer is lost; a shell that nobody knows of ends by its idle limit.
func (c *Client) CreateShell(ctx context.Context, options ShellOptions) (*Shell, error) {
	if options.IdleTimeout == 0 {
		options.IdleTimeout = DefaultIdleTimeout
	}
	var id string
	err := c.do(ctx, actionCreate, createEnvelope(c.cfg.url, c.params, options), func(answer []byte) (err error) {
		if id, err = masterzen.ParseOpenShellResponse(string(answer)); err != nil {
			return err
		}
		return checkID(id)
	})
	if err != nil {
		return nil, err
	}
	return &Shell{client: c, id: id}, nil
}

// ID is the host's name of the shell.
func (s *Shell) ID() string { return s.id }

// Start starts a command by cmd.exe, with its standard input as a pipe. Its identifier is chosen here, so that a lost answer
// does not make it run twice. The command line is cmd's to interpret, and at most 8,191 characters long.
func (s *Shell) Start(ctx context.Context, commandLine string) (*Command, error) {
	if n := len(utf16.Encode([]rune(commandLine))); n > maxCommandLine {
		return nil, fmt.Errorf("winrm: the command line has %d characters, cmd.exe takes at most %d", n, maxCommandLine)
	}
	c := s.client
	id := newID()
	err := c.do(ctx, actionCommand, commandEnvelope(c.cfg.url, c.params, s.id, id, commandLine), func(answer []byte) error {
		got, err := masterzen.ParseExecuteCommandResponse(string(answer))
		if err != nil {
			return err
		}
		if err := checkID(got); err != nil {
			return err
		}
		id = got // Windows takes the identifier that was asked for; others are allowed not to
		return nil
	})
	if err != nil && !isFault(err, codeCommandIDConflict) {
		return nil, err
	}
	return newCommand(s, id), nil
}

// Delete closes the shell and ends whatever runs in it. A shell that is gone already is no error.
func (s *Shell) Delete(ctx context.Context) error {
	c := s.client
	err := c.do(ctx, actionDelete, masterzen.NewDeleteShellRequest(c.cfg.url, s.id, c.params).String(), nil)
	if errors.Is(err, transport.ErrProcessLost) {
		return nil
	}
	return err
}

// checkID refuses what cannot be the name of a shell or command; the builders write names into envelopes as they are.
func checkID(id string) error {
	if id == "" || len(id) > 128 || strings.ContainsAny(id, "<>&\"'") {
		return fmt.Errorf("%q is not the name of a shell or command", id)
	}
	return nil
}
