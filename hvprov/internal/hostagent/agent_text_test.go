// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

func TestTheTextIsSentOnceToAHostThatLacksIt(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	jobs := map[string]int{}
	host := &fakeHost{lacksText: true, handle: func(p *fakeProcess, req protocol.Request) {
		if req.Request == protocol.RequestSubmit {
			mu.Lock()
			jobs[req.Job]++
			mu.Unlock()
		}
		p.answer(req, struct{}{})
	}}
	a := newAgent(t, host, nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := a.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Go(func() {
		if _, err := a.Submit(t.Context(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition}); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	_, processes := host.counts()
	if len(processes) != 1 || processes[0].texts > 0 {
		t.Errorf("%d processes, %d more texts than needed", len(processes), processes[0].texts)
	}
	if jobs[matrixJob] == 0 {
		t.Error("the job did not arrive")
	}
}

func TestTheTextIsNotSentToAHostThatHasIt(t *testing.T) {
	t.Parallel()
	host := &fakeHost{}
	a := newAgent(t, host, nil)
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, processes := host.counts(); processes[0].texts > 0 || processes[0].sends > 2 {
		t.Errorf("%d texts in %d sends", processes[0].texts, processes[0].sends)
	}
}

// A session that is not used for longer than the idle limit of its shell is gone on the host; the client learns it with the next request.
func TestAReadAfterTheShellWasClosedForIdlenessStartsAnotherSession(t *testing.T) {
	t.Parallel()
	host := &fakeHost{}
	a := newAgent(t, host, nil)
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, processes := host.counts()
	processes[0].mu.Lock()
	processes[0].failSend = []error{transport.ErrProcessLost}
	processes[0].mu.Unlock()
	if err := a.Ping(t.Context()); err != nil {
		t.Errorf("the first read after the pause: %v", err)
	}
	if _, processes := host.counts(); len(processes) != 2 {
		t.Errorf("%d processes", len(processes))
	}
}
