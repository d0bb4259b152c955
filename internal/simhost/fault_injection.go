// SPDX-License-Identifier: MPL-2.0

package simhost

import "sync"

// Names of actions in [Request], [LogEntry] and [Counters].
const (
	ActionIdentify  = "Identify"
	ActionCreate    = "Create"
	ActionCommand   = "Command"
	ActionSend      = "Send"
	ActionReceive   = "Receive"
	ActionSignal    = "Signal"
	ActionDelete    = "Delete"
	ActionGet       = "Get"
	ActionEnumerate = "Enumerate"
)

// Request is an authenticated request that [Options.Faults] receives.
type Request struct {
	Action     string // one of the Action constants
	Nth        int    // counts requests of the same action, from 1
	Connection int    // counts connections, from 1
	User       string
	MessageID  string
	ShellID    string
	CommandID  string
}

// Fault is a fault to inject into a request. The zero value injects none.
type Fault int

// The faults that a server can inject.
const (
	// FaultNone serves the request.
	FaultNone Fault = iota
	// FaultDropBefore closes the connection and does not serve the request.
	FaultDropBefore
	// FaultDropAfter serves the request and closes the connection instead of answering.
	FaultDropAfter
	// FaultResetBody serves the request and resets the connection in the middle of the answer.
	FaultResetBody
	// FaultTruncate serves the request and closes the connection in the middle of the answer.
	FaultTruncate
	// FaultSlowBody serves the request and sends the answer in small pieces with pauses.
	FaultSlowBody
	// FaultBlackHole serves the request and does not answer until the client closes the connection or the server closes.
	FaultBlackHole
	// FaultUnavailable answers HTTP 503 and does not serve the request.
	FaultUnavailable
	// FaultUnauthorized answers HTTP 401, drops the authentication of the connection and does not serve the request.
	FaultUnauthorized
	// FaultBusy answers WS-Management fault 170 and does not serve the request.
	FaultBusy
	// FaultRepeat answers a Receive with the answer to the previous one. Other actions are served.
	FaultRepeat
	// FaultReboot calls [Server.Reboot] and does not serve the request.
	FaultReboot
)

// FaultsOn returns a function for [Options.Faults] that injects fault into the requests with the numbers nth (from 1) of an action.
func FaultsOn(action string, fault Fault, nth ...int) func(Request) Fault {
	var mu sync.Mutex
	left := map[int]bool{}
	for _, n := range nth {
		left[n] = true
	}
	return func(r Request) Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Action != action || !left[r.Nth] {
			return FaultNone
		}
		delete(left, r.Nth)
		return fault
	}
}
