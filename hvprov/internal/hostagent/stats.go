// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"sync/atomic"
)

// Stats counts the work of an agent since it was made.
type Stats struct {
	Requests   int64 // requests made, hello not counted
	Failed     int64 // of those: refused by the agent, lost or given up
	Sessions   int64 // sessions started: each is a PowerShell process on the host
	Reconnects int64 // connections lost and restored within a session
}

type stats struct {
	requests, failed, sessions, reconnects atomic.Int64
}

// Stats returns the counts so far.
func (a *Agent) Stats() Stats {
	return Stats{
		Requests: a.stats.requests.Load(), Failed: a.stats.failed.Load(),
		Sessions: a.stats.sessions.Load(), Reconnects: a.stats.reconnects.Load(),
	}
}

// observe counts a request and calls OnRequest. The returned function reports the end of the request.
func (a *Agent) observe(ctx context.Context, request string) (context.Context, func(error)) {
	a.stats.requests.Add(1)
	ctx, end := a.opts.OnRequest(ctx, request)
	return ctx, func(err error) {
		if err != nil {
			a.stats.failed.Add(1)
		}
		end(err)
	}
}
