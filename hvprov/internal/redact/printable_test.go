// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

func TestALongTextIsCutOnceWithANote(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain": strings.Repeat("x", 7_000_000), "control characters": strings.Repeat("\x1b", 16_000), "umlauts": "x" + strings.Repeat("ü", 10_000),
		"invalid UTF-8": strings.Repeat("\xff", 40_000),
	} {
		got := redact.Printable(text)
		if len(got) > 17_000 || !strings.HasSuffix(got, " bytes)") || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, …%q", name, len(got), got[len(got)-40:])
		}
		if again := redact.Printable(got); again != got {
			t.Errorf("%s: it is cut twice: …%q", name, again[len(again)-80:])
		}
	}
	if short := strings.Repeat("x", 16_000); redact.Printable(short) != short {
		t.Error("a text within the limit is cut")
	}
}
