// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

// liveMessage is a message of a stream.
type liveMessage struct {
	Type, Action, Cursor, Host, Job, State, Error string
	Topics                                        []string
	Missed                                        int64
	Event                                         *struct {
		Seq  int64
		Kind string
	}
	Notification *struct{ ID, Title, Level string }
	IDs          []string
	Unread       *int
}

// socket is a websocket of a test.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

func (a *api) dial(headers ...string) (*socket, *http.Response, error) {
	a.t.Helper()
	header := http.Header{}
	for name, value := range a.headers {
		header.Set(name, value)
	}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	conn, response, err := websocket.Dial(a.t.Context(), "ws"+strings.TrimPrefix(a.server.URL, "http")+"/api/v1/ws", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, response, err
	}
	conn.SetReadLimit(1 << 20)
	a.t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{a.t, conn}, response, nil
}

// open opens a websocket that is subscribed to topics.
func (a *api) open(since string, topics ...string) *socket {
	a.t.Helper()
	s, _, err := a.dial()
	if err != nil {
		a.t.Fatal(err)
	}
	if got := s.next(); got.Type != "connection" || got.Cursor == "" {
		a.t.Fatalf("the first message is %+v", got)
	}
	s.say(map[string]any{"type": "subscribe", "topics": topics, "since": since})
	if got := s.next(); got.Type != "subscription" || len(got.Topics) != len(topics) {
		a.t.Fatalf("subscription is %+v", got)
	}
	return s
}

func (s *socket) say(v any) {
	s.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.conn.Write(s.t.Context(), websocket.MessageText, data); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) next() liveMessage {
	s.t.Helper()
	_, data, err := s.conn.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return parse(s.t, data)
}

// parse returns a message, which must not contain the secret.
func parse(t *testing.T, data []byte) (m liveMessage) {
	if strings.Contains(string(data), secret) {
		t.Errorf("a message contains a secret: %s", data)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Errorf("%v: %s", err, data)
	}
	return m
}

// until returns the messages up to the one that matches.
func (s *socket) until(match func(liveMessage) bool) (all []liveMessage) {
	s.t.Helper()
	for {
		m := s.next()
		all = append(all, m)
		if match(m) {
			return all
		}
	}
}

func isNotification(m liveMessage) bool { return m.Type == "notification" }

func TestAWebsocketReceivesTheMessagesOfItsTopics(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	s := a.open("", "jobs", "inventory", "notifications")
	id := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id")
	succeeded, notified := false, false
	all := s.until(func(m liveMessage) bool {
		succeeded, notified = succeeded || m.State == "succeeded", notified || m.Type == "notification"
		return succeeded && notified
	})
	var states []string
	for _, m := range all {
		switch {
		case m.Type == "job" && m.Action == "state":
			states = append(states, m.State)
		case m.Type == "job" && m.Event.Kind == "log":
			t.Errorf("the topic jobs has a log line: %+v", m)
		}
	}
	if want := []string{"pending", "queued", "running", "succeeded"}; !slices.Equal(states, want) {
		t.Errorf("states are %v, want %v", states, want)
	}
	if note := all[slices.IndexFunc(all, isNotification)]; note.Action != "created" || note.Notification.Title != "Creation of web-01 succeeded" || note.Notification.Level != "success" {
		t.Errorf("notification is %+v", note.Notification)
	}
	for _, kind := range []string{"inventory", "host"} {
		if !slices.ContainsFunc(all, func(m liveMessage) bool { return m.Type == kind && m.Host == "hv01" }) {
			t.Errorf("there is no message of type %s", kind)
		}
	}

	list := a.want(http.StatusOK, "", http.MethodGet, "/api/v1/notifications?unread=true", nil)
	if notes := list.list("notifications"); list.get("unread") != 1.0 || len(notes) != 1 || notes[0].(map[string]any)["job"] != id {
		t.Errorf("notifications are %s", list.body)
	}
	if read := a.want(http.StatusOK, "", http.MethodPost, "/api/v1/notifications:read", map[string]any{"all": true}); read.get("unread") != 0.0 {
		t.Errorf("after reading: %s", read.body)
	}
	read := s.until(func(m liveMessage) bool { return m.Action == "read" })
	if m := read[len(read)-1]; len(m.IDs) != 1 || *m.Unread != 0 {
		t.Errorf("message is %+v", m)
	}
	a.want(http.StatusBadRequest, "invalid_request", http.MethodPost, "/api/v1/notifications:read", map[string]any{})
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/notifications?cursor=x", nil)

	s.say(map[string]any{"type": "ping"})
	if got := s.next(); got.Type != "pong" {
		t.Errorf("pong is %+v", got)
	}
	s.say(map[string]any{"type": "unsubscribe", "topics": []string{"jobs"}})
	if got := s.next(); !slices.Equal(got.Topics, []string{"inventory", "notifications"}) {
		t.Errorf("topics are %v", got.Topics)
	}
	for _, wrong := range []any{map[string]any{"type": "subscribe", "topics": []string{"jobs:x"}}, map[string]any{"type": "x"}, []string{}, map[string]any{"type": "subscribe", "since": all[0].Cursor}} {
		s.say(wrong)
		if got := s.next(); got.Type != "error" || got.Error == "" {
			t.Errorf("answer to %v is %+v", wrong, got)
		}
	}
}

func TestAClientThatConnectsAgainMissesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t, nil)
	start := a.open("", "notifications")
	start.say(map[string]any{"type": "ping"})
	cursor := start.next().Cursor
	id := a.want(http.StatusAccepted, "", http.MethodPost, "/api/v1/jobs/provision", provisionBody("web-01")).text("id")
	start.until(isNotification)

	s := a.open(cursor, "jobs:"+strings.ToUpper(id))
	ended := func(m liveMessage) bool { return m.State == "succeeded" }
	all := s.until(ended)
	var seqs []int64
	for _, m := range all {
		if m.Event != nil {
			seqs = append(seqs, m.Event.Seq)
		}
	}
	for i, seq := range seqs {
		if seq != int64(i+1) {
			t.Fatalf("events are %v", seqs)
		}
	}
	middle := len(all) / 2
	rest := a.open(all[middle].Cursor, "jobs:"+id).until(ended)
	if len(rest) != len(all)-middle-1 || rest[0].Cursor != all[middle+1].Cursor {
		t.Errorf("after message %d of %d there are %d", middle, len(all), len(rest))
	}

	events := a.events("topics=jobs:"+id, all[middle].Cursor)
	if got := events(); got.Type != "subscription" {
		t.Errorf("the first event is %+v", got)
	}
	for _, want := range rest {
		if got := events(); got.Cursor != want.Cursor || got.Type != want.Type {
			t.Errorf("event is %+v, want %+v", got, want)
		}
	}
}

// events opens an event stream and returns a function that returns its next event.
func (a *api) events(query, lastID string) func() liveMessage {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, a.server.URL+"/api/v1/events?"+query, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	response, err := a.server.Client().Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		a.t.Fatalf("status %d, header %v", response.StatusCode, response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	return func() (m liveMessage) {
		a.t.Helper()
		id := ""
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &m); err != nil || m.Cursor != id {
					a.t.Fatalf("event %s: %v: %s", id, err, text)
				}
				return m
			}
		}
		a.t.Fatalf("the stream ended: %v", lines.Err())
		return m
	}
}

func TestAClientThatWasAwayForTooLongLearnsWhatItMissed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *hvprov.Options, o *httpapi.Options) { o.KeepMessages = 3 })
	s := a.open("", "notifications")
	a.handler.Publish("0")
	cursor := s.next().Cursor
	for i := range 5 {
		a.handler.Publish(fmt.Sprint(i + 1))
	}
	again := a.open(cursor, "notifications")
	if got := again.next(); got.Type != "missed" || got.Missed != 2 {
		t.Errorf("the first message is %+v", got)
	}
	for _, want := range []string{"3", "4", "5"} {
		if got := again.next(); got.Error != want {
			t.Errorf("message is %+v, want %s", got, want)
		}
	}
	other := a.open("another-7", "notifications") // of a server that was restarted since
	if got := other.next(); got.Type != "missed" || got.Missed != -1 {
		t.Errorf("the first message is %+v", got)
	}
	if got := other.next(); got.Error != "3" {
		t.Errorf("then %+v", got)
	}
	events := a.events("topics=notifications&since=another-7", "")
	if first, second := events(), events(); first.Type != "subscription" || second.Missed != -1 {
		t.Errorf("events are %+v, %+v", first, second)
	}
}

func TestASlowClientIsDroppedAndDelaysNobody(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 2)
	a := newAPI(t, func(_ *hvprov.Options, o *httpapi.Options) {
		*o = o.WithIntervals(time.Hour, time.Second).WithStreamEnd(func() { ended <- struct{}{} })
	})
	slow, fast := a.open("", "notifications"), a.open("", "notifications")
	text := strings.Repeat("x", 1<<16)
	const messages = 400 // more than the buffers of a connection hold
	for i := range messages {
		a.handler.Publish(text)
		if got := fast.next(); len(got.Error) != len(text) {
			t.Fatalf("message %d is %+v", i, got)
		}
	}
	<-ended
	received := 0
	for {
		if _, _, err := slow.conn.Read(t.Context()); err != nil {
			break
		}
		received++
	}
	if received >= messages {
		t.Errorf("the client that did not read received all %d messages", received)
	}
	a.handler.Publish("the last")
	if got := fast.next(); got.Error != "the last" {
		t.Errorf("the other client received %+v", got)
	}
}

func TestLiveStreamsAreProtected(t *testing.T) {
	t.Parallel()
	a, tokens := newProtectedAPI(t, func(o *httpapi.Options) { *o = o.WithIntervals(10*time.Millisecond, 10*time.Second) })
	for name, tt := range map[string]struct {
		headers []string
		status  int
	}{
		"no credentials":        {nil, http.StatusUnauthorized},
		"a page of another":     {[]string{"Authorization", "Bearer reader", "Origin", "https://other.lab.example"}, http.StatusForbidden},
		"an opaque origin":      {[]string{"Authorization", "Bearer reader", "Origin", "null"}, http.StatusForbidden},
		"a token in the cookie": {[]string{"Cookie", "hvprov_session=reader"}, http.StatusUnauthorized},
	} {
		if _, response, err := a.dial(tt.headers...); err == nil || response.StatusCode != tt.status {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.headers["Authorization"] = "Bearer reader"
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/ws?token=reader", nil)
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/ws", nil)
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/events?topics=jobs&access_token=reader", nil)
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/events", nil)
	a.want(http.StatusBadRequest, "invalid_request", http.MethodGet, "/api/v1/events?topics=all", nil)

	s := a.open("", "jobs")
	tokens.revoke()
	if _, _, err := s.conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("after the token was revoked: %v", err)
	}
}

func TestStreamsEndWithTheHandler(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(_ *hvprov.Options, o *httpapi.Options) { o.MaxStreams = 1 })
	s := a.open("", "jobs")
	a.want(http.StatusServiceUnavailable, "overloaded", http.MethodGet, "/api/v1/events?topics=jobs", nil)
	if err := a.handler.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, _, err := s.conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("got %v", err)
	}
}
