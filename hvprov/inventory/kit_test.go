// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// newStore gives a store of some hosts, closed with the test.
func newStore(t *testing.T, opts inventory.Options, hosts ...string) *inventory.Store {
	t.Helper()
	s := inventory.New(opts)
	setHosts(t, s, hosts...)
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func setHosts(t *testing.T, s *inventory.Store, hosts ...string) {
	t.Helper()
	if err := s.SetHosts(hosts); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *inventory.Store, host string) *inventory.Snapshot {
	t.Helper()
	snapshot, err := s.Get(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func peek(t *testing.T, s *inventory.Store, host string) inventory.View {
	t.Helper()
	v, err := s.Peek(host)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// holding gives a Fetch that always finds these machines.
func holding(vms ...job.VM) func(context.Context, string) (*inventory.Snapshot, error) {
	return func(context.Context, string) (*inventory.Snapshot, error) {
		return &inventory.Snapshot{VMs: vms}, nil
	}
}

// question is a request that a host was asked, and has not answered.
type question struct {
	ctx    context.Context
	host   string
	answer chan<- reply
}

type reply struct {
	vms []job.VM
	err error
}

func (q question) say(vms ...job.VM) { q.answer <- reply{vms: vms} }
func (q question) fail(err error)    { q.answer <- reply{err: err} }

// asking gives a Fetch whose questions the test answers, in the order that it likes. Those of contexts that end are over.
func asking() (fetch func(context.Context, string) (*inventory.Snapshot, error), questions <-chan question) {
	asked := make(chan question, 100)
	return func(ctx context.Context, host string) (*inventory.Snapshot, error) {
		answer := make(chan reply, 1)
		asked <- question{ctx, host, answer}
		select {
		case r := <-answer:
			return &inventory.Snapshot{VMs: r.vms}, r.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}, asked
}

// teller keeps what OnChange is told, one line each.
type teller struct {
	mu    sync.Mutex
	lines []string
}

func (l *teller) tell(c inventory.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := []string{c.Host, string(c.Kind)}
	if c.VM != nil {
		line = append(line, c.VM.Name)
	}
	if c.After != "" {
		line = append(line, c.Before, c.After)
	}
	if c.Err != nil {
		line = append(line, c.Err.Error())
	}
	l.lines = append(l.lines, strings.Join(line, " "))
}

// take gives the lines so far, and forgets them.
func (l *teller) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}
