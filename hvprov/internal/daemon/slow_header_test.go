// SPDX-License-Identifier: MPL-2.0

package daemon_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/daemon"
)

func TestClientsThatDoNotEndTheirHeadersAreDisconnected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files(t, dir, map[string]string{"hvprovd.yaml": "listen: 127.0.0.1:0\nstate_dir: state\nhosts: {}\n"})
	config, err := daemon.Load(filepath.Join(dir, "hvprovd.yaml"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	config.SetHeaderLimit(50 * time.Millisecond)
	server, err := daemon.Start(t.Context(), config, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, nil) }()
	var slow sync.WaitGroup
	for range 50 {
		slow.Go(func() {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL(), "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
				t.Error(err)
			}
			answer, _ := io.ReadAll(conn) // returns when the server closes the connection; it may reset it
			if strings.Contains(string(answer), "200 OK") {
				t.Errorf("the server answered %q", answer)
			}
		})
	}
	slow.Wait()
	if status, _ := (client{t, server.URL(), ""}).send(http.MethodGet, "/healthz", nil); status != http.StatusOK {
		t.Errorf("after that the server answers %d", status)
	}
	cancel()
	if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
