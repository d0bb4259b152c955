// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

// FuzzSplit decodes an input as a whole, split at one position, and byte by byte. The records must be the same, their texts must be
// valid UTF-8 without escape sequences, and the input must not be modified.
func FuzzSplit(f *testing.F) {
	var vectors []vector
	load(f, "clixml_vectors.json", &vectors)
	for _, v := range vectors {
		f.Add(v.input(f), 7)
	}
	for _, c := range recordings(f) {
		if input := fromBase64(f, c.Stderr); len(input) < 4096 {
			f.Add(input, 100)
		}
	}
	f.Add([]byte(open+errorObject+informationObject+closed), 200)
	f.Add([]byte(open+wrappedError+wrappedError+coloredError+coloredError+closed), 300)
	f.Add([]byte(plainLine+"\x1b]0;title\a\x1b[32mok\x1b[0m caf\x82\r\n\uFEFF"+utf16LE("wsl: über\r\n")+open+closed), 90)
	f.Fuzz(func(t *testing.T, input []byte, at int) {
		for name, setUp := range map[string]func(*clixml.Decoder){
			"":                   func(*clixml.Decoder) {},
			"with a low limit: ": func(d *clixml.Decoder) { clixml.SetLimit(d, 256) },
		} {
			before := bytes.Clone(input)
			whole := decodeWith(setUp, input)
			if !bytes.Equal(input, before) {
				t.Errorf("%sthe input was changed to %q", name, input)
			}
			if at >= 0 && at <= len(input) {
				if split := decodeWith(setUp, input[:at], input[at:]); !slices.Equal(split, whole) {
					t.Errorf("%ssplit at %d:\n got %+v\nwant %+v", name, at, split, whole)
				}
			}
			if single := decodeWith(setUp, bytewise(input)...); !slices.Equal(single, whole) {
				t.Errorf("%sbyte by byte:\n got %+v\nwant %+v", name, single, whole)
			}
			for _, r := range whole {
				checkTexts(t, r)
			}
		}
	})
}

func checkTexts(t *testing.T, r clixml.Record) {
	t.Helper()
	for _, text := range []string{r.Stream, r.Text} {
		if !utf8.ValidString(text) {
			t.Errorf("%q is not valid UTF-8", text)
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("%q contains an escape character", text)
		}
	}
	if r.Stream == "" || r.Stream == "text" && r.Text == "" {
		t.Errorf("%+v is empty", r)
	}
}
