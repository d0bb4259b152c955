// SPDX-License-Identifier: MPL-2.0

package daemon_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/daemon"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// spanReceiver is a collector that keeps the spans that it receives, as "service: span".
type spanReceiver struct {
	mu    sync.Mutex
	spans []string
}

// ServeHTTP implements [http.Handler].
func (r *spanReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	data, err := io.ReadAll(req.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || req.Header.Get("X-Key") != "k3y" || proto.Unmarshal(data, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range export.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				r.spans = append(r.spans, service+": "+span.Name)
			}
		}
	}
}

// Not parallel: the exporter reads the environment.
func TestSpansAreExportedWhereTheEnvironmentNamesACollector(t *testing.T) {
	receiver := &spanReceiver{}
	endpoint := httptest.NewServer(receiver)
	defer endpoint.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k3y")
	host, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	dir := t.TempDir()
	path := filepath.Join(dir, "hvprovd.yaml")
	files(t, dir, map[string]string{
		"hvprovd.yaml": strings.Replace(head, "auth: {tokens: true}\n", "", 1) + hostLine("hv01", host), "password": host.Password(), "ca.pem": string(host.CACertPEM()),
	})
	var out log
	server, stop := serveEnv(t, path, &out, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.URL})
	status, accepted := (client{t, server.URL(), ""}).send(http.MethodPost, "/api/v1/jobs/provision", map[string]any{
		"schema_version": schemaVersion(), "host": "hv01", "values": map[string]any{"vm_name": "web-01", "image_name": "ubuntu-24.04", "os_family": "linux"},
	})
	if status != http.StatusAccepted {
		t.Fatalf("submit: %d %v", status, accepted)
	}
	stop() // waits for the job, and exports the last spans
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	all := strings.Join(receiver.spans, "\n")
	for _, want := range []string{"hvprovd: job provision", "hvprovd: step disk", "hvprovd: request submit"} {
		if !strings.Contains(all, want) {
			t.Errorf("no span %q in\n%s\n%s", want, all, out.String())
		}
	}
}

func TestAProtocolOfSpansThatIsNotSupportedIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ""}, // nothing is exported
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "is not supported"},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_SDK_DISABLED": "true"}, ""},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, ""},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "hvprovd.yaml")
		files(t, dir, map[string]string{"hvprovd.yaml": "hosts: {}\n"})
		config, err := daemon.Load(path, func(name string) string { return c.env[name] })
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(config.Check()); (c.want == "") != (got == "<nil>") || !strings.Contains(got, c.want) {
			t.Errorf("%v: %s", c.env, got)
		}
	}
}
