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

// FuzzSplit feeds any input whole, cut in two, and byte by byte: the records have to be the same, with texts that are valid UTF-8
// and have no escape sequences; and the input has to stay as it is.
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
	f.Add([]byte(open+wrappedError+wrappedError+colouredError+colouredError+closed), 300)
	f.Add([]byte(plainLine+"\x1b]0;title\a\x1b[32mok\x1b[0m caf\x82\r\n\uFEFF"+wide("wsl: über\r\n")+open+closed), 90)
	f.Fuzz(func(t *testing.T, input []byte, at int) {
		for name, setUp := range map[string]func(*clixml.Decoder){
			"":                  func(*clixml.Decoder) {},
			"with a fallback: ": func(d *clixml.Decoder) { d.Fallback = clixml.CodePage437 },
			"in pieces: ":       func(d *clixml.Decoder) { clixml.SetLimit(d, 256) },
		} {
			before := bytes.Clone(input)
			whole := decodeWith(setUp, input)
			if !bytes.Equal(input, before) {
				t.Errorf("%sthe input became %q", name, input)
			}
			if at >= 0 && at <= len(input) {
				if cut := decodeWith(setUp, input[:at], input[at:]); !slices.EqualFunc(cut, whole, same) {
					t.Errorf("%scut at %d:\n got %+v\nwant %+v", name, at, cut, whole)
				}
			}
			if single := decodeWith(setUp, bytewise(input)...); !slices.EqualFunc(single, whole, same) {
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
	texts := []string{r.Stream, r.Text}
	if p := r.Progress; p != nil {
		texts = append(texts, p.Activity, p.Status, p.Operation, p.Type)
	}
	if e := r.Error; e != nil {
		texts = append(texts, e.Message, e.Exception, e.ID, e.Activity, e.Reason, e.TargetName, e.TargetType)
	}
	if i := r.Info; i != nil {
		texts = append(texts, i.Tags...)
		texts = append(texts, i.Source, i.Time)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			t.Errorf("%q is not valid UTF-8", text)
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("%q has an escape character", text)
		}
	}
	if r.Stream == "" || r.Stream == "text" && r.Text == "" {
		t.Errorf("%+v has nothing to say", r)
	}
}
