// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/internal/fakeagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/standin"
)

const token = "t0123456789abcdef"

// patience is how long a test waits for something that should come at once.
const patience = 90 * time.Second

// conversation is a session with one of the two sides.
type conversation struct {
	stdin io.WriteCloser
	exit  <-chan int

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when something has come
	answers map[string]protocol.Message
	events  map[string][]job.Event
	other   []string // lines that are no frames
	nextID  int
}

// startSimulated begins a session with this package.
func startSimulated(t *testing.T, stateFile string) *conversation {
	t.Helper()
	host, err := fakeagent.NewHost(stateFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return startOn(t, host)
}

// startOn begins a session on a host that may have others.
func startOn(t *testing.T, host *fakeagent.Host) *conversation {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	exit := make(chan int, 1)
	go func() {
		exit <- host.Run(t.Context(), info(), inR, outW, os.Stderr)
		_ = outW.Close()
	}()
	return converse(t, inW, outR, exit)
}

// startReal begins a session with the agent itself, run by the PowerShell that HYPERVVM_PWSH names.
func startReal(t *testing.T, pwsh, stateFile string) *conversation {
	t.Helper()
	modules, home := t.TempDir(), t.TempDir()
	if err := standin.WriteModules(modules); err != nil {
		t.Fatal(err)
	}
	script, err := protocol.Bootstrap(info())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pwsh, "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand", protocol.EncodeCommand(script))
	workers := filepath.Join(home, "workers")
	cmd.Env = append(append(os.Environ(), "HOME="+home),
		standin.Environment(pwsh, modules, stateFile, filepath.Join(stateFile+".d", "ProgramData"), workers)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exit := make(chan int, 1)
	outR, outW := io.Pipe()
	go func() {
		_, _ = io.Copy(outW, stdout)
		_ = cmd.Wait()
		exit <- cmd.ProcessState.ExitCode()
		_ = outW.Close()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if text, err := os.ReadFile(workers + ".errors"); err == nil && len(text) > 0 {
			t.Logf("a worker wrote: %s", text)
		}
		if err := standin.KillWorkers(workers); err != nil {
			t.Error(err)
		}
	})
	return converse(t, stdin, outR, exit)
}

func info() protocol.BootstrapInfo {
	sum := sha256.Sum256(agent.Bundle())
	return protocol.BootstrapInfo{Token: token, SHA256: hex.EncodeToString(sum[:])}
}

// converse reads what a side says, until it ends. The agent's text is sent here.
func converse(t *testing.T, stdin io.WriteCloser, stdout io.Reader, exit <-chan int) *conversation {
	c := &conversation{
		stdin: stdin, exit: exit, changed: make(chan struct{}),
		answers: map[string]protocol.Message{}, events: map[string][]job.Event{},
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) > 0 {
				c.take(line)
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		<-read
	})
	c.send(t, string(protocol.Compress(agent.Bundle())))
	return c
}

func (c *conversation) take(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { close(c.changed); c.changed = make(chan struct{}) }()
	payload, ok := protocol.ParseFrame(line, token)
	var m protocol.Message
	if !ok || protocol.Decode(payload, &m) != nil {
		c.other = append(c.other, string(line))
		return
	}
	if m.Type == protocol.TypeAnswer {
		c.answers[m.ID] = m
		return
	}
	var e protocol.EventMessage
	if err := protocol.Decode(payload, &e); err != nil {
		c.other = append(c.other, string(line))
		return
	}
	c.events[e.Job] = append(c.events[e.Job], e.Event)
}

func (c *conversation) send(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		t.Fatalf("the session does not read: %v", err)
	}
}

// ask sends a request and waits for its answer.
func (c *conversation) ask(t *testing.T, req protocol.Request) protocol.Message {
	t.Helper()
	c.nextID++
	req.ID = strconv.Itoa(c.nextID)
	payload, err := protocol.Encode(req)
	if err != nil {
		t.Fatal(err)
	}
	c.send(t, string(payload))
	return c.answer(t, req.ID)
}

func (c *conversation) answer(t *testing.T, id string) (m protocol.Message) {
	t.Helper()
	c.wait(t, "the answer to request "+id, func() (ok bool) {
		m, ok = c.answers[id]
		return ok
	})
	return m
}

// follow waits for an event of a job.
func (c *conversation) follow(t *testing.T, id string, what string, is func(job.Event) bool) {
	t.Helper()
	c.wait(t, fmt.Sprintf("%s of job %s", what, id), func() bool {
		for _, e := range c.events[id] {
			if is(e) {
				return true
			}
		}
		return false
	})
}

// wait waits until ready, which is asked whenever something has come.
func (c *conversation) wait(t *testing.T, what string, ready func() bool) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for {
		c.mu.Lock()
		ok, changed := ready(), c.changed
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s did not come; other output: %q", what, c.other)
		}
	}
}

// end closes the session and gives its exit code.
func (c *conversation) end(t *testing.T) int {
	t.Helper()
	_ = c.stdin.Close()
	select {
	case code := <-c.exit:
		return code
	case <-time.After(patience):
		t.Fatal("the session did not end")
		return -1
	}
}
