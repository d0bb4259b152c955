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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// proxy is a small proxy for tests. It connects to where it is asked to, for whoever gives its user name and password.
type proxy struct {
	listener       net.Listener
	scheme         string
	user, password string // empty: anyone
	answer         string // if set, it is given to each request in place of a connection
	asked, refused atomic.Int64
	targets        sync.Map
	tasks          sync.WaitGroup
}

func (p *proxy) start(t *testing.T, config *tls.Config) {
	t.Helper()
	var err error
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if config != nil {
		p.listener = tls.NewListener(p.listener, config)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.tasks.Go(func() {
		for {
			conn, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.tasks.Go(func() { p.serve(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		stop()
		_ = p.listener.Close()
		p.tasks.Wait()
	})
}

func (p *proxy) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	p.asked.Add(1)
	reader := bufio.NewReader(conn)
	target, reply := "", ""
	if p.scheme == "socks5" {
		target, reply = p.socks(reader, conn)
	} else {
		target, reply = p.connect(reader)
	}
	if p.answer != "" {
		target, reply = "", p.answer
	}
	if target == "" {
		_, _ = io.WriteString(conn, reply)
		return
	}
	p.targets.Store(target, true)
	host, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = host.Close() }()
	_, _ = io.WriteString(conn, reply)
	p.tasks.Go(func() {
		_, _ = io.Copy(host, reader)
		_ = host.Close()
	})
	_, _ = io.Copy(conn, host)
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
	take := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(reader, b)
		return b
	}
	take(int(take(2)[1])) // methods
	if p.user == "" {
		_, _ = conn.Write([]byte{5, 0})
	} else {
		_, _ = conn.Write([]byte{5, 2})
		user := string(take(int(take(2)[1])))
		if password := string(take(int(take(1)[0]))); user != p.user || password != p.password {
			p.refused.Add(1)
			return "", "\x01\x01"
		}
		_, _ = conn.Write([]byte{1, 0})
	}
	head := take(4)
	var name string
	if head[3] == 1 {
		name = net.IP(take(4)).String()
	} else {
		name = string(take(int(take(1)[0])))
	}
	port := take(2)
	return net.JoinHostPort(name, strconv.Itoa(int(port[0])<<8|int(port[1]))), "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
}

func TestProxies(t *testing.T) {
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
				p.start(t, config)
				through := configFor(server, winrm.AuthNTLM)
				through.CACert = append(through.CACert, ca...)
				through.Proxy = scheme + "://user:s3cr%40t@" + p.listener.Addr().String()
				client := newClient(t, through)
				if output, _, err := drain(within(t), startCommand(t, createShell(t, client), "echo hello")); err != nil || string(output.Stdout) != "hello\r\n" {
					t.Errorf("got %q, %v", output.Stdout, err)
				}
				target := net.JoinHostPort(server.Address(), strconv.Itoa(server.Port()))
				if _, asked := p.targets.Load(target); !asked || p.asked.Load() != client.Stats().Connections {
					t.Errorf("the proxy saw %d connections of %d", p.asked.Load(), client.Stats().Connections)
				}

				through.Proxy = scheme + "://user:wrong-guess@" + p.listener.Addr().String()
				client = newClient(t, through)
				var all sync.WaitGroup
				for range 10 {
					all.Go(func() {
						_, err := client.CreateShell(within(t), wsman.ShellOptions{})
						var refused *wsman.AuthError
						if !errors.As(err, &refused) || refused.By != "proxy "+p.listener.Addr().String() || strings.Contains(err.Error(), "wrong-guess") {
							t.Errorf("got %v", err)
						}
					})
				}
				all.Wait()
				if n := p.refused.Load(); n != 1 {
					t.Errorf("a wrong password was tried %d times", n)
				}
			})
		}
	}
}

func TestProxiesThatFail(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	for _, c := range []struct {
		name string
		p    *proxy
		want string
	}{
		{"it does not allow the host", &proxy{answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"}, "opens no connection to 127.0.0.1:"},
		{"it wants a password and gets none", &proxy{user: "u", password: "p"}, "wants a user name and password"},
		{"it is none", &proxy{answer: "SSH-2.0-OpenSSH_9.9\r\n"}, "does not answer as a proxy does"},
		{"it hangs up", &proxy{answer: " "}, "does not answer as a proxy does"},
		{"it says too much", &proxy{answer: "HTTP/1.1 200 OK\r\n\r\nmore"}, "before it was asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.p.start(t, nil)
			config := configFor(server, winrm.AuthNTLM)
			config.Proxy = "http://" + c.p.listener.Addr().String()
			_, err := newClient(t, config).CreateShell(within(t), wsman.ShellOptions{})
			if !errors.Is(err, transport.ErrUnreachable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "proxy "+c.p.listener.Addr().String()) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAContextEndsTheWaitForAProxy(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	for _, scheme := range []string{"http", "https", "socks5"} {
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		config := configFor(server, winrm.AuthNTLM)
		config.Proxy = scheme + "://" + silent.Addr().String()
		ctx, cancel := context.WithCancel(t.Context())
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, err := silent.Accept()
			if err != nil {
				t.Error(err)
			}
			accepted <- conn
			cancel()
		}()
		client := newClient(t, config)
		if _, err := client.CreateShell(ctx, wsman.ShellOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", scheme, err)
		}
		_ = (<-accepted).Close()
		_ = silent.Close()
	}
}

func TestTheEnvironmentNamesNoProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	createShell(t, newClient(t, configFor(startHost(t, simhost.Options{}), winrm.AuthNTLM)))
}
