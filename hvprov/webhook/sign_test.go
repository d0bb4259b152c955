// SPDX-License-Identifier: MPL-2.0

package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/webhook"
)

// A request from the tests of the Standard Webhooks libraries.
const (
	specSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	specID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	specBody      = `{"test": 2432232314}`
	specSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var specTime = time.Unix(1614265330, 0)

func TestVerifyAcceptsSignedRequestsOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(h http.Header)
		body   string
		now    time.Time
		secret string
		want   error
	}{
		{name: "the specification's example"},
		{name: "among other signatures", change: func(h http.Header) {
			h.Set("Webhook-Signature", "v1a,AAAA v1,AAAA "+specSignature)
		}},
		{name: "a small clock difference", now: specTime.Add(-4 * time.Minute)},
		{name: "another body", body: specBody + " ", want: webhook.ErrSignature},
		{name: "another ID", change: func(h http.Header) { h.Set("Webhook-Id", "x") }, want: webhook.ErrSignature},
		{name: "another timestamp", change: func(h http.Header) { h.Set("Webhook-Timestamp", "1614265331") }, want: webhook.ErrSignature},
		{name: "another secret", secret: "another secret of 24 bytes", want: webhook.ErrSignature},
		{name: "another version", change: func(h http.Header) {
			h.Set("Webhook-Signature", strings.Replace(specSignature, "v1,", "v2,", 1))
		}, want: webhook.ErrSignature},
		{name: "no signature", change: func(h http.Header) { h.Del("Webhook-Signature") }, want: webhook.ErrSignature},
		{name: "no ID", change: func(h http.Header) { h.Del("Webhook-Id") }, want: webhook.ErrSignature},
		{name: "no timestamp", change: func(h http.Header) { h.Del("Webhook-Timestamp") }, want: webhook.ErrSignature},
		{name: "a replay", now: specTime.Add(6 * time.Minute), want: webhook.ErrTime},
		{name: "a timestamp in the future", now: specTime.Add(-6 * time.Minute), want: webhook.ErrTime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			h.Set("Webhook-Id", specID)
			h.Set("Webhook-Timestamp", "1614265330")
			h.Set("Webhook-Signature", specSignature)
			if tt.change != nil {
				tt.change(h)
			}
			body, now, key := specBody, specTime, specSecret
			if tt.body != "" {
				body = tt.body
			}
			if !tt.now.IsZero() {
				now = tt.now
			}
			if tt.secret != "" {
				key = tt.secret
			}
			id, err := webhook.Verify(key, h, []byte(body), now)
			if !errors.Is(err, tt.want) || (err == nil) != (id == specID) {
				t.Errorf("got %q, %v", id, err)
			}
		})
	}
}

func TestVerifyRequiresASecret(t *testing.T) {
	t.Parallel()
	if _, err := webhook.Verify("", http.Header{}, nil, specTime); err == nil || errors.Is(err, webhook.ErrSignature) {
		t.Errorf("got %v", err)
	}
}

// A receiver verifies a request before it uses the body. A service can take the place of the bus.
func Example() {
	const secret = "random bytes, kept in a safe place"
	received := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		if _, err := webhook.Verify(secret, r.Header, body, time.Now()); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		received <- string(body[strings.Index(string(body), `"host"`):])
	}))
	defer server.Close()

	bus := eventbus.New(eventbus.Options{})
	sender, err := webhook.Start(bus, webhook.Options{URL: server.URL, Secret: secret, Client: server.Client()})
	if err != nil {
		panic(err)
	}
	bus.Publish(notify.Event{Kind: notify.KindHostState, Host: "hv01", State: "unreachable"})
	fmt.Println(<-received)
	if err := sender.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: "host":"hv01","state":"unreachable"}
}
