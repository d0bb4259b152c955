// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestInvalidOptionsAreRejected(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]Options{
		"an address of every interface": {Addr: "0.0.0.0:0"},
		"an address of a network":       {Addr: "192.0.2.1:0"},
		"a name":                        {Addr: "host.lab.example:0"},
		"no port":                       {Addr: "127.0.0.1"},
		"a negative pipe":               {PipeSize: -1},
		"a negative latency":            {Latency: -1},
		"a state below a file":          {StateFile: filepath.Join(file, "state.json")},
	} {
		s, err := Start(opts)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestCloseRemovesEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := Start(Options{Auth: Auth{AllowBasic: true}, Programs: map[string]Program{"hang": hang, "cat": cat}})
	if err != nil {
		t.Fatal(err)
	}
	w := dial(t, s)
	shell := w.create()
	id := w.command(shell, "hang")
	polling := later(func() error { _, err := w.try(t.Context(), receiveRequest(shell, id)); return err })
	w.command(shell, "cat")
	if n := s.Counters(); n.RunningProcesses != 2 {
		t.Errorf("counted %+v", n)
	}
	state := s.StateFile()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := polling(); err == nil {
		t.Error("a long poll was answered")
	}
	if n := s.Counters(); n.RunningProcesses != 0 || n.OpenShells != 0 || n.OpenConnections != 0 {
		t.Errorf("counted %+v", n)
	}
	for _, path := range []string{state, s.dir} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	if c, err := net.Dial("tcp", s.listener.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
	w.http.CloseIdleConnections()
	// Goroutines that are ending need to be scheduled.
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Auth: Auth{AllowBasic: true}})
	w := dial(t, s)
	shell := w.create()
	id := w.command(shell, "echo hi")
	w.receiveAll(shell, id)
	w.must(signalRequest(shell, id, "terminate"))
	w.must(deleteRequest(shell))
	w.do(deleteRequest(shell))
	w.pass = "wrong"
	w.do(deleteRequest(shell))
	n := s.Counters()
	receives := n.ByAction[ActionReceive]
	if n.POSTs != 6+receives || n.Faults != 1 || n.Shells != 1 || n.OpenShells != 0 || n.Processes != 1 ||
		n.RunningProcesses != 0 || n.Connections != 1 || n.BytesIn < 4000 || n.BytesOut < 2000 {
		t.Errorf("counted %+v", n)
	}
	for action, want := range map[string]int{ActionCreate: 1, ActionCommand: 1, ActionSignal: 1, ActionDelete: 2} {
		if n.ByAction[action] != want {
			t.Errorf("%s: %d, want %d", action, n.ByAction[action], want)
		}
	}
	if log := s.Log(); len(log) != n.POSTs {
		t.Errorf("%d entries for %d requests", len(log), n.POSTs)
	}
}

func TestTheStateFileOfTheCallerIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	s := start(t, Options{StateFile: path})
	if s.StateFile() != path || s.Store() == nil {
		t.Errorf("state in %q", s.StateFile())
	}
	if _, err := s.Store().Read(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// script writes a shell script that replaces PowerShell: the server treats all programs in the same way.
func script(t *testing.T, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a Unix shell")
	}
	path := filepath.Join(t.TempDir(), "pwsh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProcessesHaveTheirEnvironmentAndFolder(t *testing.T) {
	t.Setenv("HYPERVVM_PASSWORD", "secret of the one who started the server")
	pwsh := script(t, `echo "$1|$2|$HYPERVVM_STANDIN_STATE|$MINE|$HYPERVVM_PASSWORD"; echo "$PSModulePath" >&2; cat; exit 7`)
	s := start(t, basicAuth(Options{PowerShell: pwsh}))
	w := dial(t, s)
	shell := between(w.must(wireRequest{action: nsTransfer + "/Create", body: strings.Replace(createBody, "</rsp:Shell>",
		`<rsp:Environment><rsp:Variable Name="MINE">1 2</rsp:Variable></rsp:Environment></rsp:Shell>`, 1)}).raw, "<rsp:ShellId>", "</rsp:ShellId>")
	id := w.command(shell, `powershell.exe -Command "one  \"two\""`)
	w.must(sendRequest(shell, id, "input", true))
	h := w.receiveAll(shell, id)
	if want := `-Command|one  "two"|` + s.StateFile() + "|1 2|\ninput"; h.stdout != want || h.exit != "7" {
		t.Errorf("got %q, %s; want %q", h.stdout, h.exit, want)
	}
	modules, _, _ := strings.Cut(strings.TrimSpace(h.stderr), string(os.PathListSeparator))
	if _, err := os.Stat(filepath.Join(modules, "Hyper-V")); err != nil {
		t.Errorf("PSModulePath %q: %v", h.stderr, err)
	}
}

func TestDeleteKillsChildProcesses(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "alive")
	pwsh := script(t, `mkfifo "$1"; (exec 9>"$1"; echo ready; sleep 1000) & wait`)
	w := dial(t, start(t, basicAuth(Options{PowerShell: pwsh})))
	shell := w.create()
	id := w.command(shell, "powershell.exe "+fifo)
	// The grandchild opens its end of the pipe when there is a reader, and holds it until it ends.
	ended := later(func() error {
		for {
			f, err := os.Open(fifo)
			if errors.Is(err, os.ErrNotExist) {
				runtime.Gosched()
				continue
			}
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			_, err = f.Read(make([]byte, 1))
			return err
		}
	})
	if h := w.receive(shell, id); h.stdout != "ready\n" {
		t.Fatalf("got %+v", h)
	}
	w.must(deleteRequest(shell))
	if err := ended(); err == nil || err.Error() != "EOF" {
		t.Errorf("got %v", err)
	}
	if n := w.server.Counters(); n.RunningProcesses != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestProcessThatCannotStart(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{PowerShell: filepath.Join(t.TempDir(), "missing")})))
	shell := w.create()
	if h := w.receiveAll(shell, w.command(shell, "powershell.exe -Command 1")); h.exit != "1" || !strings.Contains(h.stderr, "missing") {
		t.Errorf("got %+v", h)
	}
}

func TestOutputOfAnEndedProcessIsNotLost(t *testing.T) {
	t.Parallel()
	const size = 300_000
	pwsh := script(t, `head -c 300000 /dev/zero`)
	w := dial(t, start(t, basicAuth(Options{PowerShell: pwsh})))
	shell := w.create()
	if h := w.receiveAll(shell, w.command(shell, "powershell.exe")); len(h.stdout) != size {
		t.Errorf("%d bytes of %d", len(h.stdout), size)
	}
}

func TestRealPowerShell(t *testing.T) {
	t.Parallel()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("needs a PowerShell: set HYPERVVM_PWSH")
	}
	w := dial(t, start(t, basicAuth(Options{PowerShell: pwsh})))
	shell := w.create()
	h := w.receiveAll(shell, w.command(shell, `powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "(Get-Module -ListAvailable Hyper-V).Name"`))
	if strings.TrimSpace(h.stdout) != "Hyper-V" || h.exit != "0" {
		t.Errorf("got %+v", h)
	}
	id := w.command(shell, `powershell.exe -NoLogo -NoProfile -NonInteractive -Command "[Console]::In.ReadLine().ToUpper()"`)
	w.must(sendRequest(shell, id, "hello\n", false))
	if h := w.receiveAll(shell, id); strings.TrimSpace(h.stdout) != "HELLO" {
		t.Errorf("got %+v", h)
	}
}

func TestManualClock(t *testing.T) {
	t.Parallel()
	c := NewManualClock(epoch)
	var fired []string
	c.AfterFunc(2*time.Second, func() { fired = append(fired, "two") })
	stop := c.AfterFunc(time.Second, func() { fired = append(fired, "one") })
	stop()
	c.Advance(time.Second)
	if len(fired) != 0 || !c.Now().Equal(epoch.Add(time.Second)) {
		t.Errorf("at %v: %q", c.Now(), fired)
	}
	c.AwaitTimer(time.Second)
	c.Advance(time.Second)
	if strings.Join(fired, " ") != "two" {
		t.Errorf("fired %q", fired)
	}
}
