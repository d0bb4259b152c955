// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		fault  Fault
		broken bool   // the connection breaks
		status int    // of the answer
		code   uint32 // of the fault
		done   bool   // the request was served
	}{
		{name: "none", fault: FaultNone, status: http.StatusOK, done: true},
		{name: "drop before", fault: FaultDropBefore, broken: true},
		{name: "drop after", fault: FaultDropAfter, broken: true, done: true},
		{name: "reset in the body", fault: FaultResetBody, broken: true, done: true},
		{name: "truncated body", fault: FaultTruncate, broken: true, done: true},
		{name: "slow body", fault: FaultSlowBody, status: http.StatusOK, done: true},
		{name: "unavailable", fault: FaultUnavailable, status: http.StatusServiceUnavailable},
		{name: "unauthorized", fault: FaultUnauthorized, status: http.StatusUnauthorized},
		{name: "busy", fault: FaultBusy, status: http.StatusInternalServerError, code: codeBusy},
	} {
		for _, tls := range []bool{false, true} {
			opts := basicAuth(Options{Faults: FaultsOn(ActionCommand, c.fault, 1)})
			opts.PlainHTTP = !tls
			w := dial(t, start(t, opts))
			shell, id := w.create(), newGUID()
			// net/http does not repeat a POST with a body, so that each request is sent once.
			got, err := w.try(limited(t), commandRequest(shell, id, "echo hi"))
			if (err != nil) != c.broken || err == nil && (got.status != c.status || got.code != c.code) {
				t.Errorf("%s, TLS %t: status %d, fault %d, %v", c.name, tls, got.status, got.code, err)
			}
			want := uint32(0)
			if c.done {
				want = codeCommandIDTaken
			}
			if again := w.do(commandRequest(shell, id, "echo hi")); again.code != want {
				t.Errorf("%s, TLS %t: repeated, fault %d, want %d", c.name, tls, again.code, want)
			}
			if n := w.server.Counters(); n.ByAction[ActionCommand] != 2 || n.Processes != 1 {
				t.Errorf("%s, TLS %t: counted %+v", c.name, tls, n)
			}
			entries := w.server.Log()
			if e := entries[1]; e.Action != ActionCommand || e.Fault != c.fault || e.ShellID != shell || e.CommandID != id {
				t.Errorf("%s, TLS %t: logged %+v", c.name, tls, e)
			}
		}
	}
}

func TestBlackHole(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Faults: FaultsOn(ActionCreate, FaultBlackHole, 1)})))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := w.try(ctx, wireRequest{action: nsTransfer + "/Create", body: createBody}); err == nil {
		t.Fatalf("got %+v", got)
	}
	if n := w.server.Counters().OpenShells; n != 1 {
		t.Errorf("%d shells", n)
	}
}

func TestRepeatedAnswer(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Faults: FaultsOn(ActionReceive, FaultRepeat, 2), Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	w.must(sendRequest(shell, id, "one", false))
	first, second := w.receive(shell, id), w.receive(shell, id)
	if first.stdout != "one" || second.stdout != "one" {
		t.Errorf("got %+v and %+v", first, second)
	}
	w.must(sendRequest(shell, id, "two", true))
	if h := w.receiveAll(shell, id); h.stdout != "two" {
		t.Errorf("then %+v", h)
	}
}

func TestReboot(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Faults: FaultsOn(ActionSend, FaultReboot, 1), Programs: map[string]Program{"hang": hang}})))
	shell := w.create()
	id := w.command(shell, "hang")
	if got, err := w.try(limited(t), sendRequest(shell, id, "x", false)); err == nil {
		t.Fatalf("got %+v", got)
	}
	if got := w.do(receiveRequest(shell, id)); got.code != codeNotFound {
		t.Errorf("fault %d", got.code)
	}
	if n := w.server.Counters(); n.RunningProcesses != 0 || n.OpenShells != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestFaultsOn(t *testing.T) {
	t.Parallel()
	f := FaultsOn(ActionSend, FaultBusy, 2)
	var got []string
	for _, r := range []Request{{Action: ActionSend, Nth: 1}, {Action: ActionReceive, Nth: 2}, {Action: ActionSend, Nth: 2}, {Action: ActionSend, Nth: 3}} {
		if f(r) == FaultBusy {
			got = append(got, r.Action)
		}
	}
	if strings.Join(got, " ") != ActionSend {
		t.Errorf("busy on %q", got)
	}
}

func TestLatencyIsAddedToEachRequest(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Latency: 30 * time.Millisecond})))
	begin := time.Now()
	w.must(deleteRequest(w.create()))
	if d := time.Since(begin); d < 60*time.Millisecond {
		t.Errorf("two requests took %v", d)
	}
}
