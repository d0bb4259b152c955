// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notifications"
)

// Options configure a [Handler]. The zero value serves loopback connections without authentication.
type Options struct {
	// Authenticators are asked in order until one knows the sender of a request. Nil: every request from this computer is that of an
	// administrator, and all others are refused.
	Authenticators []Authenticator
	// Notifications keeps the notifications. The handler closes it. Nil: they are kept in memory.
	Notifications notifications.Store
	// Metrics is served at /metrics to readers. Nil: the route does not exist.
	Metrics http.Handler
	// Page is served, without authentication, for paths that are not those of the API. Nil: they do not exist.
	Page http.Handler

	// Origins are further origins, such as https://ops.lab.example, of pages that may send requests. The server's own origin is
	// always allowed.
	Origins []string
	// PublicURL is the address of the server for browsers, for example https://hvprovd.lab.example. The identity provider sends them back
	// there: see [Login]. Empty: that of the request.
	PublicURL string
	// SecureCookies marks cookies as for HTTPS only when a proxy terminates TLS. Over TLS they always are.
	SecureCookies bool
	// SessionAge is how long a browser session lasts. 0: 12 hours. It ends earlier with the token that it was created with.
	SessionAge time.Duration

	// MaxBodyBytes is the maximum size of a request body. 0: 1 MiB.
	MaxBodyBytes int64
	// RequestTimeout limits a request that is not a stream. 0: 2 minutes.
	RequestTimeout time.Duration
	// MaxRequests is the number of requests that are served at the same time, without streams. With authentication, one client has at
	// most a quarter of them. 0: 256.
	MaxRequests int
	// RequestsPerSecond is the average number of requests of one client, with bursts of ten times as many. 0: 50; negative: no limit.
	RequestsPerSecond float64
	// MaxStreams is the number of websockets and event streams that are served at the same time, with the same rule. 0: 2048.
	MaxStreams int
	// KeepMessages is the number of live messages that are kept for clients that connect again. 0: 8192.
	KeepMessages int

	Logger *slog.Logger // nil: nothing is logged
	Audit  *slog.Logger // receives one entry for each request that changes something; nil: Logger

	now        func() time.Time
	heartbeat  time.Duration // between signs of life on a stream
	writeLimit time.Duration // for a client to take a message
	onEnd      func()        // called when a stream has ended
}

func (o Options) withDefaults() Options {
	if o.Notifications == nil {
		o.Notifications = &notifications.Memory{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Audit == nil {
		o.Audit = o.Logger
	}
	if o.onEnd == nil {
		o.onEnd = func() {}
	}
	if o.now == nil {
		o.now = time.Now
	}
	o.heartbeat, o.writeLimit = positive(o.heartbeat, 15*time.Second), positive(o.writeLimit, 10*time.Second)
	o.SessionAge = positive(o.SessionAge, 12*time.Hour)
	o.MaxBodyBytes = positive(o.MaxBodyBytes, 1<<20)
	o.RequestTimeout = positive(o.RequestTimeout, 2*time.Minute)
	o.MaxRequests = positive(o.MaxRequests, 256)
	o.MaxStreams = positive(o.MaxStreams, 2048)
	o.KeepMessages = positive(o.KeepMessages, 8192)
	if o.RequestsPerSecond == 0 {
		o.RequestsPerSecond = 50
	}
	return o
}

func positive[T int | int64 | time.Duration](value, fallback T) T {
	if value > 0 {
		return value
	}
	return fallback
}
