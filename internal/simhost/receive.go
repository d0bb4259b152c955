// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// streamOverhead is an upper bound of the size of a Stream element without its content, in bytes.
const streamOverhead = 112

// receive serves Receive: a long poll that ends with output or after the operation timeout.
func (s *Server) receive(x *exchange, m *message) (string, *fault) {
	sh, release, f := s.use(x, m)
	if f != nil {
		return "", f
	}
	defer release()
	c, f := s.find(sh, m)
	if f != nil {
		return "", f
	}
	for _, name := range strings.Fields(m.body.child(nsShell, "DesiredStream").text()) {
		if name != streamNames[stdout] && name != streamNames[stderr] {
			return "", faultSchema(fmt.Sprintf("The shell has no output stream %q.", name))
		}
	}
	if body, ok := c.lastAnswer(m.id, x.fault == FaultRepeat, s.opts.ReplayReceive); ok {
		return body, nil
	}
	superseded := c.beginReceive()
	timeout := make(chan struct{})
	defer s.clock.AfterFunc(m.timeout, func() { close(timeout) })()
	for x.r.Context().Err() == nil {
		t := c.out.read(m.maxEnvelope-replyOverhead, s.opts.SplitOutput)
		if len(t.chunks) > 0 || t.done {
			body := t.xml(c.id)
			c.mu.Lock()
			c.lastID, c.lastBody = m.id, body
			c.mu.Unlock()
			return body, nil
		}
		select {
		case <-t.changed:
		case <-timeout:
			return "", faultTimedOut()
		case <-superseded:
			return "", faultAborted()
		case <-sh.gone:
			return "", faultAborted()
		case <-x.r.Context().Done():
		}
	}
	return "", faultAborted()
}

// lastAnswer returns the last answer and whether this request must receive it again.
func (c *command) lastAnswer(id string, repeat, replay bool) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastBody, c.lastBody != "" && (repeat || replay && c.lastID == id)
}

// beginReceive makes the caller the only receiver: of two concurrent Receives the later one gets the output, since the earlier one
// may belong to a connection whose loss the server has not noticed.
func (c *command) beginReceive() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receiver != nil {
		close(c.receiver)
	}
	c.receiver = make(chan struct{})
	return c.receiver
}

func (t received) xml(id string) string {
	var b strings.Builder
	b.WriteString(`<rsp:ReceiveResponse>`)
	for _, c := range t.chunks {
		fmt.Fprintf(&b, `<rsp:Stream Name="%s" CommandId="%s">`, streamNames[c.stream], id)
		b.WriteString(base64.StdEncoding.EncodeToString(c.data))
		b.WriteString(`</rsp:Stream>`)
	}
	if t.done {
		for _, name := range streamNames {
			fmt.Fprintf(&b, `<rsp:Stream Name="%s" CommandId="%s" End="true"></rsp:Stream>`, name, id)
		}
		fmt.Fprintf(&b, `<rsp:CommandState CommandId="%s" State="%s/CommandState/Done"><rsp:ExitCode>%d</rsp:ExitCode></rsp:CommandState>`,
			id, nsShell, int32(t.code))
	} else {
		fmt.Fprintf(&b, `<rsp:CommandState CommandId="%s" State="%s/CommandState/Running"/>`, id, nsShell)
	}
	b.WriteString(`</rsp:ReceiveResponse>`)
	return b.String()
}
