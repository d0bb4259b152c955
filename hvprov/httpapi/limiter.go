// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// burstSeconds is the number of seconds whose requests a client may send at once.
const burstSeconds = 10

// maxBuckets is the number of clients that a limiter remembers. Beyond it, those without a recent request are forgotten.
const maxBuckets = 10_000

// limiter limits the requests of each client: a bucket is filled at a rate and each request takes from it.
type limiter struct {
	rate float64 // requests a second; negative: no limit
	now  func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	level float64
	at    time.Time
}

func newLimiter(rate float64, now func() time.Time) *limiter {
	return &limiter{rate: rate, now: now, buckets: map[string]*bucket{}}
}

// take takes one request of a client, and returns how long the client must wait if there is none.
func (l *limiter) take(client string) (wait time.Duration) {
	if l.rate < 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.buckets[client]
	if b == nil {
		l.forget(now)
		b = &bucket{level: l.rate * burstSeconds, at: now}
		l.buckets[client] = b
	}
	b.level, b.at = min(b.level+now.Sub(b.at).Seconds()*l.rate, l.rate*burstSeconds), now
	if b.level < 1 {
		return time.Duration((1 - b.level) / l.rate * float64(time.Second))
	}
	b.level--
	return 0
}

// forget removes full buckets when there are too many, and all if none is full.
func (l *limiter) forget(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for client, b := range l.buckets {
		if now.Sub(b.at) >= burstSeconds*time.Second {
			delete(l.buckets, client)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// addressOf returns the IP address of the sender of a request.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func cloneURL(path string) *url.URL { return &url.URL{Path: path} }
