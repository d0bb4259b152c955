// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

// runCat runs a command and returns its output. It always terminates the command and deletes the shell.
func runCat(ctx context.Context, client *wsman.Client) (output transport.Output, err error) {
	shell, err := client.CreateShell(ctx)
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

func TestEachFaultOnEachActionHasItsErrorClass(t *testing.T) {
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
					output, err := runCat(testContext(t), client)

					var want error
					if action == "Create" || action == "Send" {
						switch fault {
						case simhost.FaultUnauthorized:
							if action == "Create" { // the first request, which carries the credentials
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
					// A shell whose identifier was lost is deleted by its idle timeout.
					if counters.OpenShells != 0 && !(action == "Create" && want != nil) {
						t.Errorf("%d shells are open", counters.OpenShells)
					}
				})
			}
		}
	}
}

func TestARestartOfTheHostLosesTheShell(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{Faults: simhost.FaultsOn("Receive", simhost.FaultReboot, 1)})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	command := startCommand(t, createShell(t, client), "silent")
	if _, err := command.Receive(testContext(t)); !errors.Is(err, transport.ErrProcessLost) {
		t.Errorf("got %v", err)
	}
}

func TestTheNumberOfRetriesIsLimited(t *testing.T) {
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
			_, err := runCat(testContext(t), client)
			if !errors.Is(err, c.class) {
				t.Errorf("got %v, want %v", err, c.class)
			}
			if n := server.Counters().ByAction[c.action]; n != c.want {
				t.Errorf("%d requests, want %d", n, c.want)
			}
		})
	}
}

func TestAResponseToAnotherRequestIsRejected(t *testing.T) {
	t.Parallel()
	const other = `<s:Envelope xmlns:s="x"><s:Header><a:RelatesTo>uuid:00000000-0000-4000-8000-000000000000</a:RelatesTo></s:Header><s:Body/></s:Envelope>`
	traffic := &wire{replies: map[int]string{1: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(other), other)}}
	config := configFor(startHost(t, simhost.Options{PlainHTTP: true, Auth: simhost.Auth{AllowBasic: true, AllowUnencrypted: true}}), winrm.AuthBasic)
	config.AllowClearBasic, config.Dial = true, traffic.dial
	client := newClient(t, config)
	shell := createShell(t, client)
	_, err := shell.Start(testContext(t), "cat") // the second connection gets the host's response
	if err != nil {
		t.Errorf("got %v", err)
	}
	if n := client.Stats().Connections; n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestInterimResponsesAreSkipped(t *testing.T) {
	t.Parallel()
	for count, want := range map[int]string{2: "HTTP status 418", 10: "HTTP status 100"} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			reply := strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", count) + "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n"
			_, err := clientWithReply(t, reply).CreateShell(testContext(t))
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestAResponseAboveTheSizeLimitIsRejected(t *testing.T) {
	t.Parallel()
	reply := "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + strings.Repeat("x", 9_000_000)
	_, err := clientWithReply(t, reply).CreateShell(testContext(t))
	if !errors.Is(err, transport.ErrConnectionLost) || !strings.Contains(err.Error(), "response is larger than 8388608 bytes") {
		t.Errorf("got %v", err)
	}
}

// clientWithReply returns a client that gets reply in place of the host's first response on each connection.
func clientWithReply(t *testing.T, reply string) *wsman.Client {
	t.Helper()
	traffic := &wire{replies: map[int]string{0: reply}}
	config := configFor(startHost(t, simhost.Options{PlainHTTP: true, Auth: simhost.Auth{AllowBasic: true, AllowUnencrypted: true}}), winrm.AuthBasic)
	config.AllowClearBasic, config.Dial = true, traffic.dial
	return newClient(t, config)
}

func TestAnIdleConnectionThatTheHostClosedIsReplaced(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, setup.host)
			relay := startRelay(t, server)
			config := configFor(server, setup.auth)
			config.Dial = relay.dial
			client := newClient(t, config)
			wsman.AlwaysProbe(client)
			command := startCommand(t, createShell(t, client), "cat")
			relay.closeAll()
			// Send is never retried, so it succeeds only if the probe detected the closed connection.
			if err := command.Send(testContext(t), []byte("x"), true); err != nil {
				t.Errorf("got %v", err)
			}
			if n := client.Stats().Connections; n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
		})
	}
}

func TestAHostThatIsSwitchedOffIsUnreachable(t *testing.T) {
	t.Parallel()
	listener := tcptest.Listen(t)
	_ = listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	client := newClient(t, winrm.Config{Address: "127.0.0.1", Port: port, TLS: true, Username: "u", Password: password})
	_, err := client.CreateShell(testContext(t))
	if !errors.Is(err, transport.ErrUnreachable) || errors.Is(err, transport.ErrAuth) {
		t.Errorf("got %v", err)
	}
	if s := client.Stats(); s.Connections != 0 || s.Requests != 0 {
		t.Errorf("got %+v", s)
	}
}
