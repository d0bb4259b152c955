// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"encoding/base64"
	"strings"
)

// send answers Send: input for a process. It is carried out whole or not at all: fault 170 says that the process has not
// read what was sent before and nothing was taken; a time-out, that all was taken and not all of it is read yet.
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
			return "", faultSchema("Send takes streams named stdin.")
		}
		piece, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(e.Text), ""))
		if err != nil {
			return "", faultSchema("The content of a stream is not base64.")
		}
		data, end = append(data, piece...), end || isTrue(e.attr("End"))
	}
	late := make(chan struct{})
	defer s.clock.AfterFunc(m.timeout, func() { close(late) })()
	if f := c.turn(late, x.r.Context().Done()); f != nil {
		return "", f
	}
	defer func() { <-c.sending }()
	for taken := false; ; {
		full, closed, changed := c.in.state()
		switch {
		case !taken && closed:
			return "", &fault{code: codePipeClosed, subcode: "w:InternalError", reason: "The pipe is being closed. "}
		case !taken && !full:
			c.in.put(data, end && !c.console)
			taken = true
			continue
		case !full || closed && taken:
			return `<rsp:SendResponse/>`, nil
		}
		select {
		case <-changed:
		case <-late:
			if !taken {
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

// turn waits until no other Send of the command is in progress. A turn that is free is taken, however late it is.
func (c *command) turn(late <-chan struct{}, gone <-chan struct{}) *fault {
	select {
	case c.sending <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.sending <- struct{}{}:
		return nil
	case <-late:
		return faultBusy()
	case <-gone:
		return faultAborted()
	}
}
