// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// stream is the part that websockets and event streams share: the messages of some topics from a position on.
type stream struct {
	h       *Handler
	request *http.Request
	call    *call

	topics topics
	at     position
	send   func(m *message) error // sends one message to the client, within the time limit of a write
}

// newStream returns the stream of a request, unless there are too many.
func (h *Handler) newStream(r *http.Request) (s *stream, done func(), err error) {
	release, ok := h.streams.take(callOf(r).identity.Name)
	if !ok {
		p := newProblem("overloaded", "too many streams are open: close one, or connect later")
		p.retryAfter = 10 * time.Second
		return nil, nil, p
	}
	return &stream{h: h, request: r, call: callOf(r), topics: topics{}, at: h.hub.now()}, func() {
		release()
		h.opts.onEnd()
	}, nil
}

// flush sends the messages that have arrived. It reports whether there may be more already, and returns the channel that is closed with
// the next one.
func (s *stream) flush() (more bool, wake <-chan struct{}, err error) {
	found, missed, wake := s.h.hub.take(&s.at, func(m *message) bool { return s.topics.matches(m, s.call.identity.Name) })
	if missed != 0 {
		if err := s.own(message{Type: "missed", Missed: missed}); err != nil {
			return false, nil, err
		}
	}
	for _, m := range found {
		if err := s.send(m); err != nil {
			return false, nil, err
		}
	}
	return len(found) == maxBatch, wake, nil
}

// own sends a message that is for this client only.
func (s *stream) own(m message) error {
	m.Cursor, m.Time = s.h.hub.cursor(s.at.seq), s.h.opts.now().UTC()
	data, err := encode(m)
	if err != nil {
		return err
	}
	m.data = data
	return s.send(&m)
}

// stillAllowed checks the credentials of the client again: a token may be revoked while the stream is open.
func (s *stream) stillAllowed() bool {
	identity, err := s.h.identify(s.request, s.call)
	return err == nil && identity.Name == s.call.identity.Name && identity.Role >= s.call.route.role
}

// checkOrigin refuses a page of another origin. Browsers send no Sec-Fetch-Site with websockets on plain HTTP, but always an Origin.
func (h *Handler) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(h.opts.Origins, origin) {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return newProblem("cross_origin", "the request comes from a page of another origin")
	}
	return nil
}

// getEvents serves live messages as server-sent events.
func (h *Handler) getEvents(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r, "topics", "since")
	if err != nil {
		return err
	}
	s, done, err := h.newStream(r)
	if err != nil {
		return err
	}
	defer done()
	if err := s.topics.add(list(values, "topics")); err != nil {
		return err
	}
	if len(s.topics) == 0 {
		return newProblem("invalid_request", "query parameter topics is required: jobs, jobs:<id>, inventory, notifications")
	}
	since := r.Header.Get("Last-Event-ID")
	if since == "" {
		since = values.Get("since")
	}
	if since != "" {
		if s.at, err = h.hub.parse(since); err != nil {
			return err
		}
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // not every writer has deadlines
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // of nginx
	w.WriteHeader(http.StatusOK)
	write := func(text string) error {
		_ = control.SetWriteDeadline(time.Now().Add(h.opts.writeLimit))
		_, err := w.Write([]byte(text))
		return err
	}
	s.send = func(m *message) error {
		return write("id: " + m.Cursor + "\nevent: " + m.Type + "\ndata: " + strings.TrimSuffix(string(m.data), "\n") + "\n\n")
	}
	if err := write("retry: 3000\n\n"); err != nil {
		return nil // the client is gone
	}
	if err := s.own(message{Type: "subscription", Topics: s.topics.names()}); err != nil {
		return nil // the client is gone
	}
	s.run(r.Context(), nil, func() error { return control.Flush() }, func() error { return write(": \n\n") })
	return nil
}

// run sends messages until the client or the handler ends the stream, or the client is too slow. flushed is called when all messages
// were sent, and beat at intervals. Commands are run between messages.
func (s *stream) run(ctx context.Context, commands <-chan func() error, flushed, beat func() error) {
	ticker := time.NewTicker(s.h.opts.heartbeat)
	defer ticker.Stop()
	for {
		more, wake, err := s.flush()
		if err != nil || !more && flushed() != nil || s.h.hub.isClosed() && !more {
			return
		}
		if more {
			wake = alwaysReady
		}
		select {
		case command := <-commands:
			err = command()
		default:
			select {
			case command := <-commands:
				err = command()
			case <-wake:
			case <-ticker.C:
				if !s.stillAllowed() {
					return
				}
				err = beat()
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// alwaysReady is a closed channel.
var alwaysReady = func() <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}()
