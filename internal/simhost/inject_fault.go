// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// inject counts an authenticated request, determines its fault, and applies faults that replace the request. It reports whether
// the request must be served.
func (x *exchange) inject(m *message) bool {
	s := x.server
	s.mu.Lock()
	s.actions[m.action]++
	nth := s.actions[m.action]
	s.mu.Unlock()
	x.entry.ShellID, x.entry.CommandID = strings.ToUpper(m.selectors["ShellId"]), m.commandID()
	if s.opts.Faults != nil {
		x.fault = s.opts.Faults(Request{
			Action: m.action, Nth: nth, Connection: x.conn.number, User: x.user,
			MessageID: m.id, ShellID: x.entry.ShellID, CommandID: x.entry.CommandID,
		})
	}
	if x.fault == FaultNone {
		x.fault = s.health.cut()
	}
	x.entry.Fault = x.fault
	switch x.fault {
	case FaultDropBefore:
		x.log()
		_ = x.conn.Close()
		panic(http.ErrAbortHandler) // ends the connection's goroutine without an answer
	case FaultUnavailable:
		x.refuse(http.StatusServiceUnavailable, "injected fault: unavailable")
	case FaultUnauthorized:
		x.conn.forget()
		x.unauthorized("injected fault: unauthorized", "")
	case FaultBusy:
		x.answerFault(m, faultBusy())
	case FaultReboot:
		x.log()
		s.Reboot()
		panic(http.ErrAbortHandler)
	default:
		return true
	}
	return false
}

// injectAfter applies faults to the answer of a served request. It reports whether the answer must not be sent otherwise.
func (x *exchange) injectAfter(status int, kind string, body []byte) bool {
	switch x.fault {
	case FaultDropAfter:
		x.log()
		_ = x.conn.Close()
		panic(http.ErrAbortHandler)
	case FaultBlackHole:
		x.log()
		<-x.r.Context().Done()
		panic(http.ErrAbortHandler)
	case FaultResetBody, FaultTruncate:
		x.log()
		x.sendHalf(status, kind, body)
	case FaultSlowBody:
		x.entry.Status, x.entry.BodyOut = status, len(body)
		x.log()
		x.w.WriteHeader(status)
		for piece := len(body)/16 + 1; len(body) > 0; body = body[min(piece, len(body)):] {
			_, _ = x.w.Write(body[:min(piece, len(body))])
			_ = http.NewResponseController(x.w).Flush()
			if !pause(x.r.Context(), 2*time.Millisecond) {
				break
			}
		}
	default:
		return false
	}
	return true
}

// sendHalf sends the first half of an answer and closes the connection.
func (x *exchange) sendHalf(status int, kind string, body []byte) {
	raw, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = fmt.Fprintf(rw, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		status, http.StatusText(status), kind, len(body))
	_, _ = rw.Write(body[:len(body)/2])
	_ = rw.Flush()
	if x.fault == FaultResetBody {
		x.conn.reset()
	}
	_ = x.conn.Close() // below TLS, without close_notify
	_ = raw.Close()
}
