// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestQuotaOfShells(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Quotas: Quotas{ShellsPerUser: 2}})))
	first := w.create()
	w.create()
	got := w.do(wireRequest{action: nsTransfer + "/Create", body: createBody})
	if got.code != codeMaxShells || got.subs != "w:QuotaLimit" || !strings.Contains(got.raw, "maximum number of 2 concurrent shells") {
		t.Errorf("got %s", got.raw)
	}
	w.must(deleteRequest(first))
	w.create()
}

func TestQuotaOfUsers(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Quotas: Quotas{Users: 1}, Accounts: map[string]AccountState{"other": {Password: "pw"}}}))
	w, other := dial(t, s), dial(t, s)
	other.user, other.pass = "other", "pw"
	shell := w.create()
	w.create() // the same user again
	if got := other.do(wireRequest{action: nsTransfer + "/Create", body: createBody}); got.code != codeMaxUsers {
		t.Errorf("fault %d", got.code)
	}
	w.must(deleteRequest(shell))
}

// Windows does not release an operation of a text shell before the shell is deleted.
func TestOperationsAreReleasedOnlyWithTheirShell(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Quotas: Quotas{OperationsPerUser: 3}})))
	shell, second := w.create(), w.create()
	for _, sh := range []string{shell, shell, second} {
		id := w.command(sh, "echo")
		w.receiveAll(sh, id)
		w.must(signalRequest(sh, id, "terminate"))
	}
	if got := w.do(commandRequest(second, "", "echo")); got.code != codeMaxOperations || got.subs != "w:QuotaLimit" {
		t.Errorf("fault %d %s", got.code, got.subs)
	}
	w.must(deleteRequest(shell))
	w.command(second, "echo")
}

func TestQuotaOfProcesses(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Quotas: Quotas{ProcessesPerShell: 2}, Programs: map[string]Program{"hang": hang}})))
	shell := w.create()
	first := w.command(shell, "hang")
	w.command(shell, "hang")
	if got := w.do(commandRequest(shell, "", "hang")); got.code != codeNoQuota {
		t.Errorf("fault %d", got.code)
	}
	w.must(signalRequest(shell, first, "terminate"))
	w.command(shell, "hang")
}

func TestQuotaOfConnections(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Quotas: Quotas{Connections: 1}}))
	w := dial(t, s)
	w.create() // holds its connection
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes from a connection beyond the quota", n)
	}
	if n := s.Counters(); n.Connections != 1 || n.OpenConnections != 1 {
		t.Errorf("counted %+v", n)
	}
}

func TestDefaultQuotas(t *testing.T) {
	t.Parallel()
	q := Quotas{Users: 3}.withDefaults()
	want := defaultQuotas()
	want.Users = 3
	if q != want || want.OperationsPerUser != 1500 || want.EnvelopeBytes != 512000 {
		t.Errorf("got %+v", q)
	}
}

func TestIdleShellsAreDeleted(t *testing.T) {
	t.Parallel()
	clock := NewManualClock(epoch)
	w := dial(t, start(t, basicAuth(Options{Clock: clock, Programs: map[string]Program{"hang": hang}})))
	idle := wireRequest{action: nsTransfer + "/Create", body: strings.Replace(createBody, "</rsp:Shell>", "<rsp:IdleTimeOut>PT900S</rsp:IdleTimeOut></rsp:Shell>", 1)}
	shell := between(w.must(idle).raw, "<rsp:ShellId>", "</rsp:ShellId>")
	id := w.command(shell, "hang")

	clock.Advance(880 * time.Second)
	a := receiveRequest(shell, id) // keeps the shell in use
	a.timeout = "PT10S"
	got := later(func() answer { return w.do(a) })
	clock.AwaitTimer(10 * time.Second)
	clock.Advance(10 * time.Second)
	if got := got(); got.code != codeTimedOut {
		t.Fatalf("Receive: %s", got.raw)
	}
	clock.Advance(899 * time.Second) // counted from the end of that request
	if n := w.server.Counters(); n.OpenShells != 1 || n.RunningProcesses != 1 {
		t.Errorf("before the idle limit: %+v", n)
	}
	clock.Advance(time.Second)
	if n := w.server.Counters(); n.OpenShells != 0 || n.RunningProcesses != 0 {
		t.Errorf("after the idle limit: %+v", n)
	}
	if got := w.do(receiveRequest(shell, id)); got.code != codeNotFound {
		t.Errorf("Receive: fault %d", got.code)
	}
}
