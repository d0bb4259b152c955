// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Connect starts a process on a host, as [transport.Transport].Start does.
type Connect func(ctx context.Context, commandLine string, lost func()) (transport.Process, error)

func isAuth(err error) bool { return errors.Is(err, transport.ErrAuth) }

// isTransient reports whether err is an error of the connection, which the process on the host survives, and which may pass.
func isTransient(err error) bool {
	if errors.Is(err, transport.ErrUntrusted) {
		return false
	}
	return errors.Is(err, transport.ErrConnectionLost) || errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrBusy)
}
