// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

var (
	// ErrClosed is returned for requests to an [Agent] after [Agent.Close].
	ErrClosed = cause.ErrClosed
	// ErrProcessEnded matches the error of a session whose process ended by itself.
	ErrProcessEnded = errors.New("agent process ended")
	// ErrUnresponsive matches the error of a session whose agent runs but sends nothing, not even the answer to a ping.
	ErrUnresponsive = errors.New("agent does not respond")
	// ErrInvalidOutput matches the error of a request or a job whose answer or events never arrived in a form that can be read,
	// although they were requested again, or exceed their limits.
	ErrInvalidOutput = errors.New("invalid output of the agent")
	// ErrSessionLost matches the error of a session that ended after its agent may have started, unless [Agent.Close] ended it.
	// A request of the session may have been carried out, and a job that was submitted continues.
	ErrSessionLost = errors.New("session with the host was lost")
)

// lostError is the cause of a lost session.
type lostError struct{ error }

func (e lostError) Unwrap() error        { return e.error }
func (e lostError) Is(target error) bool { return target == ErrSessionLost }

// languageModeError returns the error of a host whose policies restrict PowerShell for the account. A script that is passed on the
// command line, as the agent is, is never trusted: https://github.com/PowerShell/PowerShellEditorServices/issues/1221.
func languageModeError(mode string) error {
	return fmt.Errorf("%w: PowerShell runs in %s mode for the account, in which the agent cannot run: a policy of AppLocker or App Control (WDAC), or "+
		"the variable __PSLockdownPolicy, restricts scripts; exempt the account from that policy, for example with an AppLocker rule that allows it "+
		"all scripts, and check with: powershell.exe -NoProfile -Command '$ExecutionContext.SessionState.LanguageMode'", ErrProcessEnded, mode)
}

// AgentError is an error that the agent answered to a request.
type AgentError struct {
	job.Failure
}

func (a *Agent) newError(f *job.Failure) *AgentError {
	if f == nil {
		f = &job.Failure{Code: protocol.CodeInternal, Message: "the agent refused the request without a reason"}
	}
	return &AgentError{Failure: a.opts.cleanFailure(*f)}
}

func (e *AgentError) Error() string {
	if e.Remedy != "" {
		return e.Message + "; " + e.Remedy
	}
	return e.Message
}
