// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"log/slog"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Subsystems of the provider's log. TF_LOG_PROVIDER_HYPERVVM_<SUBSYSTEM> sets the level of one; its default is
// TF_LOG_PROVIDER.
const (
	subsystemJob  = "job"
	subsystemHost = "host"
	logLevelEnv   = "TF_LOG_PROVIDER_HYPERVVM"
)

// withJobLog returns a context for logEvent.
func withJobLog(ctx context.Context) context.Context {
	return tflog.NewSubsystem(ctx, subsystemJob, tflog.WithLevelFromEnv(logLevelEnv, subsystemJob))
}

// logEvent writes a job event to Terraform's log.
func logEvent(ctx context.Context, e job.Event) {
	fields := map[string]any{"job_id": e.Job, "seq": e.Seq, "kind": string(e.Kind), "host_time": e.Time}
	if e.Step != "" {
		fields["step"] = e.Step
	}
	if e.Kind == job.KindWarning {
		tflog.SubsystemWarn(ctx, subsystemJob, e.String(), fields)
		return
	}
	tflog.SubsystemInfo(ctx, subsystemJob, e.String(), fields)
}

// newLogger returns a logger that writes to Terraform's log, which ctx carries. The logger outlives ctx.
func newLogger(ctx context.Context) *slog.Logger {
	ctx = tflog.NewSubsystem(context.WithoutCancel(ctx), subsystemHost, tflog.WithLevelFromEnv(logLevelEnv, subsystemHost))
	return slog.New(&logHandler{ctx: ctx})
}

type logHandler struct {
	ctx   context.Context
	attrs []slog.Attr
}

// Enabled reports true: Terraform's log filters by level.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes one record.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	fields := make(map[string]any, len(h.attrs)+r.NumAttrs())
	add := func(a slog.Attr) bool {
		fields[a.Key] = a.Value.Resolve().String()
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	write := tflog.SubsystemDebug
	switch {
	case r.Level >= slog.LevelError:
		write = tflog.SubsystemError
	case r.Level >= slog.LevelWarn:
		write = tflog.SubsystemWarn
	case r.Level >= slog.LevelInfo:
		write = tflog.SubsystemInfo
	}
	write(h.ctx, subsystemHost, r.Message, fields)
	return nil
}

// WithAttrs returns a handler that adds attrs to each record.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{ctx: h.ctx, attrs: append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

// WithGroup returns the handler unchanged: hvprov uses no groups.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
