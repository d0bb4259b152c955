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

// Handler redacts what is logged: the message, and keys and values of attributes, also in groups. Values that are secrets as
// numbers or within structs become text. It is made by [NewHandler].
type Handler struct {
	inner slog.Handler
	src   Source
	steps []step                // since NewHandler
	bound atomic.Pointer[bound] // inner with steps, as redacted last
}

// step is a group that was opened, or attributes that were set.
type step struct {
	group string
	attrs []slog.Attr
}

type bound struct {
	by *Redactor
	to slog.Handler
}

// NewHandler gives a handler that redacts with what src has at the time of each record. Attributes that a logger was given
// before ([slog.Logger.With]) are redacted with that as well.
func NewHandler(inner slog.Handler, src Source) *Handler {
	return &Handler{inner: inner, src: src}
}

// Enabled implements [slog.Handler].
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *Handler) Handle(ctx context.Context, record slog.Record) error {
	r := h.src.Redactor()
	clean := slog.NewRecord(record.Time, record.Level, r.String(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(r.attr(a))
		return true
	})
	return h.bind(r).Handle(ctx, clean)
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
	return &Handler{inner: h.inner, src: h.src, steps: append(h.steps[:len(h.steps):len(h.steps)], s)}
}

// bind gives inner with the steps, redacted by r.
func (h *Handler) bind(r *Redactor) slog.Handler {
	if b := h.bound.Load(); b != nil && b.by == r {
		return b.to
	}
	to := h.inner
	for _, s := range h.steps {
		if s.group != "" {
			to = to.WithGroup(r.String(s.group))
		} else {
			to = to.WithAttrs(r.attrs(s.attrs))
		}
	}
	h.bound.Store(&bound{r, to})
	return to
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

// any gives a value as it is when no handler could write a secret of it, and else its text.
func (r *Redactor) any(v any) (clean slog.Value) {
	if r == nil || len(r.text.nodes)+len(r.words.nodes) == 0 {
		return slog.AnyValue(v)
	}
	defer func() {
		if recover() != nil { // a method of a nil pointer, say
			clean = slog.StringValue(fmt.Sprintf("a %T that cannot be shown", v))
		}
	}()
	switch v := v.(type) {
	case nil:
		return slog.AnyValue(nil)
	case *slog.Source:
		return slog.AnyValue(v)
	case []byte:
		// Handlers write it as text, as base64, or as numbers.
		if text := string(v); r.String(text) != text {
			return slog.StringValue(r.String(text))
		}
		return slog.AnyValue(v)
	case error:
		if text := v.Error(); r.String(text) != text {
			// Not wrapped, or the secret would be one Unwrap away.
			return slog.AnyValue(errors.New(r.String(text)))
		}
	}
	for _, format := range []string{"%+v", "%v", "%#v"} {
		text := fmt.Sprintf(format, v)
		if r.String(text) != text {
			return slog.StringValue(r.String(text))
		}
	}
	if text, err := json.Marshal(v); err == nil && string(r.Bytes(text)) != string(text) {
		return slog.StringValue(r.String(string(text)))
	}
	return slog.AnyValue(v)
}
