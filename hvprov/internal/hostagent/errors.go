// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ErrUnresponsive is matched by the error of a session whose agent runs and says nothing, not even to a ping.
var ErrUnresponsive = errors.New("the agent does not answer")

// ErrSessionLost is matched by the error of a session whose agent may have begun and then ended, for whatever reason but [Agent.Close]:
// what was asked for in it may have been done, and a job that it had begun goes on.
var ErrSessionLost = errors.New("the session with the host was lost")

// lostError is why a session was lost.
type lostError struct{ error }

func (e lostError) Unwrap() error        { return e.error }
func (e lostError) Is(target error) bool { return target == ErrSessionLost }

// AgentError is what the agent answered instead of a result.
type AgentError struct {
	job.Failure
}

func newAgentError(f *job.Failure) *AgentError {
	if f == nil {
		f = &job.Failure{Code: job.CodeInternal, Message: "the agent refused without a reason"}
	}
	return &AgentError{Failure: *f}
}

func (e *AgentError) Error() string {
	if e.Remedy != "" {
		return e.Message + "; " + e.Remedy
	}
	return e.Message
}
