// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// The topics of live messages. Each job has a topic: [topicJob].
const (
	topicJobs          = "jobs"          // states and steps of all jobs
	topicInventory     = "inventory"     // states of hosts, and changes of what they have
	topicNotifications = "notifications" // notifications, and which of them the client has read
)

// topicJob returns the topic with everything about one job.
func topicJob(id string) string { return topicJobs + ":" + strings.ToLower(id) }

// message is a live message.
type message struct {
	Type   string    `json:"type"`             // job, host, inventory, notification, missed; see the guide
	Action string    `json:"action,omitempty"` // job: state or event; notification: created or read
	Cursor string    `json:"cursor"`           // the position after this message
	Time   time.Time `json:"time,omitzero"`
	Topics []string  `json:"topics,omitempty"`

	Host  string `json:"host,omitempty"`
	Job   string `json:"job,omitempty"`
	State string `json:"state,omitempty"`
	Ended bool   `json:"ended,omitempty"` // job: the outcome is known, or unknown until the host answers
	Error string `json:"error,omitempty"`

	Event        *job.Event                  `json:"event,omitempty"`
	Notification *notifications.Notification `json:"notification,omitempty"`
	IDs          []string                    `json:"ids,omitempty"`
	Unread       *int                        `json:"unread,omitempty"`
	Missed       int64                       `json:"missed,omitempty"` // number of messages of all topics; -1: unknown

	reader string // the only client that receives it; empty: all
	seq    int64
	data   []byte // the message as JSON
}

// maxKeptBytes is the maximum size of the messages that a hub keeps.
const maxKeptBytes = 32 << 20

// hub keeps the latest live messages, each encoded once, and wakes the streams that send them to clients. A stream has a position and
// no queue, so that a client that is slow, or does not read at all, costs nothing but its own messages.
type hub struct {
	id   string
	keep int

	mu     sync.Mutex
	kept   []*message // the oldest first, numbered without gaps
	bytes  int
	next   int64         // number of the next message, from 1
	wake   chan struct{} // closed with the next message
	closed bool
}

func newHub(keep int) *hub {
	return &hub{id: strings.ToLower(rand.Text()[:12]), keep: keep, next: 1, wake: make(chan struct{})}
}

// publish adds a message.
func (b *hub) publish(m message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	m.seq = b.next
	m.Cursor = b.cursor(m.seq)
	m.Time = m.Time.UTC()
	data, err := json.Marshal(m)
	if err != nil {
		return // does not happen: messages hold texts, numbers and times
	}
	m.data = data
	b.next++
	b.kept = append(b.kept, &m)
	b.bytes += len(data)
	drop := 0
	for len(b.kept)-drop > 1 && (len(b.kept)-drop > b.keep || b.bytes > maxKeptBytes) {
		b.bytes -= len(b.kept[drop].data)
		b.kept[drop] = nil
		drop++
	}
	b.kept = b.kept[drop:]
	close(b.wake)
	b.wake = make(chan struct{})
}

// cursor returns the cursor of a position.
func (b *hub) cursor(seq int64) string { return b.id + "-" + strconv.FormatInt(seq, 10) }

// position is the number of the last message that a client has received.
type position struct {
	seq     int64
	foreign bool // the position is of another process: what was missed is unknown
}

// now returns the position of a client that receives only what follows.
func (b *hub) now() position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return position{seq: b.next - 1}
}

// parse returns the position of a cursor. One of another process stands before all messages.
func (b *hub) parse(cursor string) (position, error) {
	id, number, _ := strings.Cut(cursor, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || seq < 0 || id == "" {
		return position{}, newProblem("invalid_request", "the cursor is not one of a live message")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if id != b.id || seq >= b.next {
		return position{foreign: true}, nil
	}
	return position{seq: seq}, nil
}

// maxBatch is the number of messages that a stream takes at once.
const maxBatch = 64

// take returns the messages after a position that match, moves the position, and says how many messages were dropped before them. If
// there is none yet, the channel is closed when there may be one; it is nil when the hub is closed.
func (b *hub) take(at *position, match func(*message) bool) (found []*message, missed int64, wake <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.next - int64(len(b.kept))
	if at.foreign {
		missed, at.foreign = -1, false
		at.seq = first - 1
	} else if at.seq < first-1 {
		missed = first - 1 - at.seq
		at.seq = first - 1
	}
	for _, m := range b.kept[at.seq-first+1:] {
		if len(found) == maxBatch {
			return found, missed, nil
		}
		at.seq = m.seq
		if match(m) {
			found = append(found, m)
		}
	}
	if b.closed {
		return found, missed, nil
	}
	return found, missed, b.wake
}

func (b *hub) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.wake)
	}
}

func (b *hub) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// pump publishes the events of the service until the subscription ends.
func (h *Handler) pump(events notify.Subscription) {
	for {
		e, err := events.Next(context.Background())
		if err != nil {
			return
		}
		if e.Kind == notify.KindJobState && e.Last {
			if r, err := h.service.Job(e.Job); err == nil {
				h.recent.add(r)
			}
		}
		for _, m := range messagesOf(e) {
			h.hub.publish(m)
		}
	}
}

// messagesOf returns the messages for an event of the service.
func messagesOf(e notify.Event) []message {
	m := message{Time: e.Time, Host: e.Host, Job: e.Job, State: e.State, Error: e.Err}
	switch e.Kind {
	case notify.KindJobState:
		m.Type, m.Action, m.Ended = "job", "state", e.Last
		m.Topics = []string{topicJobs, topicJob(e.Job)}
		return []message{m, inventoryChange(e)}
	case notify.KindJobEvent:
		m.Type, m.Action, m.Event = "job", "event", e.Event
		m.Topics = []string{topicJob(e.Job)}
		switch e.Event.Kind {
		case job.KindStep, job.KindResult:
			m.Topics = append(m.Topics, topicJobs)
		case job.KindVM:
			m.Topics = append(m.Topics, topicJobs)
			return []message{m, inventoryChange(e)}
		}
		return []message{m}
	case notify.KindHostState:
		m.Type, m.Topics = "host", []string{topicInventory}
		return []message{m}
	case notify.KindInventory:
		return []message{inventoryChange(e)}
	case notify.KindGap:
		m.Type, m.Missed = "missed", e.Missed
		m.Topics = []string{topicJobs, topicInventory}
		return []message{m}
	}
	return nil
}

// inventoryChange returns the message that the contents of a host have changed, with its placeholders.
func inventoryChange(e notify.Event) message {
	return message{Type: "inventory", Time: e.Time, Host: e.Host, Job: e.Job, Topics: []string{topicInventory}}
}

// topics are those of a stream.
type topics map[string]bool

// maxTopics is the number of topics of a stream.
const maxTopics = 100

// add adds topics, or returns a problem for one that does not exist.
func (t topics) add(names []string) error {
	for _, name := range names {
		id, ofJob := strings.CutPrefix(name, topicJobs+":")
		switch {
		case ofJob && isGUID(id):
			t[topicJob(id)] = true
		case !ofJob && slices.Contains([]string{topicJobs, topicInventory, topicNotifications}, name):
			t[name] = true
		default:
			return newProblem("invalid_request", "topic %q is not one of jobs, jobs:<id>, inventory and notifications", name)
		}
		if len(t) > maxTopics {
			return newProblem("invalid_request", "a stream has at most %d topics", maxTopics)
		}
	}
	return nil
}

func (t topics) remove(names []string) {
	for _, name := range names {
		if id, ofJob := strings.CutPrefix(name, topicJobs+":"); ofJob {
			name = topicJob(id)
		}
		delete(t, name)
	}
}

func (t topics) names() []string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// matches reports whether a client receives a message.
func (t topics) matches(m *message, reader string) bool {
	return (m.reader == "" || m.reader == reader) && slices.ContainsFunc(m.Topics, func(name string) bool { return t[name] })
}
