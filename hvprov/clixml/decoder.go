// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Limits that keep the decoder's memory bounded, whatever it is fed.
const (
	maxRecord   = 4 << 20 // bytes of one record's text; longer ones come in pieces
	maxTag      = 64 << 10
	maxComment  = 1 << 10
	maxDepth    = 64 // of elements, and of documents within documents
	maxEntity   = 12
	maxName     = 16
	window      = 4 << 10 // bytes that are searched at a time, so that no search is repeated over the whole input
	replacement = "\uFFFD"
)

// Decoder turns bytes into records. How the bytes are cut into pieces makes no difference. One goroutine at a time may use it.
//
// It never fails: what is not CLIXML, or is no longer, becomes records of the stream "text". It keeps at most a few MiB.
type Decoder struct {
	emit  func(Record)
	limit int // bytes of one record's text

	documents int    // open <Objs> elements
	line      []byte // text outside of items, up to its line end
	started   bool   // something was emitted or dropped, so a byte order mark is not the first thing any more
	quiet     bool   // only a header or document has been seen since the last text, so that blank lines mean nothing

	tag   []byte // what may become a tag, from its "<" on
	named bool   // its name is complete, and one that counts here
	quote byte   // the quotation mark of the attribute that it is in

	item   *item  // the item that is open, or nil
	spare  item   // its memory
	value  []byte // the text of its open leaf, entities undone
	entity []byte // what may become an entity, from its "&" on
}

// NewDecoder makes a decoder that gives each record to emit as soon as it is complete.
func NewDecoder(emit func(Record)) *Decoder { return &Decoder{emit: emit, limit: maxRecord} }

// Write decodes p. It never fails.
func (d *Decoder) Write(p []byte) (int, error) {
	d.feed(p)
	return len(p), nil
}

// Close ends the input and emits what is left: a string that is cut is marked so, an object that is cut is dropped. The
// decoder can then be used for another input.
func (d *Decoder) Close() {
	if len(d.tag) > 0 && !d.plausible() {
		d.literal()
	}
	d.endItem()
	d.flushLine()
	*d = Decoder{emit: d.emit, limit: d.limit}
}

func (d *Decoder) feed(p []byte) {
	for len(p) > 0 {
		switch {
		case len(d.tag) > 0:
			p = d.inTag(p)
		case len(d.entity) > 0:
			p = d.inEntity(p)
		case d.item != nil && d.item.inLeaf():
			p = d.inLeaf(p)
		default:
			p = d.inText(p)
		}
	}
}

// inText takes text up to its line end, or up to what may be a tag.
func (d *Decoder) inText(p []byte) []byte {
	if d.item != nil && d.item.over > 0 { // the value of a member that is too deep
		i := bytes.IndexByte(p, '<')
		if i < 0 {
			return nil
		}
		d.tag = append(d.tag[:0], '<')
		return p[i+1:]
	}
	run := p[:min(len(p), window)]
	end := bytes.IndexByte(run, '\n')
	if end >= 0 {
		run = p[:end+1]
	}
	if i := bytes.IndexByte(run, '<'); i >= 0 {
		d.addText(run[:i])
		d.tag = append(d.tag[:0], '<')
		return p[i+1:]
	}
	if end >= 0 && len(d.line) == 0 && len(run) <= d.limit { // the usual case: no copy
		d.text(run, false)
		return p[end+1:]
	}
	d.addText(run)
	if end >= 0 {
		d.flushLine()
	}
	return p[len(run):]
}

// addText adds to the line; one that is too long comes in pieces.
func (d *Decoder) addText(run []byte) {
	for len(run) > 0 {
		n := min(len(run), d.limit-len(d.line))
		if n == 0 {
			rest := incomplete(d.line)
			d.text(d.line[:len(d.line)-rest], true)
			d.line = append(d.line[:0], d.line[len(d.line)-rest:]...)
			continue
		}
		d.line = append(d.line, run[:n]...)
		run = run[n:]
	}
}

func (d *Decoder) flushLine() {
	if len(d.line) > 0 {
		d.text(d.line, false)
		d.line = d.line[:0]
	}
}

// text emits a line without the headers in it. Blank lines beside and within documents are layout.
func (d *Decoder) text(line []byte, cut bool) {
	if !d.started || d.quiet {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	for {
		at, size := header(line)
		if at < 0 {
			break
		}
		if at > 0 {
			d.textRecord(line[:at], false)
		}
		d.started, d.quiet = true, true
		line = line[at+size:]
	}
	if len(line) == 0 || (d.quiet || d.documents > 0) && len(bytes.TrimSpace(line)) == 0 {
		return
	}
	d.textRecord(line, cut)
}

func (d *Decoder) textRecord(text []byte, cut bool) {
	d.started, d.quiet = true, false
	d.emit(Record{Stream: "text", Text: valid(text), Truncated: cut})
}

const headerText = "#< CLIXML"

// header finds the line that announces a document; it may have text in front, and its line end belongs to it. What only begins
// like it is text.
func header(line []byte) (at, size int) {
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '#')
		if i < 0 || len(line)-from-i < len(headerText) {
			return -1, 0
		}
		at, from = from+i, from+i+1
		if !strings.EqualFold(string(line[at:at+len(headerText)]), headerText) {
			continue
		}
		switch rest := line[at+len(headerText):]; {
		case len(rest) == 0:
			return at, len(headerText)
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return at, len(headerText) + 2
		case rest[0] == '\r' || rest[0] == '\n':
			return at, len(headerText) + 1
		}
	}
}

// incomplete is the number of bytes at the end that begin a character and do not complete it.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n:]; utf8.RuneStart(c[0]) {
			if !utf8.FullRune(c) {
				return n
			}
			return 0
		}
	}
	return 0
}

func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), replacement)
}
