// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

// proxy is an HTTP or SOCKS5 proxy for tests.
type proxy struct {
	scheme         string
	user, password string // empty: no authentication
	reply          string // if set, the response to each request, without a connection
	conns, refused atomic.Int64
	targets        sync.Map
}

// start starts the proxy, with TLS if config is not nil, and returns its address.
func (p *proxy) start(t *testing.T, config *tls.Config) string {
	t.Helper()
	return tcptest.Serve(t, func(ctx context.Context, conn net.Conn) {
		if config != nil {
			conn = tls.Server(conn, config)
		}
		p.serve(ctx, conn)
	}).String()
}

func (p *proxy) serve(ctx context.Context, conn net.Conn) {
	p.conns.Add(1)
	reader := bufio.NewReader(conn)
	target, reply := "", ""
	if p.scheme == "socks5" {
		target, reply = p.socks(reader, conn)
	} else {
		target, reply = p.connect(reader)
	}
	if p.reply != "" {
		target, reply = "", p.reply
	}
	if target == "" {
		_, _ = io.WriteString(conn, reply)
		_ = conn.Close()
		return
	}
	p.targets.Store(target, true)
	host, err := tcptest.Dial(ctx, target)
	if err != nil {
		return
	}
	defer func() { _ = host.Close() }()
	_, _ = io.WriteString(conn, reply)
	tcptest.Relay(reader, conn, host)
}

func (p *proxy) connect(reader *bufio.Reader) (target, reply string) {
	request, err := http.ReadRequest(reader)
	if err != nil || request.Method != http.MethodConnect {
		return "", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password))
	if p.user != "" && request.Header.Get("Proxy-Authorization") != want {
		p.refused.Add(1)
		return "", "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"
	}
	return request.RequestURI, "HTTP/1.1 200 Connection established\r\n\r\n"
}

func (p *proxy) socks(reader *bufio.Reader, conn net.Conn) (target, reply string) {
	read := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(reader, b)
		return b
	}
	read(int(read(2)[1])) // methods
	if p.user == "" {
		_, _ = conn.Write([]byte{5, 0})
	} else {
		_, _ = conn.Write([]byte{5, 2})
		user := string(read(int(read(2)[1])))
		if password := string(read(int(read(1)[0]))); user != p.user || password != p.password {
			p.refused.Add(1)
			return "", "\x01\x01"
		}
		_, _ = conn.Write([]byte{1, 0})
	}
	head := read(4)
	var name string
	if head[3] == 1 {
		name = net.IP(read(4)).String()
	} else {
		name = string(read(int(read(1)[0])))
	}
	port := read(2)
	return net.JoinHostPort(name, strconv.Itoa(int(port[0])<<8|int(port[1]))), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
}

func TestConnectionsThroughAProxy(t *testing.T) {
	t.Parallel()
	pair, ca := serverPair(t)
	for _, scheme := range []string{"http", "https", "socks5"} {
		for _, plain := range []bool{false, true} {
			t.Run(scheme+map[bool]string{true: " to HTTP", false: " to HTTPS"}[plain], func(t *testing.T) {
				t.Parallel()
				server := startHost(t, simhost.Options{PlainHTTP: plain})
				p := &proxy{scheme: scheme, user: "user", password: "s3cr@t"}
				var config *tls.Config
				if scheme == "https" {
					config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
				}
				address := p.start(t, config)
				through := configFor(server, winrm.AuthNTLM)
				through.CACert = append(through.CACert, ca...)
				through.Proxy = scheme + "://user:s3cr%40t@" + address
				client := newClient(t, through)
				if output, _, err := drain(testContext(t), startCommand(t, createShell(t, client), "echo hello")); err != nil || string(output.Stdout) != "hello\r\n" {
					t.Errorf("got %q, %v", output.Stdout, err)
				}
				target := net.JoinHostPort(server.Address(), strconv.Itoa(server.Port()))
				if _, found := p.targets.Load(target); !found || p.conns.Load() != client.Stats().Connections {
					t.Errorf("the proxy accepted %d connections of %d", p.conns.Load(), client.Stats().Connections)
				}

				through.Proxy = scheme + "://user:wrong-guess@" + address
				client = newClient(t, through)
				var all sync.WaitGroup
				for range 10 {
					all.Go(func() {
						_, err := client.CreateShell(testContext(t))
						var refused *wsman.AuthError
						if !errors.As(err, &refused) || refused.By != "proxy "+address || strings.Contains(err.Error(), "wrong-guess") {
							t.Errorf("got %v", err)
						}
					})
				}
				all.Wait()
				if n := p.refused.Load(); n != 1 {
					t.Errorf("a wrong password was sent %d times", n)
				}
			})
		}
	}
}

func TestFailuresOfAProxy(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	for _, c := range []struct {
		name string
		p    *proxy
		want string
	}{
		{"the host is not allowed", &proxy{reply: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"}, "did not connect to 127.0.0.1:"},
		{"a password is required", &proxy{user: "u", password: "p"}, "requires a valid user name and password"},
		{"the server is not a proxy", &proxy{reply: "SSH-2.0-OpenSSH_9.9\r\n"}, "is not that of an HTTP proxy"},
		{"the connection is closed", &proxy{reply: " "}, "is not that of an HTTP proxy"},
		{"the response is followed by data", &proxy{reply: "HTTP/1.1 200 OK\r\n\r\nmore"}, "unexpected data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := c.p.start(t, nil)
			config := configFor(server, winrm.AuthNTLM)
			config.Proxy = "http://" + address
			_, err := newClient(t, config).CreateShell(testContext(t))
			if !errors.Is(err, transport.ErrUnreachable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "proxy "+address) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCancellationInterruptsThePendingProxyConnection(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	for _, scheme := range []string{"http", "https", "socks5"} {
		ctx, cancel := context.WithCancel(t.Context())
		silent := tcptest.Serve(t, func(ctx context.Context, _ net.Conn) {
			cancel()
			<-ctx.Done()
		})
		config := configFor(server, winrm.AuthNTLM)
		config.Proxy, config.ConnectTimeout = scheme+"://"+silent.String(), time.Hour
		if _, err := newClient(t, config).CreateShell(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", scheme, err)
		}
	}
}

func TestProxyEnvironmentVariablesAreIgnored(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	createShell(t, newClient(t, configFor(startHost(t, simhost.Options{}), winrm.AuthNTLM)))
}
