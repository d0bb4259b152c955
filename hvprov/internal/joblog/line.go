// SPDX-License-Identifier: MPL-2.0

package joblog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

// Line is one line of a file.
type Line struct {
	Time time.Time
	Seq  int64 // the event's number; 0 for a note
	Kind job.Kind
	More bool // the text goes on in the next line
	Text string
}

// Parse reads one line, with or without its end.
func Parse(line string) (Line, error) {
	line = strings.TrimSuffix(line, "\n")
	at, rest, _ := strings.Cut(line, " ")
	seq, rest, _ := strings.Cut(rest, " ")
	kind, text, ok := strings.Cut(rest, " ")
	when, err := time.Parse(timeFormat, at)
	if err != nil || !ok || kind == "" || kind == "+" {
		return Line{}, fmt.Errorf("%.40q is no line of a job's log: it is not a time, a number, a kind and a text", line)
	}
	l := Line{Time: when, Kind: job.Kind(strings.TrimSuffix(kind, "+")), More: strings.HasSuffix(kind, "+"), Text: text}
	if seq == "-" {
		return l, nil
	}
	if l.Seq, err = strconv.ParseInt(seq, 10, 64); err != nil || l.Seq <= 0 {
		return Line{}, fmt.Errorf("%.40q is no line of a job's log: %.20q is no event's number", line, seq)
	}
	return l, nil
}

// appendEntry writes a text as one line or several.
func appendEntry(b []byte, at time.Time, seq int64, kind job.Kind, text string) []byte {
	number := "-"
	if seq > 0 {
		number = strconv.FormatInt(seq, 10)
	}
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for more := true; more; {
		var line string
		line, text, more = strings.Cut(text, "\n")
		b = at.UTC().AppendFormat(b, timeFormat)
		b = append(b, ' ')
		b = append(b, number...)
		b = append(b, ' ')
		b = append(b, word(kind)...)
		if more {
			b = append(b, '+')
		}
		b = append(b, ' ')
		b = appendText(b, line)
		b = append(b, '\n')
	}
	return b
}

// word is a kind that can stand in a line, whatever an agent has sent.
func word(kind job.Kind) string {
	if kind == "" || strings.ContainsFunc(string(kind), func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return "other"
	}
	return string(kind)
}

// appendText writes the text of a line. Control characters and line breaks of Unicode's would do something to a terminal, or to
// whoever reads lines.
func appendText(b []byte, s string) []byte {
	for _, r := range s { // what is no UTF-8 comes as U+FFFD
		switch {
		case r == '\t':
			b = append(b, '\t')
		case r < 0x80 && unicode.IsControl(r):
			b = fmt.Appendf(b, `\x%02x`, r)
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// longestHead is the length in bytes of a line up to its text, and more.
const longestHead = 256

// scan gives where the last whole entry of a file ends, and the highest number of an event before that. It reads the file in
// pieces.
func scan(r io.Reader) (end, last int64, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	at := int64(0)
	for {
		head := ""
		for {
			piece, err := in.ReadSlice('\n')
			at += int64(len(piece))
			if len(head) < longestHead {
				head += string(piece[:min(len(piece), longestHead-len(head))])
			}
			if errors.Is(err, io.EOF) {
				return end, last, nil
			}
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return 0, 0, err
			}
		}
		l, err := Parse(head)
		if err == nil && l.More {
			continue
		}
		end = at // lines that are not ours stay as well
		if err == nil {
			last = max(last, l.Seq)
		}
	}
}
