// SPDX-License-Identifier: MPL-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// Options configure a [Sender]. URL and Secret are required.
type Options struct {
	// URL is the https URL of the receiver, without user name and password. It may itself be a secret: logs and errors show its
	// host only.
	URL string
	// AllowHTTP allows an http URL, for a trusted network.
	AllowHTTP bool
	// Secret signs the requests. It has at least 24 bytes, or is "whsec_" and the base64 form of at least 24 bytes, as defined by
	// Standard Webhooks.
	Secret string

	// Filter selects the events to send. Its Buffer and BufferBytes limit the events that wait.
	Filter notify.Filter

	// Client sends the requests. Redirects are never followed. Nil: a client with its own connections.
	Client  *http.Client
	Timeout time.Duration // of one attempt; 0: 10 seconds
	// Retries is the number of retries of an event; 0: 10; negative: none. After the last one the event is dropped, and the next
	// event that is delivered says so: see Message.Lost.
	Retries int
	// FirstWait is the time before the first retry; 0: one second. It doubles with every retry up to LongestWait; 0: five minutes.
	// A Retry-After header of the receiver is honoured up to one hour.
	FirstWait, LongestWait time.Duration

	Logger *slog.Logger     // nil: no logging
	Now    func() time.Time // nil: [time.Now]
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Retries == 0 {
		o.Retries = 10
	}
	if o.FirstWait <= 0 {
		o.FirstWait = time.Second
	}
	if o.LongestWait <= 0 {
		o.LongestWait = 5 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Message is the JSON body of a request: an event with an ID.
type Message struct {
	ID string `json:"id"` // the same for every attempt; also in the header Webhook-Id
	// Lost is the number of events before this one that were dropped after too many attempts or because the receiver rejected
	// them. Events that were published too fast are reported by a gap instead.
	Lost int64 `json:"lost,omitempty"`
	notify.Event
}

// Stats counts events.
type Stats struct {
	Delivered int64 // accepted by the receiver
	Lost      int64 // dropped after the last attempt
	Missed    int64 // published too fast, and replaced by a gap
}

// Sender sends events to one URL. [Start] creates it.
type Sender struct {
	opts     Options
	key      []byte
	receiver string // scheme and host of the URL, for logs and errors
	secrets  *redact.Redactor
	client   *http.Client
	sub      notify.Subscription

	cancel context.CancelFunc
	done   chan struct{}

	mu          sync.Mutex
	stats       Stats
	interrupted bool // the current event was dropped because Close ended
}

// Start subscribes to a source and sends its events until [Sender.Close], or until the source ends.
func Start(source notify.Source, opts Options) (*Sender, error) {
	key, err := parseKey(opts.Secret)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	u, err := parseURL(opts)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	opts = opts.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sender{
		opts: opts, key: key, receiver: u.Scheme + "://" + u.Host, client: newClient(opts),
		secrets: redact.New(opts.Secret, opts.URL, u.RequestURI()),
		sub:     source.Subscribe(opts.Filter), cancel: cancel, done: make(chan struct{}),
	}
	go s.run(ctx)
	return s, nil
}

// parseURL checks the URL. Its errors do not show more than the host: the rest may be a secret.
func parseURL(opts Options) (*url.URL, error) {
	u, err := url.Parse(opts.URL)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("URL is invalid or has no host: use the form https://host/path")
	case u.User != nil:
		return nil, fmt.Errorf("URL for %s contains a user name: remove it; requests are signed with the secret", u.Host)
	case u.Scheme == "http" && !opts.AllowHTTP:
		return nil, fmt.Errorf("URL for %s is http: use https://, or set AllowHTTP on a trusted network", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("URL for %s is neither https nor http", u.Host)
	}
	return u, nil
}

func newClient(opts Options) *http.Client {
	c := retryablehttp.NewClient().HTTPClient // with its own connection pool
	if opts.Client != nil {
		clone := *opts.Client
		c = &clone
	}
	c.Timeout = opts.Timeout
	// The signature is for this receiver only.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// run sends events until the subscription or ctx ends.
func (s *Sender) run(ctx context.Context) {
	defer close(s.done)
	lost := int64(0) // since the last delivered event
	for e, err := range s.sub.All(ctx) {
		if err != nil {
			return
		}
		m := Message{ID: e.Bus + "-" + strconv.FormatInt(e.Seq, 10), Lost: lost, Event: e}
		if e.Kind == notify.KindGap {
			m.ID += "-gap" // its number is that of a missed event
		}
		err := s.send(ctx, m)
		if lost++; err == nil {
			lost = 0
		}
		s.count(e, err, ctx.Err() != nil)
		if err != nil {
			s.opts.Logger.WarnContext(ctx, "webhook event not delivered", "to", s.receiver, "event", m.ID, "kind", string(e.Kind), "error", err)
		}
	}
}

func (s *Sender) count(e notify.Event, err error, interrupted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == notify.KindGap {
		s.stats.Missed += max(e.Missed, 0)
	}
	if err == nil {
		s.stats.Delivered++
		return
	}
	s.stats.Lost++
	s.interrupted = interrupted
}

// Stats returns the numbers of events so far.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close accepts no new events and sends those that wait. If ctx ends first, they are dropped, and the error says how many. Close may
// be called more than once.
func (s *Sender) Close(ctx context.Context) error {
	s.sub.Close()
	select {
	case <-s.done:
	case <-ctx.Done():
		s.cancel()
		<-s.done
	}
	s.cancel()
	left := 0
	for { // does not wait: the subscription is closed
		if _, err := s.sub.Next(context.WithoutCancel(ctx)); err != nil {
			break
		}
		left++
	}
	s.mu.Lock()
	if s.interrupted {
		left++
		s.interrupted = false
	}
	s.mu.Unlock()
	if s.opts.Client == nil {
		s.client.CloseIdleConnections()
	}
	if left > 0 {
		return fmt.Errorf("webhook: %d events were not sent to %s: %w", left, s.receiver, context.Cause(ctx))
	}
	return nil
}
