// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

func TestEscapeSequencesAreRemoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"colors":                             {"\x1b[31;1mred\x1b[0m, \x1b[38;2;1;2;3mtrue\x1b[m color", "red, true color"},
		"cursor and screen":                  {"a\x1b[2J\x1b[1;1Hb\x1b[?25lc\x1b[Kd\x1b[!pe\x1b[1 qf", "abcdef"},
		"colors with colons":                 {"a\x1b[4:3mb\x1b[38:5:1mc", "abc"},
		"a title, ended by BEL":              {"a\x1b]0;the title\ab", "ab"},
		"a link, ended by ST":                {"\x1b]8;;https://lab.example/a?b=1&c=_x\x1b\\here\x1b]8;;\x1b\\.", "here."},
		"a title with other characters":      {"a\x1b]0;Größe 漢字\ab", "ab"},
		"other strings":                      {"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d\x1bXz\x1b\\e", "abcde"},
		"character sets and short sequences": {"a\x1b(Bb\x1b7c\x1b=d\x1bMe\x1b#8f", "abcdef"},
		"consecutive sequences":              {"\x1b[1m\x1b[2m\x1b[3m", ""},
		"a sequence that a removal creates":  {"\x1b\x1b[1m[31mx", "[31mx"},
		"an invalid sequence":                {"a\x1b[31\x01b\x1b[1\u00e9c", "a\x01b\u00e9c"},
		"an incomplete sequence at the end":  {"a\x1b[31", "a"},
		"ESC at the end":                     {"a\x1b", "a"},
		"ESC before another character":       {"a\x1b\u00e9b", "a\u00e9b"},
		"an unterminated title":              {"a\x1b]0;text", "a0;text"},
		"a title within a title":             {"a\x1b]0;b\x1b]0;c\ad", "a0;bd"},
		"a title terminated by ESC only":     {"a\x1b]0;b\x1b", "a0;b"},
		"no ESC":                             {"[31mred[0m ]0;x\a", "[31mred[0m ]0;x\a"},
		"other control characters are kept":  {"a\tb\bc\ad\x7fe\u009b1mf", "a\tb\bc\ad\x7fe\u009b1mf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := func(stream string) []string {
				if c.want == "" && stream == "text" {
					return nil // blank lines are not emitted
				}
				return []string{fmt.Sprintf("%s %q", stream, c.want)}
			}
			checkEachSplit(t, c.text, text("text"))
			// In documents, ESC may be literal or escaped.
			raw := strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(c.text)
			for _, written := range []string{raw, strings.ReplaceAll(raw, "\x1b", "_x001B_"), strings.ReplaceAll(raw, "\x1b", "&#x1B;")} {
				for _, stream := range []string{"error", "output", "warning", "verbose", "debug", "information", "progress", "other"} {
					checkEachSplit(t, fmt.Sprintf(`<Objs><S S="%s">%s</S></Objs>`, stream, written), text(stream))
				}
			}
		})
	}
}

func TestATitleEndsWithItsLine(t *testing.T) {
	t.Parallel()
	checkEachSplit(t, "a\x1b]0;b\nc\ad", []string{`text "a0;b\n"`, `text "c\ad"`})
	checkEachSplit(t, "<Objs><S>a\x1b]0;b_x000A_c\ad</S></Objs>", []string{`output "a0;b\nc\ad"`})
}

func TestEscapeSequencesAreRemovedFromObjects(t *testing.T) {
	t.Parallel()
	const red = "_x001B_[31;1m"
	input := open +
		strings.ReplaceAll(progressObject, "Copying", red+"Copying\x1b[1m") +
		strings.ReplaceAll(errorObject, "VM 'web01'", red+"VM\x1b[0m 'web01'") +
		strings.ReplaceAll(informationObject, "hello", red+"hello") + closed
	plain := open + progressObject + errorObject + informationObject + closed
	want := decode([]byte(plain))
	eachSplit(t, []byte(input), func(how string, got []clixml.Record) {
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s:\n got %+v\nwant %+v", how, got[i], want[i])
			}
		}
	})
}

func TestLinesOfEscapeSequencesOnly(t *testing.T) {
	t.Parallel()
	checkEachSplit(t, "a\n\x1b[0m\n\x1b[0m", []string{`text "a\n"`, `text "\n"`})
	checkEachSplit(t, open+closed+"\x1b[0m\r\n"+open+`<S>x</S>`+closed, []string{`output "x"`})
	checkEachSplit(t, "\x1b[0m"+open+`<S>x</S>`+closed, []string{`output "x"`})
	checkEachSplit(t, "\x1b[1ma\x1b[0m"+open+`<S>x</S>`+closed, []string{`text "a"`, `output "x"`})
}

func TestAnEscapeSequenceIsNotSplitWithItsLine(t *testing.T) {
	t.Parallel()
	const limit = 1 << 10
	for _, sequence := range []string{"\x1b[31;1m", "\x1b]0;a title\a", "\x1b]8;;x\x1b\\"} {
		for before := limit - len(sequence) - 2; before < limit+2; before++ {
			var got strings.Builder
			d := clixml.NewDecoder(func(r clixml.Record) { got.WriteString(r.Text) })
			clixml.SetLimit(d, limit)
			want := strings.Repeat("a", before) + strings.Repeat("b", limit)
			_, _ = d.Write([]byte(want[:before] + sequence + want[before:]))
			d.Close()
			if got.String() != want {
				t.Errorf("%q after %d bytes: %q", sequence, before, strings.Trim(got.String(), "ab"))
			}
		}
	}
}
