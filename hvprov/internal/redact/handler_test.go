// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

const pin = "S3cret!"

type valuer struct{}

func (valuer) LogValue() slog.Value { return slog.GroupValue(slog.String("pw", pin)) }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestHandlerRedactsEveryPartOfARecord(t *testing.T) {
	t.Parallel()
	pointer := &struct{ Password *string }{new(string)}
	*pointer.Password = pin
	for _, tt := range []struct {
		name string
		log  func(*slog.Logger)
	}{
		{"the message", func(l *slog.Logger) { l.Info("with " + pin) }},
		{"a string", func(l *slog.Logger) { l.Info("m", "a", pin) }},
		{"a key", func(l *slog.Logger) { l.Info("m", pin, 1) }},
		{"an error", func(l *slog.Logger) { l.Info("m", "a", errors.New("no "+pin)) }},
		{"a wrapped error", func(l *slog.Logger) { l.Info("m", "a", fmt.Errorf("no: %w", errors.New(pin))) }},
		{"a group", func(l *slog.Logger) { l.Info("m", slog.Group("g", slog.Group("h", "a", pin))) }},
		{"a LogValuer", func(l *slog.Logger) { l.Info("m", "a", valuer{}) }},
		{"a struct", func(l *slog.Logger) { l.Info("m", "a", struct{ Password string }{pin}) }},
		{"a pointer in a struct", func(l *slog.Logger) { l.Info("m", "a", pointer) }},
		{"a map", func(l *slog.Logger) { l.Info("m", "a", map[string]any{"x": []string{pin}}) }},
		{"bytes", func(l *slog.Logger) { l.Info("m", "a", []byte(pin)) }},
		{"raw JSON", func(l *slog.Logger) { l.Info("m", "a", json.RawMessage(`{"pw":"S3cret\u0021"}`)) }},
		{"a number", func(l *slog.Logger) { l.Info("m", "a", 987654) }},
		{"an attribute of the logger", func(l *slog.Logger) { l.With("a", pin).Info("m") }},
		{"a group of the logger", func(l *slog.Logger) { l.WithGroup("g"+pin).With("a", pin).Info("m", "b", pin) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := redact.New(pin, "987654")
			for name, inner := range map[string]func(io.Writer) slog.Handler{
				"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
				"JSON": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
			} {
				var b bytes.Buffer
				tt.log(slog.New(redact.NewHandler(inner(&b), r)))
				for _, secret := range []string{pin, "UzNjcmV0", "987654", "S3cret"} {
					if strings.Contains(b.String(), secret) {
						t.Errorf("%s: %s", name, b.String())
					}
				}
				if !strings.Contains(b.String(), redact.Mask) {
					t.Errorf("%s: nothing was replaced in %s", name, b.String())
				}
			}
		})
	}
}

func TestHandlerKeepsValuesWithoutSecrets(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := slog.New(redact.NewHandler(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: noTime}), redact.New(pin)))
	log.With("host", "hv01").WithGroup("g").Info("m", "n", 1, "list", []int{1, 2}, "map", map[string]int{"x": 1}, "nil", nil, "yes", true)
	want := `{"level":"INFO","msg":"m","host":"hv01","g":{"n":1,"list":[1,2],"map":{"x":1},"nil":null,"yes":true}}` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
}

func TestHandlerReplacesAValueThatPanics(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	var err *nilError
	slog.New(redact.NewHandler(slog.NewTextHandler(&b, nil), redact.New(pin))).Info("m", "error", err)
	if !strings.Contains(b.String(), "cannot be formatted") {
		t.Errorf("got %s", b.String())
	}
}

func TestHandlerUsesTheCurrentSecrets(t *testing.T) {
	t.Parallel()
	var r redact.Redactor
	var b bytes.Buffer
	log := slog.New(redact.NewHandler(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: noTime}), &r)).With("a", pin)
	log.Info(pin)
	release := r.Add(pin)
	log.Info(pin)
	release()
	log.Info(pin)
	want := "level=INFO msg=S3cret! a=S3cret!\nlevel=INFO msg=****** a=******\nlevel=INFO msg=S3cret! a=S3cret!\n"
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

func TestHandlerMeetsTheContractOfSlog(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		b.Reset()
		return redact.NewHandler(slog.NewJSONHandler(&b, nil), redact.New(pin))
	}, func(t *testing.T) map[string]any {
		var m map[string]any
		if err := json.Unmarshal(b.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}

func noTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func ExampleNewHandler() {
	inner := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime})
	log := slog.New(redact.NewHandler(inner, redact.New("S3cret!")))
	log.Warn("the host refused", "error", errors.New("password S3cret! is too short"))
	// Output: level=WARN msg="the host refused" error="password ****** is too short"
}
