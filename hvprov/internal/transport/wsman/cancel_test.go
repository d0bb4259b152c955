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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

func TestCancellationInterruptsAPendingReceive(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			clock := simhost.NewManualClock(time.Now())
			setup.host.Clock = clock // so that the host never answers the poll
			server := startHost(t, setup.host)
			config := configFor(server, setup.auth)
			config.ResponseMargin = time.Hour // so that only the cancellation can end the request
			client := newClient(t, config)
			shell := createShell(t, client)
			command := startCommand(t, shell, "silent")

			ctx, cancel := context.WithCancel(testContext(t))
			failed := make(chan error, 1)
			go func() {
				_, err := command.Receive(ctx)
				failed <- err
			}()
			clock.AwaitTimer(wsman.DefaultOperationTimeout) // the poll has reached the host
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) || errors.Is(err, transport.ErrConnectionLost) {
				t.Errorf("got %v", err)
			}
			if err := errors.Join(command.Terminate(testContext(t)), shell.Delete(testContext(t))); err != nil {
				t.Errorf("Terminate and Delete: %v", err)
			}
			if c := server.Counters(); c.OpenShells != 0 || c.RunningProcesses != 0 {
				t.Errorf("the host counted %+v", c)
			}
		})
	}
}

func TestNoRequestIsSentWhenTheContextHasEnded(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	command := startCommand(t, createShell(t, client), "cat")
	before := client.Stats()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, createErr := client.CreateShell(ctx)
	_, receiveErr := command.Receive(ctx)
	for _, err := range []error{createErr, receiveErr, command.Send(ctx, []byte("x"), true), command.Terminate(ctx)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	if after := client.Stats(); after != before {
		t.Errorf("the counters changed from %+v to %+v", before, after)
	}
}

func TestAHostThatNeverRespondsTimesOut(t *testing.T) {
	t.Parallel()
	for name, useTLS := range map[string]bool{"during the TLS handshake": true, "during the NTLM authentication": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := tcptest.Listen(t).Addr().(*net.TCPAddr).Port // the system accepts connections, nothing responds
			config := winrm.Config{Address: "127.0.0.1", Port: port, TLS: useTLS, Username: "u", Password: password}

			t.Run("after the connect timeout", func(t *testing.T) {
				config.ConnectTimeout = 50 * time.Millisecond
				_, err := newClient(t, config).CreateShell(testContext(t))
				if !errors.Is(err, transport.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "within") {
					t.Errorf("got %v", err)
				}
			})
			t.Run("at the deadline of the context", func(t *testing.T) {
				config.ConnectTimeout = time.Hour
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				_, err := newClient(t, config).CreateShell(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrConnectionLost) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestWaitingForAFreeConnectionEndsWithTheContext(t *testing.T) {
	t.Parallel()
	clock := simhost.NewManualClock(time.Now())
	server := startHost(t, simhost.Options{Clock: clock})
	config := configFor(server, winrm.AuthNTLM)
	config.MaxConnections = 1
	client := newClient(t, config)
	command := startCommand(t, createShell(t, client), "silent")

	polling, stop := context.WithCancel(testContext(t))
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

func TestAReceiveWithoutOutputReturnsNoError(t *testing.T) {
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
	output, err := command.Receive(testContext(t))
	if err != nil || output.Done || len(output.Stdout)+len(output.Stderr) != 0 {
		t.Errorf("got %+v, %v", output, err)
	}
	<-done
	if n := server.Counters().ByAction["Receive"]; n != 1 {
		t.Errorf("%d polls", n)
	}
}

func TestNoGoroutineIsLeftBehind(t *testing.T) { // not parallel: it counts all goroutines of this package
	server := startHost(t, simhost.Options{})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	shell := createShell(t, client)
	command := startCommand(t, shell, "silent")
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, _ = command.Receive(ctx)
		cancel()
	}
	_ = shell.Delete(testContext(t))
	client.Close()
	// Goroutines that a cancellation starts end by themselves.
	for ctx := testContext(t); ; runtime.Gosched() {
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 2)
		left := strings.Count(stacks.String(), "transport/wsman.")
		if left == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d frames are left:\n%s", left, stacks.String())
		}
	}
}
