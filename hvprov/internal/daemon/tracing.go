// SPDX-License-Identifier: MPL-2.0

package daemon

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Environment variables of OpenTelemetry that decide whether spans are exported. The exporter itself reads these and all others of
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/ from the environment: headers, which may be secrets, TLS, time limits.
const (
	envOTLPEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envOTLPTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envOTLPProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envOTLPTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	envOTelDisabled       = "OTEL_SDK_DISABLED"
)

// otlpProtocol is the only protocol of the exporter.
const otlpProtocol = "http/protobuf"

// exportsSpans reports whether the environment names a receiver of spans.
func (c *Config) exportsSpans() bool {
	return cmp.Or(c.getenv(envOTLPTracesEndpoint), c.getenv(envOTLPEndpoint)) != "" && !strings.EqualFold(c.getenv(envOTelDisabled), "true")
}

// checkTracing refuses a protocol that is not supported: the spans would be sent to a port that does not understand them.
func (c *Config) checkTracing() error {
	for _, name := range []string{envOTLPTracesProtocol, envOTLPProtocol} {
		if value := c.getenv(name); value != "" && value != otlpProtocol && c.exportsSpans() {
			return fmt.Errorf("%s: %q is not supported: set it to %s, and the endpoint to the HTTP port of the collector, usually 4318", name, value, otlpProtocol)
		}
	}
	return nil
}

// tracerProvider returns what exports spans, or nil if the environment names no receiver. It does not connect.
func (c *Config) tracerProvider(ctx context.Context) (*trace.TracerProvider, error) {
	if !c.exportsSpans() {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("exporter of spans: %w", err)
	}
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override the name.
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "hvprovd")), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(res)), nil
}

// endSpans exports the last spans. A collector that does not answer delays a stop by some seconds and is no failure of it.
func (s *Server) endSpans(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // the service may have used the time of the stop
	defer cancel()
	if err := s.spans.Shutdown(ctx); err != nil {
		s.logger.Warn("the last spans were not exported", "error", err)
	}
}
