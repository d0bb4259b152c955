// SPDX-License-Identifier: MPL-2.0

// Package oteltrace records the spans of a [hvprov.Service] with OpenTelemetry: one for each job, within it one for each step and
// each request to the host, and one for each request that belongs to no job. It is separate from hvprov, so that programs without
// OpenTelemetry do not depend on it.
package oteltrace

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
)

// scope is the name of the instrumentation.
const scope = "github.com/hypervvm/terraform-provider-hypervvm/hvprov"

// Tracer implements [hvprov.Tracer].
type Tracer struct{ tracer trace.Tracer }

var _ hvprov.Tracer = (*Tracer)(nil)

// New returns a tracer for [hvprov.Options] that begins its spans with a provider.
func New(provider trace.TracerProvider) *Tracer { return &Tracer{provider.Tracer(scope)} }

// Begin implements [hvprov.Tracer]. The error of a span, which contains no secrets, becomes its status; a cancellation does not.
func (t *Tracer) Begin(ctx context.Context, s hvprov.Span) (context.Context, func(error)) {
	attributes := []attribute.KeyValue{attribute.String("hvprov.host", s.Host)}
	if s.Job != "" {
		attributes = append(attributes, attribute.String("hvprov.job", s.Job))
	}
	kind := trace.SpanKindInternal
	if s.Kind == hvprov.SpanRequest {
		kind = trace.SpanKindClient
	}
	ctx, span := t.tracer.Start(ctx, s.Kind+" "+s.Name, trace.WithSpanKind(kind), trace.WithTimestamp(s.Start),
		trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, hvprov.ErrJobCancelled) {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
