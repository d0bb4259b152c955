// SPDX-License-Identifier: MPL-2.0

package hostagent

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"

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
