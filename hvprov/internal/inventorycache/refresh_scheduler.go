// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"context"
	"math/rand/v2"
	"time"
)

// scheduleRefresh starts the timer that requests a host's inventory every RefreshEvery. The first request comes at a random
// time in that interval, and each interval varies by a tenth, so that many hosts are not asked at once. c.mu must be held.
func (c *Cache) scheduleRefresh(e *entry) {
	every := c.opts.RefreshEvery
	if every <= 0 {
		return
	}
	e.refresh = time.AfterFunc(rand.N(every), func() { //nolint:gosec // jitter is not a secret
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.removed {
			return
		}
		if c.fresh(e) == nil {
			c.join(context.Background(), e) // not waited for: a host that is silent does not delay its next turn
		}
		e.refresh.Reset(every - every/10 + rand.N(every/5+1)) //nolint:gosec // jitter is not a secret
	})
}
