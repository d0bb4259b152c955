// SPDX-License-Identifier: MPL-2.0

// Package httpclient is a client of the HTTP API of an hvprovd. It has the methods that programs need of [hvprov.Service], with the same
// types and errors, for people who have a token and no credentials of the hosts. All clients of a server share its queues, its reservations
// of names and its audit log.
package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

const apiPath = "/api/v1"

// Options configure a [Client].
type Options struct {
	// URL is the address of the server, for example https://hvprovd.lab.example. Without TLS it must be a loopback address.
	URL string
	// Token is a bearer token of the server. Empty: none is sent.
	Token string
	// CACert has the PEM-encoded certificates of the certificate authorities to trust. Empty: those of the system.
	CACert []byte
	// ClientCert and ClientKey are a PEM-encoded client certificate and its key, for a server with mutual TLS. Empty: none.
	ClientCert, ClientKey []byte
	// Schema is the schema of submissions, which must be that of the server. Nil: the embedded one.
	Schema *jobschema.Schema
	// UserAgent names the program that uses the client.
	UserAgent string
}

// Client is a client of one server. Its methods are safe for concurrent use.
type Client struct {
	url    *url.URL
	token  string
	agent  string
	schema job.SchemaRef
	http   *http.Client
	limits limits
	hosts  []string

	follow  context.Context // ends when jobs are no longer followed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	own    map[*Job]struct{} // submitted by this client, not ended
}

// limits are times that tests change.
type limits struct {
	retries      int           // of a request
	wait         time.Duration // before the first retry, and between polls
	longestWait  time.Duration
	retryAfter   time.Duration // the longest that a server may ask for
	overload     time.Duration // how long the requests of an overloaded server are repeated
	connect      time.Duration // to open a connection
	answer       time.Duration // to answer a request: longer than the server takes
	silence      time.Duration // of a live stream, which has a heartbeat
	reconnect    time.Duration // how long a server may be away while a job runs
	cancelGrace  time.Duration // for a cancelled job to be rolled back
	lastResponse time.Duration // for the answer to a submission whose context has ended
}

func defaultLimits() limits {
	return limits{
		retries: 4, wait: 500 * time.Millisecond, longestWait: 5 * time.Second, retryAfter: time.Minute, overload: 2 * time.Minute,
		connect: 8 * time.Second, answer: 150 * time.Second, silence: time.Minute, reconnect: 5 * time.Minute,
		cancelGrace: 5 * time.Minute, lastResponse: 30 * time.Second,
	}
}

// New returns a client, after it has asked the server for its hosts and compared the schemas: another schema or version is a
// [*jobschema.VersionMismatchError].
func New(ctx context.Context, opts Options) (*Client, error) {
	return newClient(ctx, opts, defaultLimits())
}

func newClient(ctx context.Context, opts Options, l limits) (*Client, error) {
	schema := opts.Schema
	if schema == nil {
		var err error
		if schema, err = schemas.Load(); err != nil {
			return nil, err
		}
	}
	at, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(opts, l)
	if err != nil {
		return nil, err
	}
	c := &Client{
		url: at, token: opts.Token, agent: opts.UserAgent, schema: schema.Ref(), limits: l, own: map[*Job]struct{}{},
		// A redirect could lead elsewhere, with the values of a submission.
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	c.follow, c.stop = context.WithCancel(context.Background())
	if err := c.begin(ctx, schema); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// begin compares the schemas and asks for the names of the hosts.
func (c *Client) begin(ctx context.Context, schema *jobschema.Schema) error {
	var served struct {
		ID      string `json:"id"`
		Version int    `json:"version"`
	}
	if err := c.get(ctx, "/schema/job-inputs", &served); err != nil {
		return err
	}
	if given := schema.Ref(); given.ID != served.ID || given.Version != served.Version {
		return &jobschema.VersionMismatchError{Expected: job.SchemaRef{ID: served.ID, Version: served.Version}, Given: given}
	}
	var list struct {
		Hosts []struct {
			Name string `json:"name"`
		} `json:"hosts"`
	}
	if err := c.get(ctx, "/hosts", &list); err != nil {
		return err
	}
	for _, h := range list.Hosts {
		c.hosts = append(c.hosts, h.Name)
	}
	return nil
}

// parseURL checks the address of a server.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("url is not the address of a server: use a form such as https://hvprovd.lab.example")
	case u.User != nil:
		return nil, errors.New("url contains a user name: use a token")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("url contains a query or a fragment: remove it")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("url %s has no TLS, so that the token and the passwords in submissions could be read: use https", u.Redacted())
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func newTransport(opts Options, l limits) (*http.Transport, error) {
	t := retryablehttp.NewClient().HTTPClient.Transport.(*http.Transport) //nolint:forcetypeassert // with its own connection pool
	t.DialContext = (&net.Dialer{Timeout: l.connect}).DialContext
	t.ResponseHeaderTimeout = l.answer
	t.MaxIdleConnsPerHost = 32
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if len(opts.CACert) > 0 {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(opts.CACert) {
			return nil, errors.New("the CA certificate is not PEM text with a certificate")
		}
	}
	if len(opts.ClientCert) > 0 || len(opts.ClientKey) > 0 {
		pair, err := tls.X509KeyPair(opts.ClientCert, opts.ClientKey)
		if err != nil {
			return nil, errors.New("the client certificate and its key are not a pair of PEM texts")
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Close cancels the jobs that this client submitted and that have not ended, and stops following jobs. The server rolls the jobs back.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	own := make([]*Job, 0, len(c.own))
	for j := range c.own {
		own = append(own, j)
	}
	c.mu.Unlock()
	var errs []error
	for _, j := range own {
		errs = append(errs, j.requestCancel(ctx))
	}
	c.stop()
	c.running.Wait()
	c.http.CloseIdleConnections()
	return errors.Join(errs...)
}
