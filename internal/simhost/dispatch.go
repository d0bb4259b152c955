// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// dispatch serves a request and answers it.
func (x *exchange) dispatch(m *message) {
	s := x.server
	var body string
	var f *fault
	resource := uriCmd
	if m.action == ActionGet || m.action == ActionEnumerate {
		resource = uriShell
	}
	switch {
	case m.action == ActionIdentify:
		x.send(http.StatusOK, identify(x.user != ""))
		return
	case actions[m.actionURI] == "":
		f = faultAction(m.actionURI)
	case m.resource != resource && m.resource != uriCmd:
		f = faultResource(m.resource)
	default:
		body, f = s.serveAction(x, m)
	}
	switch {
	case x.r.Context().Err() != nil: // the client closed the connection
		x.entry.Note = "the client closed the connection"
		panic(http.ErrAbortHandler)
	case f != nil:
		x.answerFault(m, f)
	default:
		x.send(http.StatusOK, reply(m, body))
	}
}

func (s *Server) serveAction(x *exchange, m *message) (string, *fault) {
	switch m.action {
	case ActionCreate:
		return s.create(x, m)
	case ActionCommand:
		return s.command(x, m)
	case ActionSend:
		return s.send(x, m)
	case ActionReceive:
		return s.receive(x, m)
	case ActionSignal:
		return s.signal(x, m)
	case ActionDelete:
		sh, release, f := s.use(x, m)
		if f != nil {
			return "", f
		}
		defer release()
		s.drop(sh)
		return "", nil
	case ActionGet:
		sh, release, f := s.use(x, m)
		if f != nil {
			return "", f
		}
		defer release()
		s.mu.Lock()
		defer s.mu.Unlock()
		return sh.xml(s.clock.Now()), nil
	case ActionEnumerate:
		return s.enumerate(x), nil
	}
	return "", &fault{
		code: codeNoDisconnect, sender: true, subcode: "w:UnsupportedFeature",
		reason: "The shell does not support disconnect or reconnect. ",
	}
}

// enumerate lists the shells of the user in one answer.
func (s *Server) enumerate(x *exchange) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var own []*shell
	for _, sh := range s.shells {
		if sh.owner == x.user {
			own = append(own, sh)
		}
	}
	slices.SortFunc(own, func(a, b *shell) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id)) })
	var b strings.Builder
	fmt.Fprintf(&b, `<n:EnumerateResponse xmlns:n=%q><n:EnumerationContext/><w:Items>`, nsEnum)
	for _, sh := range own {
		b.WriteString(sh.xml(s.clock.Now()))
	}
	b.WriteString(`</w:Items><w:EndOfSequence/></n:EnumerateResponse>`)
	return b.String()
}
