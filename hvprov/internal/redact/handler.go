// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// Handler is a [slog.Handler] that redacts the message, and the keys and values of attributes, of each record. A value that
// contains a secret in a struct, or as a number, is logged as text.
type Handler struct {
	inner    slog.Handler
	redactor *Redactor
	steps    []step // since NewHandler
	bound    atomic.Pointer[boundHandler]
}

// step is a group that was opened, or attributes that were set.
type step struct {
	group string
	attrs []slog.Attr
}

// boundHandler is the inner handler after the steps, as redacted in a generation of the redactor.
type boundHandler struct {
	generation uint64
	handler    slog.Handler
}

// NewHandler returns a handler that passes redacted records to inner. It redacts with the secrets that redactor has when a
// record is logged, including the attributes that were set earlier with [slog.Logger.With].
func NewHandler(inner slog.Handler, redactor *Redactor) *Handler {
	return &Handler{inner: inner, redactor: redactor}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.redactor.String(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.redactor.attr(a))
		return true
	})
	return h.bind().Handle(ctx, clean)
}

// WithAttrs implements [slog.Handler].
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(step{attrs: attrs})
}

// WithGroup implements [slog.Handler].
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(step{group: name})
}

func (h *Handler) with(s step) *Handler {
	return &Handler{inner: h.inner, redactor: h.redactor, steps: append(h.steps[:len(h.steps):len(h.steps)], s)}
}

// bind returns the inner handler after the redacted steps.
func (h *Handler) bind() slog.Handler {
	if len(h.steps) == 0 {
		return h.inner
	}
	_, generation := h.redactor.state()
	if b := h.bound.Load(); b != nil && b.generation == generation {
		return b.handler
	}
	handler := h.inner
	for _, s := range h.steps {
		if s.group != "" {
			handler = handler.WithGroup(h.redactor.String(s.group))
		} else {
			handler = handler.WithAttrs(h.redactor.attrs(s.attrs))
		}
	}
	h.bound.Store(&boundHandler{generation, handler})
	return handler
}

func (r *Redactor) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = r.attr(a)
	}
	return clean
}

func (r *Redactor) attr(a slog.Attr) slog.Attr {
	return slog.Attr{Key: r.String(a.Key), Value: r.value(a.Value.Resolve())}
}

func (r *Redactor) value(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(r.String(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(r.attrs(v.Group())...)
	case slog.KindAny:
		return r.any(v.Any())
	case slog.KindBool, slog.KindTime:
		return v
	}
	if text := v.String(); r.String(text) != text {
		return slog.StringValue(r.String(text))
	}
	return v
}

// any returns a value as it is if no handler could write a secret of it, and else its redacted text.
func (r *Redactor) any(v any) (clean slog.Value) {
	if empty, _ := r.state(); empty {
		return slog.AnyValue(v)
	}
	defer func() {
		if recover() != nil { // for example a method of a nil pointer
			clean = slog.StringValue(fmt.Sprintf("%T cannot be formatted", v))
		}
	}()
	switch v := v.(type) {
	case nil:
		return slog.AnyValue(nil)
	case *slog.Source:
		return slog.AnyValue(v)
	case []byte: // handlers write it as text, as base64, or as numbers
		if text := string(v); r.String(text) != text {
			return slog.StringValue(r.String(text))
		}
		return slog.AnyValue(v)
	case error:
		if text := v.Error(); r.String(text) != text {
			return slog.AnyValue(errors.New(r.String(text))) // not wrapped: Unwrap would return the secret
		}
	}
	for _, format := range []string{"%+v", "%v", "%#v"} {
		text := fmt.Sprintf(format, v)
		if clean := r.String(text); clean != text {
			return slog.StringValue(clean)
		}
	}
	if text, err := json.Marshal(v); err == nil {
		if clean := r.String(string(text)); clean != string(text) {
			return slog.StringValue(clean)
		}
	}
	return slog.AnyValue(v)
}
