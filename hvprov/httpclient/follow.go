// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// lastLines is the number of events that the error of a job repeats.
const lastLines = 10

// pageSize is the number of events that are requested at once.
const pageSize = 1000

// follow reports the events of the job and records its outcome. Live events come as server-sent events. What a stream lacks, before it
// was opened and while it was interrupted, is requested by sequence number, so that each event is reported once.
func (j *Job) follow(ctx context.Context) {
	cursor := ""
	var away time.Time // since when the server does not answer; zero: it does
	for {
		stream := j.open(ctx, cursor) // first, so that nothing is between it and what is requested
		ended, err := j.catchUp(ctx)
		now := time.Now()
		switch {
		case ended:
		case ctx.Err() != nil:
			ended = true
			j.err = j.unknown(hvprov.ErrClosed)
		case err == nil:
			away = time.Time{}
		case isFinal(err), !away.IsZero() && now.Sub(away) > j.client.limits.reconnect:
			ended = true
			j.err = j.unknown(err)
		case away.IsZero():
			away = now
		}
		if ended {
			stream.close()
			return
		}
		if stream == nil || err != nil {
			stream.close()
			pause(ctx, j.client.limits.wait)
			continue
		}
		cursor = stream.read(j, cursor)
		stream.close()
	}
}

// isFinal reports whether a request about the job will not succeed later: the server refuses it, or does not know the job.
func isFinal(err error) bool {
	var refused *statusError
	return errors.Is(err, hvprov.ErrJobNotFound) ||
		errors.As(err, &refused) && (refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// catchUp requests the events that are missing, and the outcome if the job has ended.
func (j *Job) catchUp(ctx context.Context) (ended bool, err error) {
	var view jobView
	if err := j.client.get(ctx, "/jobs/"+segment(j.id), &view); err != nil {
		return false, err
	}
	for j.seq < view.LastEvent {
		var page struct {
			Events []job.Event `json:"events"`
		}
		path := fmt.Sprintf("/jobs/%s/events?after=%d&limit=%d", segment(j.id), j.seq, pageSize)
		if err := j.client.get(ctx, path, &page); err != nil || len(page.Events) == 0 {
			if !view.State.Ended() {
				pause(ctx, j.client.limits.wait)
			}
			break // the host does not answer, or has forgotten them: the outcome does not depend on them
		}
		for _, e := range page.Events {
			j.report(e)
		}
	}
	if view.State.Ended() {
		j.end(&view)
		return true, nil
	}
	return false, nil
}

// report reports an event, unless it was reported before.
func (j *Job) report(e job.Event) {
	if e.Seq <= j.seq {
		return
	}
	j.seq = e.Seq
	if e.VMID != "" {
		j.mu.Lock()
		j.vmID = e.VMID
		j.mu.Unlock()
	}
	j.lines = append(j.lines, e.String())
	if len(j.lines) > lastLines {
		j.lines = j.lines[1:]
	}
	if j.onEvent != nil {
		j.onEvent(e)
	}
}

// stream is an open stream of server-sent events.
type stream struct {
	resp  *http.Response
	stop  context.CancelFunc
	alive *time.Timer // ends a stream without a heartbeat
	limit time.Duration
}

// open opens the stream of the job from a position on, or returns nil.
func (j *Job) open(ctx context.Context, cursor string) *stream {
	c := j.client
	ctx, stop := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address("/events?topics=jobs:"+url.QueryEscape(j.id)), nil)
	if err != nil {
		stop()
		return nil
	}
	c.addHeaders(req.Header)
	req.Header.Set("Accept", "text/event-stream")
	if cursor != "" {
		req.Header.Set("Last-Event-ID", cursor)
	}
	resp, err := c.http.Do(req) //nolint:bodyclose // stream.close does
	if err != nil {
		stop()
		return nil
	}
	s := &stream{resp: resp, stop: stop, alive: time.AfterFunc(c.limits.silence, stop), limit: c.limits.silence}
	if resp.StatusCode != http.StatusOK {
		s.close()
		return nil
	}
	return s
}

func (s *stream) close() {
	if s == nil {
		return
	}
	s.alive.Stop()
	s.stop()
	_ = s.resp.Body.Close()
}

// message is what the client uses of a live message.
type message struct {
	Type   string     `json:"type"`
	Cursor string     `json:"cursor"`
	Ended  bool       `json:"ended"`
	Event  *job.Event `json:"event"`
}

// read reports the events of the stream until it ends, an event is missing, or the job has ended. It returns the position.
func (s *stream) read(j *Job, cursor string) string {
	lines := bufio.NewScanner(s.resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.alive.Reset(s.limit)
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // the id is in the message too; a comment is a heartbeat
		}
		var m message
		if json.Unmarshal([]byte(data), &m) != nil {
			return cursor
		}
		if m.Event != nil {
			if m.Event.Seq > j.seq+1 {
				return cursor
			}
			j.report(*m.Event)
		}
		cursor = m.Cursor
		if m.Ended || m.Type == "missed" {
			return cursor
		}
	}
	return cursor
}
