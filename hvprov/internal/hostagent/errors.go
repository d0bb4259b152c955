// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

var (
	// ErrClosed is returned for requests to an [Agent] after [Agent.Close].
	ErrClosed = cause.ErrClosed
	// ErrProcessEnded matches the error of a session whose process ended by itself.
	ErrProcessEnded = errors.New("agent process ended")
	// ErrUnresponsive matches the error of a session whose agent runs but sends nothing, not even the answer to a ping.
	ErrUnresponsive = errors.New("agent does not respond")
	// ErrSessionLost matches the error of a session that ended after its agent may have started, unless [Agent.Close] ended it.
	// A request of the session may have been carried out, and a job that was submitted continues.
	ErrSessionLost = errors.New("session with the host was lost")
)

// lostError is the cause of a lost session.
type lostError struct{ error }

func (e lostError) Unwrap() error        { return e.error }
func (e lostError) Is(target error) bool { return target == ErrSessionLost }

// AgentError is an error that the agent answered to a request.
type AgentError struct {
	job.Failure
}

func newAgentError(f *job.Failure) *AgentError {
	if f == nil {
		f = &job.Failure{Code: protocol.CodeInternal, Message: "the agent refused the request without a reason"}
	}
	return &AgentError{Failure: *f}
}

func (e *AgentError) Error() string {
	if e.Remedy != "" {
		return e.Message + "; " + e.Remedy
	}
	return e.Message
}
