// SPDX-License-Identifier: MPL-2.0

package daemon

import "time"

// SetHeaderLimit sets how long a client may take to send the header of a request.
func (c *Config) SetHeaderLimit(d time.Duration) { c.headerLimit = d }
