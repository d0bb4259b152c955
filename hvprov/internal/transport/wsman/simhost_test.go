// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func upper(_ context.Context, _ string, stdin io.Reader, stdout, _ io.Writer) int {
	text, err := io.ReadAll(stdin)
	if err != nil {
		return 1
	}
	_, _ = io.WriteString(stdout, strings.ToUpper(string(text)))
	return 3
}

func TestTheClientWithTheSimulatedHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts simhost.Options
		auth winrm.Auth
	}{
		{"NTLM bound to its TLS channel", simhost.Options{Auth: simhost.Auth{RequireChannelBinding: true}}, winrm.AuthNTLM},
		{"NTLM sealed over HTTP", simhost.Options{PlainHTTP: true}, winrm.AuthNTLM},
		{"Basic over TLS", simhost.Options{Auth: simhost.Auth{AllowBasic: true}}, winrm.AuthBasic},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.opts.Programs, c.opts.SplitOutput = map[string]simhost.Program{"upper": upper}, 5
			server, err := simhost.Start(c.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			client, err := wsman.NewClient(winrm.Config{
				Address: server.Address(), Port: server.Port(), TLS: !c.opts.PlainHTTP, CACert: server.CACertPEM(),
				Auth: c.auth, Username: server.Username(), Password: server.Password(),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			text, code, err := runUpper(t.Context(), client)
			if err != nil || code != 3 || text != strings.Repeat("GRÜSSE ", 3_000) {
				t.Errorf("got %d bytes, %d, %v", len(text), code, err)
			}
			stats, n := client.Stats(), server.Counters()
			if int(stats.Requests) != n.POSTs || int(stats.Connections) != n.Connections || n.OpenShells != 0 {
				t.Errorf("client counters %+v, host counters %+v", stats, n)
			}
		})
	}
}

func runUpper(ctx context.Context, client *wsman.Client) (text string, code int32, err error) {
	shell, err := client.CreateShell(ctx)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, shell.Delete(ctx)) }()
	command, err := shell.Start(ctx, "upper")
	if err != nil {
		return "", 0, err
	}
	if err := command.Send(ctx, []byte(strings.Repeat("grüsse ", 3_000)), true); err != nil {
		return "", 0, err
	}
	for {
		out, err := command.Receive(ctx)
		text += string(out.Stdout)
		if err != nil || out.Done {
			return text, out.ExitCode, errors.Join(err, command.Terminate(ctx))
		}
	}
}
