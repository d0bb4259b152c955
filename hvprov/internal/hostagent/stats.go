// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"sync/atomic"
)

// Stats is what an agent has done since it was made.
type Stats struct {
	Requests   int64 // made, hello not counted
	Failed     int64 // of those: refused by the agent, lost or given up
	Sessions   int64 // begun: each is a PowerShell process on the host
	Reconnects int64 // times that a connection was lost within a session and found again
}

// stats is what is counted of an agent.
type stats struct {
	requests, failed, sessions, reconnects atomic.Int64
}

// Stats gives what the agent has done so far.
func (a *Agent) Stats() Stats {
	return Stats{
		Requests: a.stats.requests.Load(), Failed: a.stats.failed.Load(),
		Sessions: a.stats.sessions.Load(), Reconnects: a.stats.reconnects.Load(),
	}
}

// begin counts a request, and tells of it.
func (a *Agent) begin(ctx context.Context, request string) (context.Context, func(error)) {
	a.stats.requests.Add(1)
	ctx, end := a.opts.OnRequest(ctx, request)
	return ctx, func(err error) {
		if err != nil {
			a.stats.failed.Add(1)
		}
		end(err)
	}
}
