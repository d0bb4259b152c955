// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// atOnce bounds what is to return at once, with room for a machine that is busy.
const atOnce = 2 * time.Second

func TestACancelEndsASilentPollAtOnce(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			clock := simhost.NewManualClock(time.Now())
			setup.host.Clock = clock // polls never end by themselves
			server := startHost(t, setup.host)
			client := newClient(t, configFor(server, setup.auth))
			shell := createShell(t, client)
			command := startCommand(t, shell, "silent")

			ctx, cancel := context.WithCancel(within(t))
			failed := make(chan error, 1)
			go func() {
				_, err := command.Receive(ctx)
				failed <- err
			}()
			clock.AwaitTimer(wsman.DefaultOperationTimeout) // the poll has reached the host
			begin := time.Now()
			cancel()
			err := <-failed
			if took := time.Since(begin); took > atOnce {
				t.Errorf("it took %v", took)
			}
			if !errors.Is(err, context.Canceled) || errors.Is(err, transport.ErrConnectionLost) {
				t.Errorf("got %v", err)
			}
			if err := errors.Join(command.Terminate(within(t)), shell.Delete(within(t))); err != nil {
				t.Errorf("cleaning up: %v", err)
			}
			if c := server.Counters(); c.OpenShells != 0 || c.RunningProcesses != 0 {
				t.Errorf("the host counted %+v", c)
			}
		})
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	command := startCommand(t, createShell(t, client), "cat")
	before := client.Stats()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, createErr := client.CreateShell(ctx, wsman.ShellOptions{})
	_, receiveErr := command.Receive(ctx)
	for _, err := range []error{createErr, receiveErr, command.Send(ctx, []byte("x"), true), command.Terminate(ctx)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if after := client.Stats(); after != before {
		t.Errorf("%+v became %+v", before, after)
	}
}

// mute is a listener whose connections are accepted by the system and never answered.
func mute(t *testing.T) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr)
}

func TestAHostThatNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, useTLS := range map[string]bool{"in the TLS handshake": true, "in the exchange of NTLM": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := winrm.Config{Address: "127.0.0.1", Port: mute(t).Port, TLS: useTLS, Username: "u", Password: password}

			t.Run("after the connect timeout", func(t *testing.T) {
				config.ConnectTimeout = 50 * time.Millisecond
				begin := time.Now()
				_, err := newClient(t, config).CreateShell(within(t), wsman.ShellOptions{})
				if !errors.Is(err, transport.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "within") {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begin); took > atOnce {
					t.Errorf("it took %v", took)
				}
			})
			t.Run("when the context's time is up", func(t *testing.T) {
				config.ConnectTimeout = time.Minute
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				_, err := newClient(t, config).CreateShell(ctx, wsman.ShellOptions{})
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrConnectionLost) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestAWaitForAFreeConnectionEndsWithTheContext(t *testing.T) {
	t.Parallel()
	clock := simhost.NewManualClock(time.Now())
	server := startHost(t, simhost.Options{Clock: clock})
	config := configFor(server, winrm.AuthNTLM)
	config.MaxConnections = 1
	client := newClient(t, config)
	command := startCommand(t, createShell(t, client), "silent")

	polling, stop := context.WithCancel(within(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = command.Receive(polling)
	}()
	clock.AwaitTimer(wsman.DefaultOperationTimeout)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := command.Send(ctx, []byte("x"), false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	stop()
	<-done
}

func TestASilentPollIsNoError(t *testing.T) {
	t.Parallel()
	clock := simhost.NewManualClock(time.Now())
	server := startHost(t, simhost.Options{Clock: clock})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	command := startCommand(t, createShell(t, client), "silent")
	done := make(chan struct{})
	go func() {
		defer close(done)
		clock.AwaitTimer(wsman.DefaultOperationTimeout)
		clock.Advance(wsman.DefaultOperationTimeout)
	}()
	output, err := command.Receive(within(t))
	if err != nil || output.Done || len(output.Stdout)+len(output.Stderr) != 0 {
		t.Errorf("got %+v, %v", output, err)
	}
	<-done
	if n := server.Counters().ByAction["Receive"]; n != 1 {
		t.Errorf("%d polls", n)
	}
}

func TestNoGoroutineIsLeftBehind(t *testing.T) { // not parallel: it looks at all goroutines of this package
	server := startHost(t, simhost.Options{})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	shell := createShell(t, client)
	command := startCommand(t, shell, "silent")
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, _ = command.Receive(ctx)
		cancel()
	}
	_ = shell.Delete(within(t))
	client.Close()
	// What a cancel starts in the background ends by itself, and soon.
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2)
		left := strings.Count(stacks.String(), "hvprov/winrm.")
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d frames are left:\n%s", left, stacks.String())
		}
	}
}
