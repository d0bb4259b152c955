// SPDX-License-Identifier: MPL-2.0

// Package oteltrace gives the spans of a [hvprov.Service] to OpenTelemetry: one for each job, within it one for each step and
// each request to the host, and one for each request that belongs to no job. It is a package of its own, so that who does
// not want it does not build it.
package oteltrace

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
)

// scope names this instrumentation.
const scope = "github.com/hypervvm/terraform-provider-hypervvm/hvprov"

// Tracer is a [hvprov.Tracer].
type Tracer struct{ tracer trace.Tracer }

var _ hvprov.Tracer = (*Tracer)(nil)

// New gives a tracer for hvprov.Options, which begins its spans with the provider.
func New(provider trace.TracerProvider) *Tracer { return &Tracer{provider.Tracer(scope)} }

// Begin begins a span. Its error, which has no secrets, is its status; what was cancelled has none.
func (t *Tracer) Begin(ctx context.Context, s hvprov.Span) (context.Context, func(error)) {
	attributes := []attribute.KeyValue{attribute.String("hvprov.host", s.Host)}
	if s.Job != "" {
		attributes = append(attributes, attribute.String("hvprov.job", s.Job))
	}
	kind := trace.SpanKindInternal
	if s.Kind == hvprov.SpanRequest {
		kind = trace.SpanKindClient
	}
	ctx, span := t.tracer.Start(ctx, string(s.Kind)+" "+s.Name, trace.WithSpanKind(kind), trace.WithTimestamp(s.Start),
		trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, hvprov.ErrJobCancelled) {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
