// SPDX-License-Identifier: MPL-2.0

package wsman

import "context"

// WithoutPauses makes a client repeat requests at once.
func WithoutPauses(c *Client) { c.pause = func(ctx context.Context, _ int) error { return ctx.Err() } }

// AlwaysLook makes a client look at each idle connection before it uses it, however short it was idle.
func AlwaysLook(c *Client) { c.idleUnchecked = 0 }

// Parts of the package that are tested by themselves.
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
