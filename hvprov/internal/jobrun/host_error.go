// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// HostError classifies an error of a request to a host: most become a [*job.HostError]. It returns an error that has been
// classified already as it is. clean returns text of the host without secrets and control characters.
func HostError(host string, err error, clean func(string) string) error {
	var refused *hostagent.AgentError
	var classified *job.HostError
	class := error(nil)
	switch {
	case err == nil, errors.Is(err, cause.ErrClosed), // of the service, a pool or a session
		errors.As(err, &classified):
		return err
	case errors.As(err, &refused):
		switch refused.Code {
		case job.CodeHostNotReady:
			class = cause.ErrHostNotReady
		case job.CodeAccessDenied:
			class = cause.ErrAccessDenied
		}
	case errors.Is(err, transport.ErrAuth):
		class = cause.ErrAuthentication
	case errors.Is(err, transport.ErrDenied):
		class = cause.ErrAccessDenied
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, transport.ErrConnectionLost), errors.Is(err, transport.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		class = cause.ErrHostUnreachable
	case errors.Is(err, hostagent.ErrInvalidOutput), errors.Is(err, hostagent.ErrProcessEnded), errors.Is(err, hostagent.ErrUnresponsive), errors.Is(err, transport.ErrProcessLost):
		class = cause.ErrHostNotReady
	}
	if text := clean(err.Error()); text != err.Error() {
		err = &cleanedError{text: text, err: err}
	}
	if class == nil {
		return fmt.Errorf("host %s: %w", host, err)
	}
	return &job.HostError{Host: host, Class: class, Err: err}
}
