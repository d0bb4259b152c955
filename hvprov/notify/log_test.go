// SPDX-License-Identifier: MPL-2.0

package notify_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

func jobEvent(e job.Event) notify.Event {
	return notify.Event{Kind: notify.KindJobEvent, Host: "hv01", Job: "a", Event: &e}
}

func TestLogWritesEachEventAtItsLevel(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{Buffer: 10})
	const about = " host=hv01 job=a event="
	want := ""
	for _, tt := range []struct {
		event notify.Event
		line  string
	}{
		{jobEvent(job.Event{Kind: job.KindStep, Number: 1, Of: 6, Step: "disk", Message: "copying"}), `INFO msg="[1/6] disk: copying" kind=job_event seq=%` + about + "step"},
		{jobEvent(job.Event{Kind: job.KindProgress, Step: "disk", Percent: 5}), `DEBUG msg="disk: 5% " kind=job_event seq=%` + about + "progress"},
		{jobEvent(job.Event{Kind: job.KindWarning, Step: "disk", Message: "slow"}), `WARN msg="disk: warning: slow" kind=job_event seq=%` + about + "warning"},
		{jobEvent(job.Event{Kind: job.KindResult, Message: "no", Result: &job.Result{Outcome: job.Failed}}), `ERROR msg="failed: no" kind=job_event seq=%` + about + "result"},
		{jobEvent(job.Event{Kind: job.KindResult, Message: "yes", Result: &job.Result{Outcome: job.Succeeded}}), `INFO msg="succeeded: yes" kind=job_event seq=%` + about + "result"},
		{state("a", "running"), `INFO msg="job running" kind=job_state seq=% host=hv01 job=a`},
		{notify.Event{Kind: notify.KindJobState, Job: "a", State: "failed", Err: "why"}, `ERROR msg="job failed" kind=job_state seq=% job=a error=why`},
		{notify.Event{Kind: notify.KindHostState, Host: "hv01", State: "away", Err: "why"}, `WARN msg="host away" kind=host_state seq=% host=hv01 error=why`},
	} {
		e := b.Publish(tt.event)
		want += "level=" + string(bytes.Replace([]byte(tt.line), []byte("seq=%"), []byte("seq="+string(rune('0'+e.Seq))), 1)) + "\n"
	}
	b.Close()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	if err := notify.Log(t.Context(), s, log); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestLogTellsOfGaps(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{Buffer: 1})
	publish(b, "a", 3)
	b.Close()
	var out bytes.Buffer
	if err := notify.Log(t.Context(), s, slog.New(slog.NewTextHandler(&out, nil))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes(), []byte("level=WARN")) || !bytes.Contains(out.Bytes(), []byte("missed=2")) {
		t.Errorf("got %s", out.String())
	}
}

func TestLogEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := notify.New(notify.Options{}).Subscribe(notify.Filter{})
	if err := notify.Log(ended(t), s, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
