// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

const password = "correct horse battery staple"

// programs are the commands of the simulated host.
var programs = map[string]simhost.Program{
	"cat": func(_ context.Context, _ string, stdin io.Reader, stdout, _ io.Writer) int {
		_, _ = io.Copy(stdout, stdin)
		return 7
	},
	"count": func(_ context.Context, _ string, stdin io.Reader, stdout, _ io.Writer) int {
		n, _ := io.Copy(io.Discard, stdin)
		_, _ = fmt.Fprintf(stdout, "%d", n)
		return 0
	},
	"silent": func(ctx context.Context, _ string, _ io.Reader, _, _ io.Writer) int {
		<-ctx.Done()
		return 1
	},
	"fail": func(_ context.Context, _ string, _ io.Reader, _, stderr io.Writer) int {
		_, _ = io.WriteString(stderr, "bad")
		return -1073741510
	},
}

// startHost starts a simulated host with the programs and the account of the tests.
func startHost(t *testing.T, options simhost.Options) *simhost.Server {
	t.Helper()
	options.Programs = programs
	options.Username, options.Password = "Operator", password
	server, err := simhost.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// configFor returns a configuration with valid credentials for a host.
func configFor(server *simhost.Server, auth winrm.Auth) winrm.Config {
	config := server.WinRM()
	config.Auth, config.Username = auth, `LAB\Operator`
	return config
}

func newClient(t *testing.T, config winrm.Config) *wsman.Client {
	t.Helper()
	client, err := wsman.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	wsman.DisablePauses(client)
	t.Cleanup(client.Close)
	return client
}

// testContext returns a context that ends with the test, or after five minutes if the test hangs.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func createShell(t *testing.T, client *wsman.Client) *wsman.Shell {
	t.Helper()
	shell, err := client.CreateShell(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return shell
}

func startCommand(t *testing.T, shell *wsman.Shell, line string) *wsman.Command {
	t.Helper()
	command, err := shell.Start(testContext(t), line)
	if err != nil {
		t.Fatal(err)
	}
	return command
}

// drain receives output until the command has ended.
func drain(ctx context.Context, command *wsman.Command) (all transport.Output, receives int, err error) {
	for !all.Done {
		output, err := command.Receive(ctx)
		if err != nil {
			return all, receives, err
		}
		receives++
		all.Stdout = append(all.Stdout, output.Stdout...)
		all.Stderr = append(all.Stderr, output.Stderr...)
		all.Done, all.ExitCode = output.Done, output.ExitCode
	}
	return all, receives, nil
}

// wire records the bytes of a client's connections.
type wire struct {
	mu       sync.Mutex
	sent     bytes.Buffer
	received bytes.Buffer
	// replies replace the host's responses by the number of the connection's write; the first is 0.
	replies map[int]string
}

type wireConn struct {
	net.Conn
	wire   *wire
	writes int
	reply  io.Reader // replaces the host
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: conn, wire: w}, nil
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.wire.mu.Lock()
	c.wire.sent.Write(p)
	reply, found := c.wire.replies[c.writes]
	c.wire.mu.Unlock()
	c.writes++
	if found {
		c.reply = bytes.NewReader([]byte(reply))
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Read(p []byte) (int, error) {
	if c.reply != nil {
		return c.reply.Read(p)
	}
	n, err := c.Conn.Read(p)
	c.wire.mu.Lock()
	c.wire.received.Write(p[:n])
	c.wire.mu.Unlock()
	return n, err
}

// contains reports whether text was transferred in clear text in either direction.
func (w *wire) contains(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.sent.Bytes(), []byte(text)) || bytes.Contains(w.received.Bytes(), []byte(text))
}
