// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"encoding/base64"
	"strings"
)

// send serves Send: input for a process, accepted as a whole or not at all. Fault 170 means that the process has not read earlier
// input and nothing was accepted; a time-out means that all was accepted and not all of it was read yet.
func (s *Server) send(x *exchange, m *message) (string, *fault) {
	sh, release, f := s.use(x, m)
	if f != nil {
		return "", f
	}
	defer release()
	c, f := s.find(sh, m)
	if f != nil {
		return "", f
	}
	var data []byte
	end := false
	for i := range m.body.Children {
		e := &m.body.Children[i]
		if e.XMLName.Local != "Stream" || e.attr("Name") != "stdin" {
			return "", faultSchema("Send accepts only streams named stdin.")
		}
		piece, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Text), ""))
		if err != nil {
			return "", faultSchema("The content of a stream is not base64.")
		}
		data, end = append(data, piece...), end || isTrue(e.attr("End"))
	}
	timeout := make(chan struct{})
	defer s.clock.AfterFunc(m.timeout, func() { close(timeout) })()
	if f := c.acquireSend(timeout, x.r.Context().Done()); f != nil {
		return "", f
	}
	defer func() { <-c.sending }()
	for accepted := false; ; {
		full, closed, changed := c.in.state()
		switch {
		case !accepted && closed:
			return "", &fault{code: codePipeClosed, subcode: "w:InternalError", reason: "The pipe is being closed. "}
		case !accepted && !full:
			c.in.put(data, end && !c.console)
			accepted = true
			continue
		case !full || closed && accepted:
			return `<rsp:SendResponse/>`, nil
		}
		select {
		case <-changed:
		case <-timeout:
			if !accepted {
				return "", faultBusy()
			}
			return "", faultTimedOut()
		case <-sh.gone:
			return "", faultAborted()
		case <-x.r.Context().Done():
			return "", faultAborted()
		}
	}
}

// acquireSend waits until no other Send of the command is in progress. It succeeds if the command is free even after the timeout.
func (c *command) acquireSend(timeout <-chan struct{}, gone <-chan struct{}) *fault {
	select {
	case c.sending <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.sending <- struct{}{}:
		return nil
	case <-timeout:
		return faultBusy()
	case <-gone:
		return faultAborted()
	}
}
