// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"net/http"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

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
	CheckChallenge = checkChallenge
	Authenticate   = authenticate
	XMLDuration    = xmlDuration
	CreateEnvelope = createEnvelope
)

// Defaults of the configuration.
const (
	DefaultOperationTimeout = defaultOperationTimeout
	DefaultEnvelopeSize     = defaultEnvelopeSize
	DefaultMaxConnections   = defaultMaxConnections
)

// ParseFault returns the fault of a response. found is false if the response contains none.
func ParseFault(envelope []byte) (fault *FaultError, found bool, err error) {
	msg, err := parseMessage(envelope)
	if err != nil {
		return nil, false, err
	}
	return msg.fault, msg.fault != nil, nil
}

// ParseOutput returns the output of a response.
func ParseOutput(envelope []byte) (transport.Output, error) {
	msg, err := parseMessage(envelope)
	if err != nil {
		return transport.Output{}, err
	}
	return msg.output, nil
}

// ParseChallenges returns the token and the schemes of a response.
func ParseChallenges(header http.Header) (token []byte, offered []string) {
	return authToken(header), offeredSchemes(header)
}
