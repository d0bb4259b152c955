// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ErrUnresponsive is matched by the error of a session whose agent runs and says nothing, not even to a ping.
var ErrUnresponsive = errors.New("the agent does not answer")

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
