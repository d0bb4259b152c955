// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

func TestMemoryIsBoundedWhateverComes(t *testing.T) {
	// Not parallel: it measures the heap.
	const block, limit = 16 << 10, 16 << 10
	for name, c := range map[string]struct{ head, repeated string }{
		"a line without end":                 {"", "x"},
		"lines":                              {"", "x\n"},
		"headers":                            {"", "#< CLIXML\n"},
		"half headers":                       {"", "#< CLI"},
		"lines of UTF-16":                    {"", "x\x00\n\x00"},
		"a line of UTF-16 without end":       {"", "x\x00"},
		"invalid bytes":                      {"", "\x80"},
		"escape sequences":                   {"", "\x1b[31;1m"},
		"an escape sequence without end":     {"\x1b[", "31;"},
		"a title without end":                {"\x1b]", "x"},
		"titles without end":                 {"", "\x1b]"},
		"a tag without end":                  {"<S ", "a "},
		"an attribute without end":           {`<S N="`, "a"},
		"an attribute without end, and tags": {"", `<S N="`},
		"a name without end":                 {"<", "S"},
		"an instruction without end":         {"<?", "x"},
		"a comment without end":              {"<!--", "x"},
		"comments":                           {"", "<!--"},
		"an entity without end":              {"&#", "4"},
		"ampersands":                         {"", "&"},
		"entities":                           {"", "&lt;"},
		"escapes":                            {"", "_x001B_"},
		"half escapes":                       {"", "_x00"},
		"opening tags":                       {"", "<Obj>"},
		"opening tags with names":            {"", `<Obj N="abc"><MS>`},
		"closing tags":                       {"", "</Obj>"},
		"empty tags":                         {"", "<S />"},
		"strings within an object":           {"", `<S N="a">x</S>`},
		"members again and again":            {"", "<ToString>x</ToString>"},
		"tags of a record":                   {"", `<Obj S="information"><Props><Obj N="Tags"><LST><S>xxxxxxxx</S></LST></Obj>`},
		"documents":                          {"", "<Objs>"},
		"lines of an error":                  {"", `<S S="Error">x_x000A_</S>`},
		"coloured lines of an error":         {"", `<S S="Error">_x001B_[31;1m_x000A_</S>`},
		"streams":                            {"", `<S S="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx">x</S>`},
	} {
		for _, start := range []string{
			"", "<Objs>", "<Objs><S>", `<Objs><S S="Error">`, "<Objs><Obj><MS>", "<Objs><Obj><ToString>",
			`<Objs><Obj S="information"><Props><Obj N="Tags"><LST>`,
		} {
			longest := 0
			d := clixml.NewDecoder(func(r clixml.Record) { longest = max(longest, len(r.Text)) })
			clixml.SetLimit(d, limit)
			_, _ = d.Write([]byte(start + c.head))
			piece := bytes.Repeat([]byte(c.repeated), block/len(c.repeated))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range 32 { // half a MiB
				_, _ = d.Write(piece)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<10 {
				t.Errorf("%s after %q: the heap grew by %d bytes", name, start, grown)
			}
			d.Close()
			if longest > 3*limit { // an invalid byte becomes U+FFFD, which has three
				t.Errorf("%s after %q: a record of %d bytes", name, start, longest)
			}
		}
	}
}

// TestALineWithoutEndStreams stands for any amount of it: the memory does not depend on that.
func TestALineWithoutEndStreams(t *testing.T) {
	// Not parallel: it measures the heap.
	size := 256 << 20
	if testing.Short() || raceDetector {
		size = 32 << 20
	}
	for _, start := range []string{"", "<Objs><S>", `<Objs><S S="Error">`, "<Objs><Obj><ToString>"} {
		var emitted int
		d := clixml.NewDecoder(func(r clixml.Record) { emitted += len(r.Text) })
		_, _ = d.Write([]byte(start))
		piece := []byte(strings.Repeat("0123456789abcdef", 4<<10))
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		most := uint64(0)
		for n := 0; n < size/4; n += len(piece) {
			_, _ = d.Write(piece)
			if n&(8<<20-1) == 0 {
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
		d.Close()
		if most > before.HeapAlloc+48<<20 {
			t.Errorf("after %q: %d MiB on the heap", start, (most-before.HeapAlloc)>>20)
		}
		if !strings.Contains(start, "Obj>") && emitted != size/4 {
			t.Errorf("after %q: %d bytes of %d", start, emitted, size/4)
		}
	}
}

func TestPlainTextAllocatesTheLinesAndNothingElse(t *testing.T) {
	// Not parallel: it counts allocations.
	const besides = 3 // the decoder, the function that it emits to, and that function's counter
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
		if got > float64(lines+besides) {
			t.Errorf("%v allocations for %d lines", got, lines)
		}
	}
}

func TestWriteLeavesItsInputAsItIs(t *testing.T) {
	t.Parallel()
	input := "\x1b[32mok\x1b[0m\n\xFF\x1b[1m\na\x00\x1b\x00[\x001\x00m\x00\n\x00<Objs>" +
		"<S S=\"_x001B_\x1b[1mx\">\x1b[1m_x001B_[1m&lt;</S><Obj><ToString>\x1b[1m</ToString></Obj></Objs>"
	written := []byte(input)
	decode(written)
	if string(written) != input {
		t.Errorf("it became %q", written)
	}
}
