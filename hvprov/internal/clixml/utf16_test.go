// SPDX-License-Identifier: MPL-2.0

package clixml_test

import (
	"encoding/binary"
	"testing"
	"unicode/utf16"
)

// utf16LE encodes text as UTF-16LE.
func utf16LE(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

func TestPlainTextIsDecodedAsUTF8OrUTF16(t *testing.T) {
	t.Parallel()
	const xml = `<Objs><S S="Error">x</S></Objs>`
	for name, c := range map[string]struct {
		input string
		want  []string
	}{
		"escapes in plain text are not decoded": {
			"a_x000D__x000A_b &lt; _x001B_[31m\n_x005F_", []string{`text "a_x000D__x000A_b &lt; _x001B_[31m\n"`, `text "_x005F_"`},
		},
		"escapes in text after a document are not decoded":  {open + closed + "a_x000D_\n", []string{`text "a_x000D_\n"`}},
		"escapes in text within a document are not decoded": {open + "a_x000D_ &amp;\n" + xml[6:], []string{`text "a_x000D_ &amp;\n"`, `error "x"`}},
		"multi-byte characters":                             {"Größe 漢字 \U0001F600\n" + open + "<S>é漢\U0001F600</S>" + closed, []string{"text \"Größe 漢字 \U0001F600\\n\"", "output \"é漢\U0001F600\""}},
		"an incomplete character":                           {"caf\xC3", []string{`text "caf` + "\uFFFD" + `"`}},
		"a character truncated by a line end":               {"caf\xC3\nb\n", []string{`text "caf` + "\uFFFD" + `\n"`, `text "b\n"`}},
		"a character truncated by a tag":                    {"caf\xC3" + xml, []string{`text "caf` + "\uFFFD" + `"`, `error "x"`}},
		"invalid bytes":                                     {"a\xFF\xFEb\n", []string{`text "a` + "\uFFFD" + `b\n"`}},
		"invalid bytes in a string":                         {open + "<S S=\"Error\">\x81_x001B_[1m_x0041_&lt;\x81</S><Obj><ToString>na\x8Bve</ToString></Obj>" + closed + "\x9A", []string{"error \"\uFFFDA<\uFFFD\"", "output \"na\uFFFDve\"", "text \"\uFFFD\""}},
		"byte order marks at the start of lines":            {"\uFEFFa\uFEFF\n\uFEFFb\n\uFEFF" + xml + "\uFEFFc", []string{`text "a\ufeff\n"`, `text "b\n"`, `error "x"`, `text "c"`}},
		"UTF-16":                                            {utf16LE("Windows: \r\n\r\n* über\n\nend"), []string{`text "Windows: \r\n"`, `text "\r\n"`, `text "* über\n"`, `text "\n"`, `text "end"`}},
		"UTF-16 with a byte order mark":                     {utf16LE("\uFEFFabc\r\n"), []string{`text "abc\r\n"`}},
		"UTF-16 with characters beyond Latin-1":             {utf16LE("Linux 的 Windows, \U0001F600 ok\r\nb"), []string{"text \"Linux 的 Windows, \U0001F600 ok\\r\\n\"", `text "b"`}},
		"UTF-16 with colors":                                {utf16LE("\x1b[31mred\x1b[0m\r\n"), []string{`text "red\r\n"`}},
		"UTF-16 with a less-than sign":                      {utf16LE("a < b <S> </Objs>\r\n"), []string{`text "a < b <S> </Objs>\r\n"`}},
		"UTF-16 without the last byte":                      {utf16LE("abc")[:5], []string{`text "abc"`}},
		"UTF-16 and UTF-8 lines":                            {utf16LE("abc\r\n") + "déf\n" + utf16LE("ghi\n") + xml + utf16LE("end"), []string{`text "abc\r\n"`, `text "déf\n"`, `text "ghi\n"`, `error "x"`, `text "end"`}},
		"UTF-16 between a header and its document": {
			"#< CLIXML\r\n" + utf16LE("no such distribution\r\n") + xml, []string{`text "no such distribution\r\n"`, `error "x"`},
		},
		"UTF-16 within a document":           {"<Objs>" + utf16LE("wsl\r\n") + xml[6:], []string{`text "wsl\r\n"`, `error "x"`}},
		"UTF-8 with NULs":                    {"abc\x00def\x00\nghi\n", []string{`text "abc\x00def\x00\n"`, `text "ghi\n"`}},
		"UTF-16 with few Latin-1 characters": {utf16LE("没有已安装的分发版。\r\n"), []string{`text "没有已安装的分发版。\r\n"`}},
		"UTF-8 with NULs at even places":     {"a\x00\x00b\n", []string{`text "a\x00\x00b\n"`}},
		"UTF-8 with one NUL":                 {"a\x00b\n", []string{`text "a\x00b\n"`}},
		"UTF-8 with NULs at odd places":      {"a\x00bcd\x00ef\n", []string{`text "a\x00bcd\x00ef\n"`}},
		"NULs":                               {"\x00\x00\x00\x00\n\x00\n", []string{`text "\x00\x00\x00\x00\n"`, `text "\x00\n"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkEachSplit(t, c.input, c.want)
		})
	}
}
