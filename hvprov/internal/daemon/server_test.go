// SPDX-License-Identifier: MPL-2.0

package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/tokenfile"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/daemon"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// log is the log of a server.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// files writes files to a folder.
func files(t *testing.T, dir string, contents map[string]string) {
	t.Helper()
	for name, text := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// hostLine returns the configuration of a simulated host, whose password is in the file password.
func hostLine(name string, host *simhost.Server) string {
	return fmt.Sprintf("  %s: {address: %s, port: %d, username: %s, password_file: password, ca_cert_file: ca.pem}\n", name, host.Address(), host.Port(), host.Username())
}

// schemaVersion returns the version of the embedded job schema.
func schemaVersion() int {
	schema, err := schemas.Load()
	if err != nil {
		panic(err)
	}
	return schema.Version
}

const head = "listen: 127.0.0.1:0\nmetrics_listen: 127.0.0.1:0\nstate_dir: state\nstop_seconds: 20\nauth: {tokens: true}\nhosts:\n"

// client sends requests with a token.
type client struct {
	t          *testing.T
	url, token string
}

func (c client) send(method, path string, body any) (status int, answer map[string]any) {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = json.Unmarshal(data, &answer)
	return response.StatusCode, answer
}

func (c client) get(path string) map[string]any {
	c.t.Helper()
	status, answer := c.send(http.MethodGet, path, nil)
	if status != http.StatusOK {
		c.t.Fatalf("%s: %d %v", path, status, answer)
	}
	return answer
}

// serve starts a server and serves until stop is called.
func serve(t *testing.T, path string, out io.Writer) (server *daemon.Server, stop func()) {
	t.Helper()
	return serveEnv(t, path, out, nil)
}

// serveEnv is serve with environment variables.
func serveEnv(t *testing.T, path string, out io.Writer, env map[string]string) (server *daemon.Server, stop func()) {
	t.Helper()
	config, err := daemon.Load(path, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	server, err = daemon.Start(t.Context(), config, out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, nil) }()
	return server, sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
}

func TestAServerKeepsItsStateOverARestartAndReloadsItsHosts(t *testing.T) {
	t.Parallel()
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	dir := t.TempDir()
	path := filepath.Join(dir, "hvprovd.yaml")
	files(t, dir, map[string]string{"hvprovd.yaml": head + hostLine("hv01", host), "password": host.Password() + "\n", "ca.pem": string(host.CACertPEM())})
	tokens, err := tokenfile.Open(filepath.Join(dir, "state", "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Create("deploy", httpapi.RoleWriter, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var out log
	server, stop := serve(t, path, &out)
	t.Cleanup(func() { stop() })
	c := client{t, server.URL(), token}
	if status, _ := (client{t, server.URL(), ""}).send(http.MethodGet, "/api/v1/hosts", nil); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	const password = "c0rrect horse"
	status, accepted := c.send(http.MethodPost, "/api/v1/jobs/provision", map[string]any{"schema_version": schemaVersion(), "host": "hv01", "values": map[string]any{
		"vm_name": "web-01", "image_name": "ubuntu-24.04", "os_family": "linux", "guest_la_uid": "admin", "guest_la_pw": password,
	}})
	if status != http.StatusAccepted {
		t.Fatalf("submit: %d %v", status, accepted)
	}
	stop() // waits for the job

	server, stop = serve(t, path, &out)
	c.url = server.URL()
	id := fmt.Sprint(accepted["id"])
	if got := c.get("/api/v1/jobs/" + id); got["state"] != "succeeded" || got["requester"] != "deploy" {
		t.Errorf("after the restart the job is %v", got)
	}
	if events, _ := c.get("/api/v1/jobs/" + id + "/events")["events"].([]any); len(events) < 10 {
		t.Errorf("after the restart there are %d events", len(events))
	}
	if got := c.get("/api/v1/notifications"); got["unread"] != 1.0 {
		t.Errorf("after the restart notifications are %v", got)
	}

	files(t, dir, map[string]string{"hvprovd.yaml": head + hostLine("hv02", host)})
	server.Reload(t.Context())
	if hosts, _ := c.get("/api/v1/hosts")["hosts"].([]any); len(hosts) != 1 || hosts[0].(map[string]any)["name"] != "hv02" {
		t.Errorf("after the reload hosts are %v", hosts)
	}
	files(t, dir, map[string]string{"hvprovd.yaml": "listen: ["})
	server.Reload(t.Context()) // changes nothing
	if got := c.get("/api/v1/hosts/hv02?refresh=true"); got["state"] == nil {
		t.Errorf("after a failed reload the host is %v", got)
	}
	response, err := http.Get(server.MetricsURL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(text), "hvprov_jobs{") {
		t.Errorf("metrics are %s, error %v", text, err)
	}
	for name, hidden := range map[string]string{"password of the job": password, "token": token, "password of the host": host.Password()} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("the log contains the %s", name)
		}
	}
	if !strings.Contains(out.String(), `"msg":"audit"`) {
		t.Errorf("the log has no audit entry:\n%s", out.String())
	}
	stop()
}
