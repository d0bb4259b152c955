// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
)

// The kinds of spans. A job contains the spans of its steps, as its host reports them, and of its requests to the host.
const (
	SpanJob     = "job"
	SpanStep    = "step"
	SpanRequest = "request"
)

// Span describes work that begins.
type Span struct {
	Kind  string    // SpanJob, SpanStep or SpanRequest
	Name  string    // operation of the job, name of the step, or name of the request
	Host  string    // as configured
	Job   string    // GUID of the job; empty for a request that belongs to none
	Start time.Time // by the clock of this computer
}

// Tracer records spans. Its methods are called concurrently and must not block. Package oteltrace implements it for OpenTelemetry.
type Tracer interface {
	// Begin begins a span. It returns the context of the work within the span, and a function that ends the span with the error
	// of the work.
	Begin(ctx context.Context, span Span) (context.Context, func(err error))
}

// beginSpan begins a span if there is a tracer.
func (s *Service) beginSpan(ctx context.Context, span Span) (context.Context, func(error)) {
	if s.opts.Tracer == nil {
		return ctx, func(error) {}
	}
	return s.opts.Tracer.Begin(ctx, span)
}

// beginJobSpan begins the span of a job or of a step.
func (s *Service) beginJobSpan(ctx context.Context, kind, name string, spec *jobspec.Spec) (context.Context, func(error)) {
	return s.beginSpan(ctx, Span{Kind: kind, Name: name, Host: spec.Record.Host, Job: spec.Record.ID, Start: time.Now()})
}

// requestSpans returns a function that begins the span of a request to a host.
func (s *Service) requestSpans(host string) func(context.Context, string) (context.Context, func(error)) {
	return func(ctx context.Context, request string) (context.Context, func(error)) {
		return s.beginSpan(ctx, Span{Kind: SpanRequest, Name: request, Host: host, Job: jobrun.JobID(ctx), Start: time.Now()})
	}
}
