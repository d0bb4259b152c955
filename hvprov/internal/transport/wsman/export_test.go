// SPDX-License-Identifier: MPL-2.0

package wsman

import "context"

// DisablePauses makes a client retry without delays.
func DisablePauses(c *Client) {
	c.pause = func(ctx context.Context, _ int) error { return ctx.Err() }
}

// AlwaysProbe makes a client probe each idle connection before reuse, however short it was idle.
func AlwaysProbe(c *Client) { c.probeAfter = 0 }

// ShellID returns the identifier of a shell.
func ShellID(s *Shell) string { return s.id }

// Unexported functions under test.
var (
	ParseFault     = parseFault
	CheckChallenge = checkChallenge
	Authenticate   = authenticate
	XMLDuration    = xmlDuration
)

// Defaults of the configuration.
const (
	DefaultOperationTimeout = defaultOperationTimeout
	DefaultEnvelopeSize     = defaultEnvelopeSize
	DefaultMaxConnections   = defaultMaxConnections
)
