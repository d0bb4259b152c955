// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strings"
)

// Limits that keep the decoder's memory bounded, whatever it is fed.
const (
	maxRecord   = 4 << 20 // bytes of one record's text; longer ones come in pieces
	maxTag      = 64 << 10
	maxComment  = 1 << 10
	maxDepth    = 64 // of elements, and of documents within documents
	maxEntity   = 12
	maxName     = 16
	maxSequence = 128     // of an escape sequence that is kept whole where a text is cut into pieces
	window      = 4 << 10 // bytes that are searched at a time, so that no search is repeated over the whole input
	replacement = "\uFFFD"
)

// Decoder turns bytes into records. How the bytes are cut into pieces makes no difference. One goroutine at a time may use it.
//
// It never fails: what is not CLIXML, or is no longer, becomes records of the stream "text". It keeps some MiB at most.
type Decoder struct {
	// Fallback reads what is not UTF-8: a console without code page 65001 writes in that of the host, such as [CodePage437]. It
	// is given a line or a string, or a piece of one that is too long. Nil puts U+FFFD in place of what is not UTF-8.
	Fallback func(text []byte) string
	// AsWritten gives each string as it was written: the lines of an error one by one, and escape sequences with them. It is for
	// those who look at what a host writes; people are better served without it.
	AsWritten bool

	emit  func(Record)
	limit int // bytes of one record's text

	documents int    // open <Objs> elements
	line      []byte // text outside of items, up to its line end
	midLine   bool   // a piece of it was emitted, because it is too long
	wide      bool   // the line before was UTF-16, so that the second byte of its line end comes first now
	quiet     bool   // only a header or document has been seen since the last text, so that blank lines mean nothing

	tag   []byte // what may become a tag, from its "<" on
	named bool   // its name is complete, and one that counts here
	quote byte   // the quotation mark of the attribute that it is in

	item   *item  // the item that is open, or nil
	spare  item   // its memory
	value  []byte // the text of its open leaf, entities undone
	entity []byte // what may become an entity, from its "&" on

	failure failure // the error whose lines are coming
	scratch []byte  // memory for a text that is being made
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
	d.endError(false)
	*d = Decoder{Fallback: d.Fallback, AsWritten: d.AsWritten, emit: d.emit, limit: d.limit}
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

// put emits a record that is not a line of an error.
func (d *Decoder) put(r Record) {
	d.endError(false)
	d.emit(r)
}

// inText takes text up to its line end, or up to what may be a tag.
func (d *Decoder) inText(p []byte) []byte {
	if d.item != nil && d.item.over > 0 { // the value of a member that is too deep
		return d.skip(p)
	}
	if p[0] == '<' { // the usual case within a document
		return d.begin(p[1:])
	}
	run := p[:min(len(p), window)]
	end := bytes.IndexByte(run, '\n')
	if end >= 0 {
		run = p[:end+1]
	}
	if i := bytes.IndexByte(run, '<'); i >= 0 {
		d.addText(run[:i])
		return d.begin(p[i+1:])
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

// skip passes over a value that no record shows.
func (d *Decoder) skip(p []byte) []byte {
	i := bytes.IndexByte(p, '<')
	if i < 0 {
		return nil
	}
	return d.begin(p[i+1:])
}

// addText adds to the line; one that is too long comes in pieces.
func (d *Decoder) addText(run []byte) {
	for len(run) > 0 {
		n := min(len(run), d.limit-len(d.line))
		if n == 0 {
			end := len(d.line) - max(incomplete(d.line), unfinished(d.line))
			d.text(d.line[:end], true)
			d.line = append(d.line[:0], d.line[end:]...)
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
	line = d.readable(line)
	if !d.midLine {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	d.midLine = cut
	for {
		at, size := header(line)
		if at < 0 {
			break
		}
		if at > 0 {
			d.textRecord(line[:at], false)
		}
		d.quiet = true
		line = line[at+size:]
	}
	if len(line) == 0 || (d.quiet || d.documents > 0) && len(bytes.TrimSpace(line)) == 0 {
		return
	}
	d.textRecord(line, cut)
}

func (d *Decoder) textRecord(text []byte, cut bool) {
	d.quiet = false
	d.put(Record{Stream: "text", Text: string(text), Truncated: cut})
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
