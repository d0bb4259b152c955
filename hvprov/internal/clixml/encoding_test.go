// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/clixml"
)

// wide writes text as UTF-16LE.
func wide(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	const xml = `<Objs><S S="Error">x</S></Objs>`
	for name, c := range map[string]struct {
		input string
		want  []string
	}{
		"plain text is not unescaped": {
			"a_x000D__x000A_b &lt; _x001B_[31m\n_x005F_", []string{`text "a_x000D__x000A_b &lt; _x001B_[31m\n"`, `text "_x005F_"`},
		},
		"text after a document is not unescaped": {open + closed + "a_x000D_\n", []string{`text "a_x000D_\n"`}},
		"text in a document is not unescaped":    {open + "a_x000D_ &amp;\n" + xml[6:], []string{`text "a_x000D_ &amp;\n"`, `error "x"`}},
		"characters of several bytes":            {"Größe 漢字 \U0001F600\n" + open + "<S>é漢\U0001F600</S>" + closed, []string{"text \"Größe 漢字 \U0001F600\\n\"", "output \"é漢\U0001F600\""}},
		"a character that does not end":          {"caf\xC3", []string{`text "caf` + "\uFFFD" + `"`}},
		"a character that the line end cuts":     {"caf\xC3\nb\n", []string{`text "caf` + "\uFFFD" + `\n"`, `text "b\n"`}},
		"a character that a tag cuts":            {"caf\xC3" + xml, []string{`text "caf` + "\uFFFD" + `"`, `error "x"`}},
		"invalid bytes":                          {"a\xFF\xFEb\n", []string{`text "a` + "\uFFFD" + `b\n"`}},
		"a byte order mark at each line's start": {"\uFEFFa\uFEFF\n\uFEFFb\n\uFEFF" + xml + "\uFEFFc", []string{`text "a\ufeff\n"`, `text "b\n"`, `error "x"`, `text "c"`}},
		"UTF-16":                                 {wide("Windows: \r\n\r\n* über\n\nend"), []string{`text "Windows: \r\n"`, `text "\r\n"`, `text "* über\n"`, `text "\n"`, `text "end"`}},
		"UTF-16 with a byte order mark":          {wide("\uFEFFabc\r\n"), []string{`text "abc\r\n"`}},
		"UTF-16 with other characters":           {wide("Linux 的 Windows, \U0001F600 ok\r\nb"), []string{"text \"Linux 的 Windows, \U0001F600 ok\\r\\n\"", `text "b"`}},
		"UTF-16 with colours":                    {wide("\x1b[31mred\x1b[0m\r\n"), []string{`text "red\r\n"`}},
		"UTF-16 with a less-than sign":           {wide("a < b <S> </Objs>\r\n"), []string{`text "a < b <S> </Objs>\r\n"`}},
		"UTF-16 that is cut":                     {wide("abc")[:5], []string{`text "abc"`}},
		"UTF-16, then UTF-8":                     {wide("abc\r\n") + "déf\n" + wide("ghi\n") + xml + wide("end"), []string{`text "abc\r\n"`, `text "déf\n"`, `text "ghi\n"`, `error "x"`, `text "end"`}},
		"UTF-16 between a header and its document": {
			"#< CLIXML\r\n" + wide("no such distribution\r\n") + xml, []string{`text "no such distribution\r\n"`, `error "x"`},
		},
		"UTF-16 within a document":              {"<Objs>" + wide("wsl\r\n") + xml[6:], []string{`text "wsl\r\n"`, `error "x"`}},
		"UTF-8 with NULs":                       {"abc\x00def\x00\nghi\n", []string{`text "abc\x00def\x00\n"`, `text "ghi\n"`}},
		"UTF-16 with few characters of Latin-1": {wide("没有已安装的分发版。\r\n"), []string{`text "没有已安装的分发版。\r\n"`}},
		"UTF-8 with NULs at even places":        {"a\x00\x00b\n", []string{`text "a\x00\x00b\n"`}},
		"UTF-8 with one NUL":                    {"a\x00b\n", []string{`text "a\x00b\n"`}},
		"UTF-8 with NULs at odd places":         {"a\x00bcd\x00ef\n", []string{`text "a\x00bcd\x00ef\n"`}},
		"NULs":                                  {"\x00\x00\x00\x00\n\x00\n", []string{`text "\x00\x00\x00\x00\n"`, `text "\x00\n"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkEachSplit(t, c.input, c.want)
		})
	}
}

func TestFallbackReadsWhatIsNotUTF8(t *testing.T) {
	t.Parallel()
	input := "caf\x82 \xE1\xC3\xA9\r\ngr\xC3\xBC\xC3\x9F\r\n" + open +
		"<S S=\"Error\">\x81_x001B_[1m_x0041_&lt;\x81_x000A_</S><S S=\"Error\">ü_x000A_</S>" +
		"<Obj><ToString>na\x8Bve</ToString></Obj>" + closed + "\x9A"
	for name, c := range map[string]struct {
		fallback func([]byte) string
		want     []string
	}{
		"code page 437": {clixml.CodePage437, []string{`text "café ß├⌐\r\n"`, `text "grüß\r\n"`, `error "üA<ü\nü\n"`, `output "naïve"`, `text "Ü"`}},
		"code page 850": {clixml.CodePage850, []string{`text "café ß├®\r\n"`, `text "grüß\r\n"`, `error "üA<ü\nü\n"`, `output "naïve"`, `text "Ü"`}},
		"none": {nil, []string{
			"text \"caf\uFFFD \uFFFDé\\r\\n\"", `text "grüß\r\n"`, "error \"\uFFFDA<\uFFFD\\nü\\n\"", "output \"na\uFFFDve\"", "text \"\uFFFD\"",
		}},
		"one that gives invalid bytes": {func(text []byte) string { return fmt.Sprint(len(text), "\xFF") }, []string{
			"text \"10\uFFFD\"", `text "grüß\r\n"`, "error \"27\uFFFD\"", `error "ü` + `\n"`, "output \"5\uFFFD\"", "text \"1\uFFFD\"",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := range len(input) {
				var got []string
				for _, r := range decodeWith(func(d *clixml.Decoder) { d.Fallback = c.fallback }, []byte(input[:at]), []byte(input[at:])) {
					got = append(got, show(r))
				}
				if !slices.Equal(got, c.want) {
					t.Fatalf("cut at %d:\n got %q\nwant %q", at, got, c.want)
				}
			}
		})
	}
}

// The code pages as Python 3 reads them, at a few places each; and no character of them twice.
func TestCodePages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read func([]byte) string
		want string
	}{
		"437": {clixml.CodePage437, "A~\x7fÇÿ¢ƒá»░┐└┘▀α \u00A0"},
		"850": {clixml.CodePage850, "A~\x7fÇÿøƒá»░┐└┘▀Ó \u00A0"},
	} {
		if got := c.read([]byte("A~\x7f\x80\x98\x9b\x9f\xa0\xaf\xb0\xbf\xc0\xd9\xdf\xe0 \xff")); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		all := map[rune]bool{}
		for i := range 256 {
			for _, r := range c.read([]byte{byte(i)}) {
				all[r] = true
			}
		}
		if len(all) != 256 {
			t.Errorf("%s has %d characters", name, len(all))
		}
	}
}
