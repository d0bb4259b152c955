// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// life runs a command from beginning to end and returns the first error; what was made is closed in any case.
func life(ctx context.Context, client *wsman.Client) (output transport.Output, err error) {
	shell, err := client.CreateShell(ctx, wsman.ShellOptions{})
	if err != nil {
		return output, err
	}
	defer func() { err = errors.Join(err, shell.Delete(ctx)) }()
	command, err := shell.Start(ctx, "cat")
	if err != nil {
		return output, err
	}
	defer func() { err = errors.Join(err, command.Terminate(ctx)) }()
	if err := command.Send(ctx, []byte("data"), true); err != nil {
		return output, err
	}
	output, _, err = drain(ctx, command)
	return output, err
}

func TestEachFaultOnEachActionEndsAsItsClassSays(t *testing.T) {
	t.Parallel()
	lost := []simhost.Fault{simhost.FaultDropBefore, simhost.FaultDropAfter, simhost.FaultResetBody, simhost.FaultTruncate}
	all := append([]simhost.Fault{simhost.FaultUnavailable, simhost.FaultBusy, simhost.FaultUnauthorized, simhost.FaultSlowBody}, lost...)
	names := map[simhost.Fault]string{
		simhost.FaultDropBefore: "drop before", simhost.FaultDropAfter: "drop after", simhost.FaultResetBody: "reset in the body",
		simhost.FaultTruncate: "truncated body", simhost.FaultUnavailable: "HTTP 503", simhost.FaultBusy: "fault 170",
		simhost.FaultUnauthorized: "HTTP 401", simhost.FaultSlowBody: "slow body",
	}
	actions := []string{"Create", "Command", "Send", "Receive", "Signal", "Delete"}
	for _, setup := range setups {
		for _, action := range actions {
			for _, fault := range all {
				t.Run(fmt.Sprintf("%s/%s/%s", setup.name, action, names[fault]), func(t *testing.T) {
					t.Parallel()
					options := setup.host
					options.ReplayReceive = true
					options.Faults = simhost.FaultsOn(action, fault, 1)
					server := startHost(t, options)
					client := newClient(t, configFor(server, setup.auth))
					output, err := life(within(t), client)

					var want error
					if action == "Create" || action == "Send" {
						switch fault {
						case simhost.FaultUnauthorized:
							if action == "Create" { // the first request of all: the proof itself is refused
								want = transport.ErrAuth
							}
						case simhost.FaultBusy, simhost.FaultUnavailable, simhost.FaultSlowBody:
						default:
							want = transport.ErrConnectionLost
						}
					}
					if !errors.Is(err, want) {
						t.Fatalf("got %v, want %v", err, want)
					}
					if err == nil && (string(output.Stdout) != "data" || output.ExitCode != 7) {
						t.Errorf("got %+v", output)
					}
					counters := server.Counters()
					if counters.Processes > 1 {
						t.Errorf("%d processes were started", counters.Processes)
					}
					// A shell whose Create was answered to nobody is left to its idle limit.
					if counters.OpenShells != 0 && !(action == "Create" && want != nil) {
						t.Errorf("%d shells are open", counters.OpenShells)
					}
				})
			}
		}
	}
}

func TestAHostThatWasRestartedHasLostTheShell(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{Faults: simhost.FaultsOn("Receive", simhost.FaultReboot, 1)})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	command := startCommand(t, createShell(t, client), "silent")
	if _, err := command.Receive(within(t)); !errors.Is(err, transport.ErrProcessLost) {
		t.Errorf("got %v", err)
	}
}

func TestRepeatsAreBounded(t *testing.T) {
	t.Parallel()
	cases := []struct {
		action string
		fault  simhost.Fault
		class  error
		want   int // requests of that action
	}{
		{"Receive", simhost.FaultDropBefore, transport.ErrConnectionLost, 6},
		{"Receive", simhost.FaultBusy, transport.ErrBusy, 5},
		{"Create", simhost.FaultBusy, transport.ErrBusy, 5},
		{"Create", simhost.FaultDropBefore, transport.ErrConnectionLost, 1},
		{"Send", simhost.FaultDropAfter, transport.ErrConnectionLost, 1},
		{"Command", simhost.FaultUnavailable, transport.ErrBusy, 5},
		{"Receive", simhost.FaultUnauthorized, transport.ErrAuth, 2},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s with fault %d", c.action, c.fault), func(t *testing.T) {
			t.Parallel()
			server := startHost(t, simhost.Options{Faults: func(r simhost.Request) simhost.Fault {
				if r.Action == c.action {
					return c.fault
				}
				return simhost.FaultNone
			}})
			client := newClient(t, configFor(server, winrm.AuthNTLM))
			_, err := life(within(t), client)
			if !errors.Is(err, c.class) {
				t.Errorf("got %v, want %v", err, c.class)
			}
			if n := server.Counters().ByAction[c.action]; n != c.want {
				t.Errorf("%d requests, want %d", n, c.want)
			}
		})
	}
}

func TestAnAnswerToAnotherRequestIsNotTaken(t *testing.T) {
	t.Parallel()
	const stale = `<s:Envelope xmlns:s="x"><s:Header><a:RelatesTo>uuid:00000000-0000-4000-8000-000000000000</a:RelatesTo></s:Header><s:Body/></s:Envelope>`
	traffic := &wire{replies: map[int]string{1: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(stale), stale)}}
	config := configFor(startHost(t, simhost.Options{PlainHTTP: true, Auth: simhost.Auth{AllowBasic: true, AllowUnencrypted: true}}), winrm.AuthBasic)
	config.AllowClearBasic, config.Dial = true, traffic.dial
	client := newClient(t, config)
	shell := createShell(t, client)
	_, err := shell.Start(within(t), "cat") // its connection lies; the next one's first request passes
	if err != nil {
		t.Errorf("got %v", err)
	}
	if n := client.Stats().Connections; n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestAConnectionThatTheHostClosedWhileIdleIsReplaced(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, setup.host)
			relay := startRelay(t, server)
			config := configFor(server, setup.auth)
			config.Dial = relay.dial
			client := newClient(t, config)
			wsman.AlwaysLook(client)
			command := startCommand(t, createShell(t, client), "cat")
			relay.cut()
			// Send is never repeated, so it succeeds only if the loss was seen beforehand.
			if err := command.Send(within(t), []byte("x"), true); err != nil {
				t.Errorf("got %v", err)
			}
			if n := client.Stats().Connections; n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
		})
	}
}

func TestAHostThatIsSwitchedOff(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, winrm.Config{Address: "127.0.0.1", Port: address.Port, TLS: true, Username: "u", Password: password})
	_, err = client.CreateShell(within(t), wsman.ShellOptions{})
	if !errors.Is(err, transport.ErrUnreachable) || errors.Is(err, transport.ErrAuth) {
		t.Errorf("got %v", err)
	}
	if s := client.Stats(); s.Connections != 0 || s.Requests != 0 {
		t.Errorf("got %+v", s)
	}
}
