// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"time"
)

// SpanKind is what kind of work a [Span] is.
type SpanKind string

// The kinds of spans. A job is made of steps, as its host tells them, and of requests to the host.
const (
	SpanJob     SpanKind = "job"
	SpanStep    SpanKind = "step"
	SpanRequest SpanKind = "request"
)

// Span is work that begins.
type Span struct {
	Kind  SpanKind
	Name  string    // a job's operation, a step's name, a request's name
	Host  string    // as the service calls it
	Job   string    // the job's GUID; empty for a request that belongs to none
	Start time.Time // by the clock of this computer
}

// Tracer is told of the service's work. Its methods are called from many goroutines and must not block. hvprov/oteltrace has
// one for OpenTelemetry.
type Tracer interface {
	// Begin is told of a span as it begins. It gives the context of what happens within, and what is to be called at the
	// span's end, with the error that it ended with.
	Begin(ctx context.Context, span Span) (context.Context, func(err error))
}

// noTracer is told of everything and does nothing.
type noTracer struct{}

func (noTracer) Begin(ctx context.Context, _ Span) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// jobKey is under which a context carries the id of the job that it belongs to.
type jobKey struct{}

// requestHook tells the tracer of the requests to a host.
func (s *Service) requestHook(hostName string) func(context.Context, string) (context.Context, func(error)) {
	return func(ctx context.Context, request string) (context.Context, func(error)) {
		id, _ := ctx.Value(jobKey{}).(string)
		return s.opts.Tracer.Begin(ctx, Span{Kind: SpanRequest, Name: request, Host: hostName, Job: id, Start: time.Now()})
	}
}
