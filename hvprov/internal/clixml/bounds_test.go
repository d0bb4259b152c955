// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

func TestMemoryIsBoundedForAnyInput(t *testing.T) {
	// Not parallel, because it measures the heap.
	const block, limit = 16 << 10, 16 << 10
	starts := []string{`<Objs><S S="Error">`}
	if os.Getenv("HYPERVVM_TEST_FULL") != "" {
		starts = append(starts, "", "<Objs>", "<Objs><S>", "<Objs><Obj><MS>", "<Objs><Obj><ToString>", `<Objs><Obj S="information"><Props><Obj N="MessageData">`)
	}
	for name, c := range map[string]struct{ head, repeated string }{
		"an unterminated line":             {"", "x"},
		"lines":                            {"", "x\n"},
		"headers":                          {"", "#< CLIXML\n"},
		"incomplete headers":               {"", "#< CLI"},
		"UTF-16 lines":                     {"", "x\x00\n\x00"},
		"an unterminated UTF-16 line":      {"", "x\x00"},
		"invalid bytes":                    {"", "\x80"},
		"escape sequences":                 {"", "\x1b[31;1m"},
		"an unterminated escape sequence":  {"\x1b[", "31;"},
		"an unterminated title":            {"\x1b]", "x"},
		"unterminated titles":              {"", "\x1b]"},
		"an unterminated tag":              {"<S ", "a "},
		"an unterminated attribute":        {`<S N="`, "a"},
		"unterminated attributes and tags": {"", `<S N="`},
		"an unterminated name":             {"<", "S"},
		"an unterminated instruction":      {"<?", "x"},
		"an unterminated comment":          {"<!--", "x"},
		"comments":                         {"", "<!--"},
		"an unterminated entity":           {"&#", "4"},
		"ampersands":                       {"", "&"},
		"entities":                         {"", "&lt;"},
		"escapes":                          {"", "_x001B_"},
		"incomplete escapes":               {"", "_x00"},
		"opening tags":                     {"", "<Obj>"},
		"opening tags with names":          {"", `<Obj N="abc"><MS>`},
		"closing tags":                     {"", "</Obj>"},
		"empty tags":                       {"", "<S />"},
		"strings within an object":         {"", `<S N="a">x</S>`},
		"repeated members":                 {"", "<ToString>x</ToString>"},
		"tags of a record":                 {"", `<Obj S="information"><Props><Obj N="Tags"><LST><S>xxxxxxxx</S></LST></Obj>`},
		"documents":                        {"", "<Objs>"},
		"lines of an error":                {"", `<S S="Error">x_x000A_</S>`},
		"colored lines of an error":        {"", `<S S="Error">_x001B_[31;1m_x000A_</S>`},
		"streams":                          {"", `<S S="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx">x</S>`},
	} {
		for _, start := range starts {
			longest := 0
			d := clixml.NewDecoder(func(r clixml.Record) { longest = max(longest, len(r.Text)) })
			clixml.SetLimit(d, limit)
			_, _ = d.Write([]byte(start + c.head))
			chunk := bytes.Repeat([]byte(c.repeated), block/len(c.repeated))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range 32 { // half a MiB
				_, _ = d.Write(chunk)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<10 {
				t.Errorf("%s after %q: the heap grew by %d bytes", name, start, grown)
			}
			d.Close()
			if longest > 3*limit { // an invalid byte becomes U+FFFD, which has three bytes
				t.Errorf("%s after %q: a record of %d bytes", name, start, longest)
			}
		}
	}
}

func TestAnUnterminatedLineIsStreamed(t *testing.T) {
	// Not parallel, because it measures the heap.
	const size, limit = 8 << 20, 64 << 10
	chunk := []byte(strings.Repeat("0123456789abcdef", limit/16))
	for _, start := range []string{"", "<Objs><S>", `<Objs><S S="Error">`, "<Objs><Obj><ToString>"} {
		var emitted int
		d := clixml.NewDecoder(func(r clixml.Record) { emitted += len(r.Text) })
		clixml.SetLimit(d, limit)
		_, _ = d.Write([]byte(start))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range size / len(chunk) {
			_, _ = d.Write(chunk)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		d.Close()
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
			t.Errorf("after %q: the heap grew by %d bytes", start, grown)
		}
		if !strings.Contains(start, "Obj>") && emitted != size {
			t.Errorf("after %q: emitted %d bytes of %d", start, emitted, size)
		}
	}
}

func TestPlainTextAllocatesOnlyTheLines(t *testing.T) {
	// Not parallel, because it counts allocations.
	const overhead = 3 // the decoder, the emit function and its counter
	for _, lines := range []int{1, 1000, 10000} {
		input := []byte(strings.Repeat(plainLine, lines))
		got := testing.AllocsPerRun(10, func() {
			n := 0
			d := clixml.NewDecoder(func(clixml.Record) { n++ })
			_, _ = d.Write(input)
			d.Close()
			if n != lines {
				t.Errorf("%d records", n)
			}
		})
		if got > float64(lines+overhead) {
			t.Errorf("%v allocations for %d lines", got, lines)
		}
	}
}

func TestWriteDoesNotModifyItsInput(t *testing.T) {
	t.Parallel()
	input := "\x1b[32mok\x1b[0m\n\xFF\x1b[1m\na\x00\x1b\x00[\x001\x00m\x00\n\x00<Objs>" +
		"<S S=\"_x001B_\x1b[1mx\">\x1b[1m_x001B_[1m&lt;</S><Obj><ToString>\x1b[1m</ToString></Obj></Objs>"
	written := []byte(input)
	decode(written)
	if string(written) != input {
		t.Errorf("the input was changed to %q", written)
	}
}
