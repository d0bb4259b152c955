// SPDX-License-Identifier: MPL-2.0

package simhost

import "sync"

// The names of WSMan's actions in [Request], [LogEntry] and [Counters].
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

// Request is an authenticated request, as [Options.Faults] sees it.
type Request struct {
	Action     string // one of the Action constants
	Nth        int    // 1 for the first of its action
	Connection int    // 1 for the server's first
	User       string
	MessageID  string
	ShellID    string
	CommandID  string
}

// Fault is what goes wrong with a request. The zero value lets it pass.
type Fault int

// The faults that a server can be told to make.
const (
	// FaultNone lets the request pass.
	FaultNone Fault = iota
	// FaultDropBefore closes the connection; nothing is done.
	FaultDropBefore
	// FaultDropAfter closes the connection when the request has been carried out; its answer is lost.
	FaultDropAfter
	// FaultResetBody carries the request out, and resets the connection in the middle of the answer's body.
	FaultResetBody
	// FaultTruncate carries the request out, and closes the connection in the middle of the answer's body.
	FaultTruncate
	// FaultSlowBody carries the request out, and sends the answer's body in small pieces with pauses between.
	FaultSlowBody
	// FaultBlackHole carries the request out and never answers, until the client gives up or the server closes.
	FaultBlackHole
	// FaultUnavailable answers HTTP 503; nothing is done.
	FaultUnavailable
	// FaultUnauthorized answers HTTP 401 and forgets that the connection was authenticated; nothing is done.
	FaultUnauthorized
	// FaultBusy answers WSMan fault 170; nothing is done.
	FaultBusy
	// FaultRepeat answers a Receive with the answer to the one before it, once more. Other actions pass.
	FaultRepeat
	// FaultReboot ends every connection, process and shell, as [Server.Reboot] does; nothing is done.
	FaultReboot
)

// FaultsOn gives a function for [Options.Faults] that makes fault on the requests nth (1 is the first) of an action.
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
