// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const soapType = "application/soap+xml;charset=UTF-8"

// exchange is an HTTP request and its answer.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	conn   *connection
	user   string
	fault  Fault
	entry  LogEntry
	logged bool
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.tasks.add(1)
	defer s.tasks.add(-1)
	s.count(func(c *counts) { c.posts++ })
	x := &exchange{server: s, w: w, r: r, conn: r.Context().Value(connKey{}).(*connection)} //nolint:forcetypeassert // set by ConnContext
	x.entry.Time, x.entry.Connection = s.clock.Now(), x.conn.number
	defer x.log()
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	switch {
	case !pause(r.Context(), s.delay()/2):
	case r.URL.Path != "/wsman":
		x.refuse(http.StatusNotFound, "unknown path")
	case r.Method != http.MethodPost:
		x.refuse(http.StatusMethodNotAllowed, "not a POST")
	default:
		x.run()
	}
}

// log adds the request to the log once, before the client receives the answer.
func (x *exchange) log() {
	if !x.logged {
		x.logged = true
		x.server.log.add(x.entry)
	}
}

// run authenticates, decrypts, parses and serves the request.
func (x *exchange) run() {
	limit := x.server.opts.Quotas.EnvelopeBytes
	body, err := io.ReadAll(io.LimitReader(x.r.Body, int64(2*limit+1)))
	x.entry.BodyIn = len(body)
	if err != nil {
		x.entry.Note = "request body: " + err.Error()
		return
	}
	if len(body) > 2*limit {
		x.w.Header().Set("Connection", "close")
		x.refuse(http.StatusRequestEntityTooLarge, "the body exceeds twice the maximum envelope size")
		return
	}
	anonymous := x.r.Header.Get("Wsmanidentify") == "unauthenticated"
	if !anonymous && !x.authenticate(body) {
		return
	}
	x.entry.User = x.user
	if !anonymous {
		if body = x.decrypt(body); body == nil {
			return
		}
	}
	var m *message
	var f *fault
	if len(body) > limit {
		m, f = &message{}, faultEnvelopeSize(len(body), limit)
	} else {
		m, f = parseMessage(body, x.server.opts.Quotas)
	}
	x.entry.Action, x.entry.MessageID = m.action, m.id
	if anonymous && m.action != ActionIdentify {
		x.unauthorized("only Identify is allowed without authentication", "")
		return
	}
	if f != nil {
		x.answerFault(m, f)
		return
	}
	if x.inject(m) {
		x.dispatch(m)
	}
}

// answerFault answers m with f.
func (x *exchange) answerFault(m *message, f *fault) {
	x.server.count(func(c *counts) { c.faults++ })
	x.entry.FaultCode = f.code
	x.send(http.StatusInternalServerError, replyFault(m, f, x.server.hostName))
}

// send sends an envelope, sealed if the request was sealed, unless the injected fault prevents it.
func (x *exchange) send(status int, body []byte) {
	kind := soapType
	if x.entry.Sealed {
		kind, body = sealedType, seal(x.conn.session, body)
	}
	if !pause(x.r.Context(), x.server.delay()/2) {
		return
	}
	x.w.Header().Set("Content-Type", kind)
	x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if x.injectAfter(status, kind, body) {
		return
	}
	x.entry.Status, x.entry.BodyOut = status, len(body)
	x.log()
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may have closed the connection
}

// refuse answers with a status and no body.
func (x *exchange) refuse(status int, note string) {
	x.entry.Note = note
	if !pause(x.r.Context(), x.server.delay()/2) {
		return
	}
	x.entry.Status = status
	x.log()
	x.w.Header().Set("Content-Length", "0")
	x.w.WriteHeader(status)
}

// pause waits for d and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
