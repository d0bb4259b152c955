// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"context"
	"log/slog"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Log writes what a subscription gives to a log, until the subscription ends or ctx does, whose error it returns then. Failures
// of jobs are errors; warnings, what was taken back, trouble with hosts, and gaps are warnings; percentages are for debugging.
func Log(ctx context.Context, s *Subscription, to *slog.Logger) error {
	for e, err := range s.All(ctx) {
		if err != nil {
			return err
		}
		to.LogAttrs(ctx, level(&e), message(&e), attributes(&e)...)
	}
	return nil
}

func level(e *Event) slog.Level {
	switch e.Kind {
	case KindGap:
		return slog.LevelWarn
	case KindJobState, KindHostState:
		switch {
		case e.Err == "":
			return slog.LevelInfo
		case e.Kind == KindHostState:
			return slog.LevelWarn
		}
		return slog.LevelError
	}
	if e.Event == nil {
		return slog.LevelInfo
	}
	switch e.Event.Kind {
	case job.KindProgress:
		return slog.LevelDebug
	case job.KindWarning, job.KindUndo:
		return slog.LevelWarn
	case job.KindResult:
		if e.Event.Result == nil || e.Event.Outcome == job.Failed {
			return slog.LevelError
		}
	}
	return slog.LevelInfo
}

func message(e *Event) string {
	switch e.Kind {
	case KindGap:
		return "events were missed: their reader was too slow, or came too late"
	case KindJobState:
		return "job " + e.State
	case KindHostState:
		return "host " + e.State
	}
	if e.Event == nil {
		return string(e.Kind)
	}
	return e.Event.String()
}

func attributes(e *Event) []slog.Attr {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind)), slog.Int64("seq", e.Seq)}
	if e.Host != "" {
		attrs = append(attrs, slog.String("host", e.Host))
	}
	if e.Job != "" {
		attrs = append(attrs, slog.String("job", e.Job))
	}
	if e.Event != nil {
		attrs = append(attrs, slog.String("event", string(e.Event.Kind)))
	}
	if e.Kind == KindGap {
		attrs = append(attrs, slog.Int64("missed", e.Missed))
	}
	if e.Err != "" {
		attrs = append(attrs, slog.String("error", e.Err))
	}
	return attrs
}
