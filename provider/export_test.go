// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"os"
	"time"
)

// SetNameSettle sets how long a job waits for a name while no other operation is in progress. It takes effect when the provider is
// configured.
func (p *Provider) SetNameSettle(d time.Duration) { p.nameSettle = d }

// ServeFile serves a file until stop.
func ServeFile(ctx context.Context, file *os.File, address string) (url, certificate string, stop func(), err error) {
	s, err := serveFile(ctx, file, address)
	if err != nil {
		return "", "", nil, err
	}
	return s.url, s.certificate, s.close, nil
}
