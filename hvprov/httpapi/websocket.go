// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
)

// maxCommand is the maximum size of a message of a client in bytes.
const maxCommand = 16 << 10

// command is a message of a client.
type command struct {
	Type   string   `json:"type"` // subscribe, unsubscribe or ping
	Topics []string `json:"topics"`
	Since  string   `json:"since"` // subscribe: cursor of the last message that the client has; with the first one only
}

// getWebsocket serves live messages as a websocket.
func (h *Handler) getWebsocket(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	if err := h.checkOrigin(r); err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return newProblem("invalid_request", "the request does not ask for a websocket")
	}
	s, done, err := h.newStream(r)
	if err != nil {
		return err
	}
	defer done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // checkOrigin has verified the origin
	if err != nil {
		return newProblem("invalid_request", "the handshake of the websocket failed")
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxCommand)
	ctx, end := context.WithCancel(context.WithoutCancel(r.Context())) // the server does not cancel the context of a hijacked connection
	defer end()
	s.send = func(m *message) error {
		ctx, cancel := context.WithTimeout(ctx, h.opts.writeLimit)
		defer cancel()
		return conn.Write(ctx, websocket.MessageText, m.data)
	}
	commands := make(chan func() error)
	var background sync.WaitGroup
	var pinging atomic.Bool
	background.Go(func() {
		defer end()
		s.read(ctx, conn, commands)
	})
	if err := s.own(message{Type: "connection"}); err == nil {
		s.run(ctx, commands, func() error { return nil }, func() error {
			if pinging.CompareAndSwap(false, true) {
				background.Go(func() { // not waited for: a pong may be behind commands, which run carries out
					defer pinging.Store(false)
					ctx, cancel := context.WithTimeout(ctx, h.opts.writeLimit)
					defer cancel()
					if conn.Ping(ctx) != nil {
						end()
					}
				})
			}
			return nil
		})
	}
	code, reason := websocket.StatusPolicyViolation, "the client is too slow, or its credentials are not valid any more"
	if h.hub.isClosed() {
		code, reason = websocket.StatusGoingAway, "the server stops"
	}
	_ = conn.Close(code, reason) // before end, which would close the connection without a reason
	end()
	background.Wait()
	return nil
}

// read reads the messages of the client, and passes what they ask for to the goroutine that sends.
func (s *stream) read(ctx context.Context, conn *websocket.Conn, commands chan<- func() error) {
	begun := false
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil || kind != websocket.MessageText || s.h.limiter.take("client "+s.call.identity.Name) > 0 {
			return
		}
		var c command
		valid := json.Unmarshal(data, &c) == nil
		select {
		case commands <- func() error {
			if !valid {
				return s.own(message{Type: "error", Error: "the message is not a JSON object"})
			}
			err := s.do(&c, &begun)
			var p *problem
			if errors.As(err, &p) {
				return s.own(message{Type: "error", Error: p.Detail})
			}
			return err
		}:
		case <-ctx.Done():
			return
		}
	}
}

// do carries out a message of the client.
func (s *stream) do(c *command, begun *bool) error {
	switch c.Type {
	case "ping":
		return s.own(message{Type: "pong"})
	case "unsubscribe":
		s.topics.remove(c.Topics)
		return s.own(message{Type: "subscription", Topics: s.topics.names()})
	case "subscribe":
		if c.Since != "" {
			if *begun {
				return newProblem("invalid_request", "since is possible with the first subscribe only: open another websocket")
			}
			at, err := s.h.hub.parse(c.Since)
			if err != nil {
				return err
			}
			s.at = at
		}
		if err := s.topics.add(c.Topics); err != nil {
			return err
		}
		*begun = true
		return s.own(message{Type: "subscription", Topics: s.topics.names()})
	}
	return newProblem("invalid_request", "the type of a message is subscribe, unsubscribe or ping")
}
