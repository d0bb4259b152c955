// SPDX-License-Identifier: MPL-2.0

package provider

import "time"

// SetNameSettle sets how long a job waits for a name while no other operation is in progress. It takes effect when the provider is
// configured.
func (p *Provider) SetNameSettle(d time.Duration) { p.nameSettle = d }
