// SPDX-License-Identifier: MPL-2.0

package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// run sends events until there are no more, or ctx ends.
func (s *Sender) run(ctx context.Context) {
	defer close(s.done)
	lost := int64(0) // since the last that arrived
	for e, err := range s.sub.All(ctx) {
		if err != nil {
			return
		}
		m := Message{ID: s.bus + "-" + strconv.FormatInt(e.Seq, 10), Bus: s.bus, Lost: lost, Event: e}
		if e.Kind == notify.KindGap {
			m.ID += "-gap" // it has the number of an event that may have arrived
		}
		err := s.send(ctx, m)
		s.mu.Lock()
		if e.Kind == notify.KindGap {
			s.stats.Missed += max(e.Missed, 0)
		}
		if err == nil {
			lost = 0
			s.stats.Delivered++
		} else {
			lost++
			s.stats.Lost++
			s.cut = ctx.Err() != nil
		}
		s.mu.Unlock()
		if err != nil {
			s.opts.Logger.WarnContext(ctx, "an event was not delivered", "to", s.to, "event", m.ID, "kind", string(e.Kind), "error", err)
		}
	}
}

// send posts a message, and tries again where that helps.
func (s *Sender) send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("the event cannot be written as JSON: %w", err)
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, s.opts.URL, body)
	if err != nil {
		return s.network(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hypervvm-webhook/1")
	setSignature(req.Header, s.key, m.ID, s.opts.Now(), body)

	d := delivery{sender: s, id: m.ID}
	c := retryablehttp.Client{
		HTTPClient: s.client, // and no logger, which would show the URL
		RetryMax:   max(s.opts.Retries, 0), RetryWaitMin: s.opts.FirstWait, RetryWaitMax: s.opts.LongestWait,
		CheckRetry: d.again, Backoff: d.backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
		// A try that comes minutes after the first must not look like a replay.
		PrepareRetry: func(r *http.Request) error {
			r.Header = r.Header.Clone()
			setSignature(r.Header, s.key, m.ID, s.opts.Now(), body)
			return nil
		},
	}
	resp, err := c.Do(req)
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 4096) // so that the connection can be used again
		_ = resp.Body.Close()
	}
	switch {
	case ctx.Err() != nil && (err != nil || d.err != nil):
		return fmt.Errorf("it was given up: %w", ctx.Err())
	case d.err != nil:
		return fmt.Errorf("tries: %d: %w", d.tries, d.err)
	case err != nil:
		return s.network(err)
	}
	return nil
}

// delivery is what became of one event so far.
type delivery struct {
	sender *Sender
	id     string
	tries  int
	err    error // of the last try
}

// again tells whether another try may do better.
func (d *delivery) again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	d.tries++
	d.err = nil
	again := false
	switch {
	case err != nil:
		d.err = d.sender.network(err)
		// Certificates that are not trusted, and the like, stay so.
		again, _ = retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
	default:
		status := &StatusError{Code: resp.StatusCode, To: d.sender.to}
		d.err = status
		again = status.transient()
	}
	d.sender.opts.Logger.DebugContext(ctx, "an event was sent", "to", d.sender.to, "event", d.id, "try", d.tries, "error", d.err)
	return again, nil
}

// backoff gives the time before the next try.
func (d *delivery) backoff(low, high time.Duration, tries int, resp *http.Response) time.Duration {
	return min(max(retryablehttp.DefaultBackoff(low, high, tries, resp), low), max(longestRetryAfter, high))
}

// network is an error of net/http that shows neither the URL nor the secret.
func (s *Sender) network(err error) error {
	for around := (*url.Error)(nil); errors.As(err, &around); {
		err = around.Err
	}
	if text := s.secret.String(err.Error()); text != err.Error() {
		err = errors.New(text) // not wrapped, or the secret would be one Unwrap away
	}
	return fmt.Errorf("%s was not reached: %w: check the host, the proxy and the certificate", s.to, err)
}

// StatusError says that the receiver did not take an event.
type StatusError struct {
	Code int    // the status, as RFC 9110 15 lists them
	To   string // scheme and host of the URL
}

// Error implements error.
func (e *StatusError) Error() string {
	remedy := "see what its log says"
	switch {
	case e.Code >= 300 && e.Code < 400:
		remedy = "redirects are not followed: set the URL to where it leads"
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden:
		remedy = "compare the secrets and the clocks of both sides"
	case e.Code == http.StatusNotFound || e.Code == http.StatusGone:
		remedy = "check the path of the URL"
	}
	return fmt.Sprintf("%s answered with status %d %s: %s", e.To, e.Code, http.StatusText(e.Code), remedy)
}

// transient tells that another try may do better.
func (e *StatusError) transient() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.Code >= 500 && e.Code != http.StatusNotImplemented
}
