// SPDX-License-Identifier: MPL-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// Defaults of [Options].
const (
	DefaultTimeout     = 10 * time.Second
	DefaultRetries     = 10
	DefaultFirstWait   = time.Second
	DefaultLongestWait = 5 * time.Minute
)

// longestRetryAfter is for how long a receiver can ask to be left alone.
const longestRetryAfter = time.Hour

// Options say where events are sent, and which. URL and Secret are needed.
type Options struct {
	// URL is https, without user and password. It may itself be a secret, and is shown nowhere but for its host.
	URL string
	// AllowHTTP takes an http URL as well, where the way there is trusted.
	AllowHTTP bool
	// Secret signs the requests. It is at least 24 bytes, or "whsec_" and the base64 of so many, as Standard Webhooks has it.
	Secret string

	// Filter says which events are sent. Its Buffer and BufferBytes bound what waits.
	Filter notify.Filter

	// Client sends the requests; nil: one of its own. Redirects are not followed, whatever it says.
	Client  *http.Client
	Timeout time.Duration // of one try; 0: DefaultTimeout
	// Retries is how often an event is tried again; 0: DefaultRetries; negative: never. Then it is given up, and the next one
	// that arrives says so: see Message.Lost.
	Retries int
	// FirstWait is the time before the second try. It doubles from try to try, up to LongestWait, unless the receiver says how
	// long to wait (Retry-After), which is heeded up to an hour. 0: DefaultFirstWait, DefaultLongestWait.
	FirstWait, LongestWait time.Duration

	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
}

// Message is the body of a request, as JSON: an event, and what tells it from all others.
type Message struct {
	ID  string `json:"id"`  // the same for each try; also in the header webhook-id
	Bus string `json:"bus"` // the Seq of events with another one, after a restart, are others
	// Lost is how many events before this one were given up, because they were tried too often or refused. What came
	// too fast is told by a gap instead.
	Lost int64 `json:"lost,omitempty"`
	notify.Event
}

// Sender sends events to one URL. It is made by [Start].
type Sender struct {
	opts   Options
	key    []byte
	to     string // the URL, as it may be shown
	secret *redact.Redactor
	bus    string
	client *http.Client
	sub    *notify.Subscription

	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex
	stats Stats
	cut   bool // an event was given up because of the end
}

// Stats are what became of events so far.
type Stats struct {
	Delivered int64 // the receiver took it
	Lost      int64 // was given up
	Missed    int64 // came too fast, and was replaced by a gap
}

// Start subscribes to a bus, and sends what it gives until [Sender.Close], or the end of the bus.
func Start(bus *notify.Bus, opts Options) (*Sender, error) {
	k, err := key(opts.Secret)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	u, err := target(opts)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Retries == 0 {
		opts.Retries = DefaultRetries
	}
	if opts.FirstWait <= 0 {
		opts.FirstWait = DefaultFirstWait
	}
	if opts.LongestWait <= 0 {
		opts.LongestWait = DefaultLongestWait
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sender{
		opts: opts, key: k, to: u.Scheme + "://" + u.Host, bus: bus.ID(), client: httpClient(opts),
		secret: redact.New(opts.Secret, opts.URL, u.RequestURI()),
		sub:    bus.Subscribe(opts.Filter), stop: stop, done: make(chan struct{}),
	}
	go s.run(ctx)
	return s, nil
}

// target checks the URL. Errors do not show it: it may be a secret.
func target(opts Options) (*url.URL, error) {
	u, err := url.Parse(opts.URL)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("the URL is none, or has no host: write it as https://host/path")
	case u.User != nil:
		return nil, fmt.Errorf("the URL for %s has a user in it: leave it out; requests are signed with the secret", u.Host)
	case u.Scheme == "http" && !opts.AllowHTTP:
		return nil, fmt.Errorf("the URL for %s is http: write https://, or set AllowHTTP if the way there is trusted", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the URL for %s is neither https nor http", u.Host)
	}
	return u, nil
}

func httpClient(opts Options) *http.Client {
	c := retryablehttp.NewClient().HTTPClient // that has a pool of its own
	if opts.Client != nil {
		own := *opts.Client
		c = &own
	}
	c.Timeout = opts.Timeout
	// The signature is for this receiver alone.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Stats tells what became of events so far.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close takes no new events and sends those that wait. When ctx ends first they are given up, and the error tells how
// many. More than once does no harm.
func (s *Sender) Close(ctx context.Context) error {
	s.sub.Finish()
	select {
	case <-s.done:
	case <-ctx.Done():
		s.stop()
		<-s.done
	}
	s.stop()
	left := s.sub.Waiting()
	s.mu.Lock()
	if s.cut {
		left++
		s.cut = false
	}
	s.mu.Unlock()
	s.sub.Close()
	if s.opts.Client == nil {
		s.client.CloseIdleConnections()
	}
	if left > 0 {
		return fmt.Errorf("webhook: %d events were not sent to %s: %w", left, s.to, context.Cause(ctx))
	}
	return nil
}
