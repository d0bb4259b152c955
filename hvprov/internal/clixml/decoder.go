// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strings"
)

// Limits of the decoder's memory.
const (
	maxRecord   = 4 << 20 // bytes of one record's text; longer ones are split
	maxTag      = 64 << 10
	maxComment  = 1 << 10
	maxDepth    = 64 // of nested elements and nested documents
	maxEntity   = 12
	maxName     = 16
	maxSequence = 128     // bytes of an escape sequence that is not split with its text
	window      = 4 << 10 // bytes searched at a time, so that searches are not repeated over the whole input
	replacement = "\uFFFD"
)

// Decoder decodes bytes to records. The records do not depend on how the input is split. A Decoder is not safe for concurrent use.
//
// Decoding never fails: input that is not valid CLIXML becomes records of the stream "text". A Decoder buffers a few MiB at most.
type Decoder struct {
	emit  func(Record)
	limit int // bytes of one record's text

	documents   int    // open <Objs> elements
	line        []byte // incomplete line outside of items
	continued   bool   // the start of the line was emitted, because the line is too long
	afterUTF16  bool   // the previous line was UTF-16, so this one starts with the second byte of its line end
	afterMarkup bool   // a header or document is the last thing before this line, so a blank line is layout

	tag   []byte // incomplete tag, from its "<" on
	named bool   // the name of the tag is complete and significant
	quote byte   // the quotation mark of the attribute that is incomplete

	item   *item  // the open item, or nil
	buffer item   // the memory of the open item
	value  []byte // the text of the open leaf, entities decoded
	entity []byte // incomplete entity, from its "&" on

	errorLines errorLines // the open error
	scratch    []byte     // memory for a text
}

// NewDecoder returns a decoder that calls emit with each record as soon as it is complete.
func NewDecoder(emit func(Record)) *Decoder { return &Decoder{emit: emit, limit: maxRecord} }

// Write decodes p. It always returns len(p) and nil.
func (d *Decoder) Write(p []byte) (int, error) {
	d.feed(p)
	return len(p), nil
}

// Close ends the input and emits the rest: an incomplete string is marked as truncated, an incomplete object is dropped. The
// decoder can then be used for another input.
func (d *Decoder) Close() {
	if len(d.tag) > 0 && !d.couldBeSignificant() {
		d.literal()
	}
	d.endItem()
	d.flushLine()
	d.endError(false)
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

// emitRecord emits a record after the open error, if there is one.
func (d *Decoder) emitRecord(r Record) {
	d.endError(false)
	d.emit(r)
}

// inText consumes plain text up to the line end or a "<" and returns the rest.
func (d *Decoder) inText(p []byte) []byte {
	if d.item != nil && d.item.skipped > 0 { // within a member beyond maxDepth
		return d.skip(p)
	}
	if p[0] == '<' { // the usual case within a document
		return d.beginTag(p[1:])
	}
	run := p[:min(len(p), window)]
	end := bytes.IndexByte(run, '\n')
	if end >= 0 {
		run = p[:end+1]
	}
	if i := bytes.IndexByte(run, '<'); i >= 0 {
		d.addText(run[:i])
		return d.beginTag(p[i+1:])
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

// skip consumes a value that no record contains.
func (d *Decoder) skip(p []byte) []byte {
	i := bytes.IndexByte(p, '<')
	if i < 0 {
		return nil
	}
	return d.beginTag(p[i+1:])
}

// addText adds to the line and splits it at the limit.
func (d *Decoder) addText(run []byte) {
	for len(run) > 0 {
		n := min(len(run), d.limit-len(d.line))
		if n == 0 {
			end := len(d.line) - max(incompleteRune(d.line), incompleteSequence(d.line))
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

// text emits a line without the headers in it. Blank lines within and next to documents are layout.
func (d *Decoder) text(line []byte, truncated bool) {
	line = d.decodeLine(line)
	if !d.continued {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	d.continued = truncated
	for {
		at, size := header(line)
		if at < 0 {
			break
		}
		if at > 0 {
			d.textRecord(line[:at], false)
		}
		d.afterMarkup = true
		line = line[at+size:]
	}
	if len(line) == 0 || (d.afterMarkup || d.documents > 0) && len(bytes.TrimSpace(line)) == 0 {
		return
	}
	d.textRecord(line, truncated)
}

func (d *Decoder) textRecord(text []byte, truncated bool) {
	d.afterMarkup = false
	d.emitRecord(Record{Stream: "text", Text: string(text), Truncated: truncated})
}

const headerText = "#< CLIXML"

// header returns the position and size of the header line of a document, including its line end, or -1. Text may precede it on the
// same line.
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
