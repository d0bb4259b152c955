// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestFormattedValuesAreHidden(t *testing.T) {
	t.Parallel()
	const secret = "p@ss"
	d := full()
	accounts := job.Field{ID: "accounts", Value: []any{job.Fields{{ID: "pw", Value: secret}}, secret, []any{secret}}}
	d.Fields = append(d.Fields, accounts, job.Field{ID: "domain", Value: job.Fields{{ID: "pw", Value: secret}}})

	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"a definition shows the ids of its fields", d, "guest_la_pw"},
		{"a pointer to a definition does too", &d, "guest_la_pw"},
		{"a definition in a struct does too", struct{ D job.Definition }{d}, "guest_la_pw"},
		{"fields show their ids", d.Fields, "domain"},
		{"a pointer to fields does too", &d.Fields, "domain"},
		{"a field shows its id", accounts, "accounts"},
		{"a pointer to a field does too", &accounts, "accounts"},
		{"a slice of fields does too", []job.Field(d.Fields), "domain"},
		{"fields in a list do too", []any{d.Fields}, "domain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%t", "%z"} {
				got := fmt.Sprintf(verb, tt.value)
				if strings.Contains(got, secret) || !strings.Contains(got, tt.want) {
					t.Errorf("%s: got %s, want %q and no value", verb, got, tt.want)
				}
			}
			if got := fmt.Sprintf("%x", tt.value); strings.Contains(got, fmt.Sprintf("%x", secret)) {
				t.Errorf("%%x: got %s, want no value", got)
			}
		})
	}
}

func TestLoggedValuesAreHidden(t *testing.T) {
	t.Parallel()
	d := full()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"as JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		"as text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		for _, value := range []any{d, &d, d.Fields, d.Fields[4]} {
			t.Run(fmt.Sprintf("%T %s", value, name), func(t *testing.T) {
				t.Parallel()
				var log bytes.Buffer
				slog.New(handler(&log)).Info("submit", "what", value)
				if got := log.String(); strings.Contains(got, "p@ss") || !strings.Contains(got, "guest_la_pw") {
					t.Errorf("got %s, want ids and no values", got)
				}
			})
		}
	}
}
