// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"log/slog"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The subsystems of the provider's log. Each has its level in TF_LOG_PROVIDER_HYPERVVM_<SUBSYSTEM>, else TF_LOG_PROVIDER.
const (
	subsystemJob  = "job"
	subsystemHost = "host"
)

// logEvent writes an event of a job to the log. ctx has the job's subsystem.
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

func withJobLog(ctx context.Context) context.Context {
	return tflog.NewSubsystem(ctx, subsystemJob, tflog.WithLevelFromEnv("TF_LOG_PROVIDER_HYPERVVM", subsystemJob))
}

// newLogger carries what the library logs into Terraform's log. ctx is where that log is reached from; its end is of no
// account here.
func newLogger(ctx context.Context) *slog.Logger {
	ctx = tflog.NewSubsystem(context.WithoutCancel(ctx), subsystemHost, tflog.WithLevelFromEnv("TF_LOG_PROVIDER_HYPERVVM", subsystemHost))
	return slog.New(&logHandler{ctx: ctx})
}

type logHandler struct {
	ctx   context.Context
	attrs []slog.Attr
}

// Enabled leaves the choice to Terraform's log.
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

// WithAttrs gives a handler that adds attrs.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{ctx: h.ctx, attrs: append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

// WithGroup gives the same handler: the library uses no groups.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
