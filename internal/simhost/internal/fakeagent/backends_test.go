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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/fakeagent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

const token = "t0123456789abcdef"

// patience ends a test that hangs.
const patience = 5 * time.Minute

// conversation is a session with a backend.
type conversation struct {
	stdin io.WriteCloser
	exit  <-chan int

	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, when output arrives
	answers  map[string]protocol.Message
	events   map[string][]job.Event
	unframed []string
	nextID   int
}

// startFunc starts a session on the host of a store.
type startFunc func(*testing.T, *hyperv.Store) *conversation

// backends returns the fake agent and, where HYPERVVM_PWSH names a PowerShell, the real agent.
func backends(t *testing.T) map[string]startFunc {
	t.Helper()
	all := map[string]startFunc{"fake": startFake}
	if pwsh := os.Getenv("HYPERVVM_PWSH"); pwsh != "" {
		all["real"] = func(t *testing.T, store *hyperv.Store) *conversation {
			t.Helper()
			return startReal(t, pwsh, store.Path())
		}
	} else {
		t.Log("the real agent is not tested: HYPERVVM_PWSH names no PowerShell")
	}
	return all
}

// startFake starts a session with the fake agent.
func startFake(t *testing.T, store *hyperv.Store) *conversation {
	t.Helper()
	host := fakeagent.NewHost(store)
	t.Cleanup(host.Close)
	return startOn(t, host)
}

// startOn starts a session on a host that may have others.
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

// startReal starts a session with the agent in a PowerShell, over the stand-in for Hyper-V.
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
			t.Logf("worker errors: %s", text)
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

// converse sends the bundle of the agent and collects the output of the session until its end.
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
				c.receive(line)
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
	c.send(t, string(protocol.EncodeText(agent.Bundle())))
	return c
}

func (c *conversation) receive(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { close(c.changed); c.changed = make(chan struct{}) }()
	_, payload, ok := protocol.FindFrame(line, token)
	var m protocol.Message
	if !ok || protocol.Decode(payload, &m) != nil {
		c.unframed = append(c.unframed, string(line))
		return
	}
	if m.Type == protocol.TypeAnswer {
		c.answers[m.ID] = m
		return
	}
	var e protocol.EventMessage
	if err := protocol.Decode(payload, &e); err != nil {
		c.unframed = append(c.unframed, string(line))
		return
	}
	c.events[e.Job] = append(c.events[e.Job], e.Event)
}

func (c *conversation) send(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		t.Fatalf("send to the session: %v", err)
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

// awaitEvent waits for an event of a job.
func (c *conversation) awaitEvent(t *testing.T, id string, what string, is func(job.Event) bool) {
	t.Helper()
	var found, ended bool
	c.wait(t, fmt.Sprintf("%s of job %s", what, id), func() bool {
		for _, e := range c.events[id] {
			found, ended = found || is(e), ended || e.Kind == job.KindResult
		}
		return found || ended
	})
	if !found {
		t.Fatalf("job %s ended before %s: %v", id, what, c.events[id])
	}
}

// wait waits until ready returns true; it is called whenever output arrives.
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
			t.Fatalf("%s did not arrive; output without a frame: %q", what, c.unframed)
		}
	}
}

// end closes the session and returns its exit code.
func (c *conversation) end(t *testing.T) int {
	t.Helper()
	_ = c.stdin.Close()
	select {
	case code := <-c.exit:
		return code
	case <-time.After(patience):
		t.Fatal("session did not end")
		return -1
	}
}
