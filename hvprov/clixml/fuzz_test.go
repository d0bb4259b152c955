// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"encoding/base64"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/clixml"
)

// FuzzSplit feeds any input whole, cut in two, and byte by byte: the records have to be the same, and valid UTF-8.
func FuzzSplit(f *testing.F) {
	var vectors []vector
	load(f, "clixml_vectors.json", &vectors)
	for _, v := range vectors {
		f.Add(v.input(f), 7)
	}
	var file struct{ Cases []recording }
	load(f, "clixml_recorded.json", &file)
	for _, c := range file.Cases {
		if input, err := base64.StdEncoding.DecodeString(c.Stderr); err == nil && len(input) < 4096 {
			f.Add(input, 100)
		}
	}
	f.Add([]byte(open+errorObject+informationObject+closed), 200)
	f.Fuzz(func(t *testing.T, input []byte, at int) {
		whole := decode(input)
		if at >= 0 && at <= len(input) {
			if cut := decode(input[:at], input[at:]); !reflect.DeepEqual(cut, whole) {
				t.Errorf("cut at %d:\n got %+v\nwant %+v", at, cut, whole)
			}
		}
		if single := decode(bytewise(input)...); !reflect.DeepEqual(single, whole) {
			t.Errorf("byte by byte:\n got %+v\nwant %+v", single, whole)
		}
		for _, r := range whole {
			if !utf8.ValidString(r.Text) {
				t.Errorf("%q is not valid UTF-8", r.Text)
			}
			if r.Stream == "" {
				t.Errorf("%+v has no stream", r)
			}
		}
	})
}

func BenchmarkPlainText(b *testing.B) {
	benchmark(b, "2026-01-02 03:04:05 copying block 17 of web01.vhdx to the host's folder\r\n", 1000)
}

func BenchmarkErrors(b *testing.B) {
	benchmark(b, `<S S="Error">Get-VM : A parameter cannot be found that matches parameter name &lt;x&gt;_x000D__x000A_</S>`, 1000)
}

func benchmark(b *testing.B, line string, times int) {
	b.Helper()
	var input []byte
	if line[0] == '<' {
		input = []byte(open)
	}
	for range times {
		input = append(input, line...)
	}
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		d := clixml.NewDecoder(func(clixml.Record) {})
		_, _ = d.Write(input)
		d.Close()
	}
}
