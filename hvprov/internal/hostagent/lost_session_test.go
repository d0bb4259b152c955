// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// A host that restarts takes the shells of all sessions with it, also those with a request under way.
func TestARequestThatChangesNothingIsMadeOnceMoreWhenItsSessionIsLost(t *testing.T) {
	t.Parallel()
	requests := map[string]func(context.Context, *hostagent.Agent) error{
		"inventory": func(ctx context.Context, a *hostagent.Agent) error { _, err := a.Inventory(ctx); return err },
		"check": func(ctx context.Context, a *hostagent.Agent) error {
			_, err := a.Check(ctx, hostagent.JobRequest{Definition: matrixDefinition}, nil)
			return err
		},
		"jobs":    func(ctx context.Context, a *hostagent.Agent) error { _, err := a.Jobs(ctx); return err },
		"install": func(ctx context.Context, a *hostagent.Agent) error { return a.Ready(ctx) },
	}
	for name, request := range requests {
		for lost, want := range []error{nil, nil, transport.ErrProcessLost} {
			t.Run(fmt.Sprintf("%s, %d times", name, lost), func(t *testing.T) {
				t.Parallel()
				left := lost
				host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
					if left > 0 {
						left--
						p.out <- result{err: transport.ErrProcessLost}
						return
					}
					p.answer(req, struct{}{})
				}}
				a := newAgent(t, host, nil)
				if err := request(t.Context(), a); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
				if connects, _ := host.counts(); connects != min(lost+1, 2) {
					t.Errorf("%d processes were started", connects)
				}
			})
		}
	}
}

func TestAHostThatIsNotTrustedAnyMoreEndsItsRequestsAtOnce(t *testing.T) {
	t.Parallel()
	untrusted := fmt.Errorf("%w: %w: unknown authority", transport.ErrConnectionLost, transport.ErrUntrusted)
	host := &fakeHost{handle: func(p *fakeProcess, _ protocol.Request) { p.out <- result{err: untrusted} }}
	a := newAgent(t, host, nil)
	if _, err := a.Inventory(t.Context()); !errors.Is(err, transport.ErrUntrusted) || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("got %v", err)
	}
	if connects, _ := host.counts(); connects != 1 {
		t.Errorf("%d processes were started", connects)
	}
}

// cancelOn is a log handler that cancels a context with the first record.
type cancelOn struct {
	slog.Handler
	cancel context.CancelFunc
}

func (h cancelOn) Enabled(context.Context, slog.Level) bool      { return true }
func (h cancelOn) Handle(_ context.Context, _ slog.Record) error { h.cancel(); return nil }

func TestTheErrorOfADeadlineNamesTheErrorOfTheConnection(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	host := &fakeHost{handle: func(p *fakeProcess, _ protocol.Request) {
		p.out <- result{err: fmt.Errorf("%w: reset by a proxy", transport.ErrConnectionLost)}
	}}
	a := newAgent(t, host, func(o *hostagent.Options) { o.Logger = slog.New(cancelOn{slog.DiscardHandler, cancel}) })
	_, err := a.Inventory(ctx)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, transport.ErrConnectionLost) || !strings.Contains(err.Error(), "reset by a proxy") {
		t.Errorf("got %v", err)
	}
}
