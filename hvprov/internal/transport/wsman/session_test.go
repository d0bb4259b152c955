// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// setups are the transports and authentication methods, with the number of requests that authentication adds to a connection.
var setups = []struct {
	name  string
	host  simhost.Options
	auth  winrm.Auth
	extra int
}{
	{"NTLM over TLS", simhost.Options{Auth: simhost.Auth{RequireChannelBinding: true}}, winrm.AuthNTLM, 1},
	{"sealed NTLM over HTTP", simhost.Options{PlainHTTP: true}, winrm.AuthNTLM, 2},
	{"Basic over TLS", simhost.Options{Auth: simhost.Auth{AllowBasic: true}}, winrm.AuthBasic, 0},
}

func TestAllRequestsOfACommandUseOneConnection(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, setup.host)
			client := newClient(t, configFor(server, setup.auth))
			ctx := testContext(t)

			shell := createShell(t, client)
			command := startCommand(t, shell, "cat")
			if err := command.Send(ctx, []byte("grüße <&> ]]>"), false); err != nil {
				t.Fatal(err)
			}
			first, err := command.Receive(ctx)
			if err != nil || string(first.Stdout) != "grüße <&> ]]>" || first.Done {
				t.Fatalf("received %+v, %v", first, err)
			}
			if err := command.Send(ctx, nil, true); err != nil {
				t.Fatal(err)
			}
			rest, receives, err := drain(ctx, command)
			if err != nil || len(rest.Stdout) != 0 || rest.ExitCode != 7 {
				t.Fatalf("received %+v, %v", rest, err)
			}
			if err := errors.Join(command.Terminate(ctx), shell.Delete(ctx)); err != nil {
				t.Fatal(err)
			}

			want := int64(7 + receives + setup.extra) // Create, Command, Send, Receive, Send, Signal, Delete
			if s := client.Stats(); s.Requests != want || s.Connections != 1 {
				t.Errorf("%d requests on %d connections, want %d on 1", s.Requests, s.Connections, want)
			}
			counters := server.Counters()
			if counters.POSTs != int(want) || counters.OpenShells != 0 || counters.RunningProcesses != 0 {
				t.Errorf("the host counted %+v", counters)
			}
			if s := client.Stats(); s.BytesSent != counters.BytesIn || s.BytesReceived < counters.BytesOut-1024 {
				t.Errorf("bytes %d sent, %d received; the host counted %d and %d", s.BytesSent, s.BytesReceived, counters.BytesIn, counters.BytesOut)
			}
		})
	}
}

func TestStandardErrorAndANegativeExitCodeAreReturned(t *testing.T) {
	t.Parallel()
	client := newClient(t, configFor(startHost(t, simhost.Options{}), winrm.AuthNTLM))
	output, _, err := drain(testContext(t), startCommand(t, createShell(t, client), "fail"))
	if err != nil || string(output.Stderr) != "bad" || len(output.Stdout) != 0 || output.ExitCode != -1073741510 {
		t.Errorf("got %+v, %v", output, err)
	}
}

func TestALargeInputIsSentInChunksThatFitTheEnvelope(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{Quotas: simhost.Quotas{EnvelopeBytes: wsman.DefaultEnvelopeSize}})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	command := startCommand(t, createShell(t, client), "count")
	const size = 300_000
	if err := command.Send(testContext(t), make([]byte, size), true); err != nil {
		t.Fatal(err)
	}
	output, _, err := drain(testContext(t), command)
	if err != nil || string(output.Stdout) != "300000" {
		t.Errorf("the command received %q bytes, %v", output.Stdout, err)
	}
	if n := server.Counters().ByAction[simhost.ActionSend]; n != 3 {
		t.Errorf("%d requests for %d bytes, want 3", n, size)
	}
}

func TestConcurrentRequestsShareTheConnections(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			setup.host.Quotas.ProcessesPerShell = 100
			server := startHost(t, setup.host)
			traffic := &wire{}
			config := configFor(server, setup.auth)
			config.Dial = traffic.dial
			client := newClient(t, config)
			shell := createShell(t, client)
			ctx := testContext(t)
			var wg sync.WaitGroup
			for range 100 { // five sequential requests each
				wg.Go(func() {
					command, err := shell.Start(ctx, "cat")
					if err != nil {
						t.Error(err)
						return
					}
					if err := command.Send(ctx, []byte("needle"), true); err != nil {
						t.Error(err)
						return
					}
					if output, _, err := drain(ctx, command); err != nil || string(output.Stdout) != "needle" {
						t.Errorf("got %+v, %v", output, err)
					}
					if err := command.Terminate(ctx); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := client.Stats().Connections; n > wsman.DefaultMaxConnections {
				t.Errorf("%d connections", n)
			}
			for _, text := range []string{"Envelope", "bmVlZGxl", password} {
				if traffic.contains(text) {
					t.Errorf("%q was sent in clear text", text)
				}
			}
		})
	}
}

func TestACommandLineThatIsTooLongForCmdIsRejectedWithoutARequest(t *testing.T) {
	t.Parallel()
	client := newClient(t, configFor(startHost(t, simhost.Options{}), winrm.AuthNTLM))
	shell := createShell(t, client)
	before := client.Stats().Requests
	_, err := shell.Start(testContext(t), "echo "+strings.Repeat("x", 8187))
	if err == nil || !strings.Contains(err.Error(), "8192 characters") {
		t.Errorf("got %v", err)
	}
	if client.Stats().Requests != before {
		t.Error("a request was sent")
	}
	if _, err := shell.Start(testContext(t), "echo "+strings.Repeat("x", 8186)); err != nil {
		t.Errorf("a command line of the maximum length: %v", err)
	}
}

func TestRequestsForADeletedShell(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{Quotas: simhost.Quotas{ShellsPerUser: 1}})
	client := newClient(t, configFor(server, winrm.AuthNTLM))
	ctx := testContext(t)
	shell := createShell(t, client)
	command := startCommand(t, shell, "silent")

	_, err := client.CreateShell(ctx)
	var fault *wsman.FaultError
	if !errors.Is(err, transport.ErrQuota) || !errors.As(err, &fault) || fault.Code != 2150859173 {
		t.Errorf("second shell: %v", err)
	}
	if err := shell.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Receive(ctx); !errors.Is(err, transport.ErrProcessLost) {
		t.Errorf("Receive: %v", err)
	}
	if err := command.Send(ctx, []byte("x"), false); !errors.Is(err, transport.ErrProcessLost) {
		t.Errorf("Send: %v", err)
	}
	if _, err := shell.Start(ctx, "cat"); !errors.Is(err, transport.ErrProcessLost) {
		t.Errorf("Start: %v", err)
	}
	if err := errors.Join(command.Terminate(ctx), shell.Delete(ctx)); err != nil {
		t.Errorf("Terminate and Delete: %v", err)
	}
}
