// SPDX-License-Identifier: MPL-2.0

package clixml

import "bytes"

// failure is an error that the host wrote line by line.
//
// Windows PowerShell's host writes, as its format for error records has it: the message and the position, in any number of
// lines, blank ones among them; "    + CategoryInfo …" and "    + FullyQualifiedErrorId …", whose wrapped rest is indented, and
// for a remote error "    + PSComputerName …"; and a line of one space, unless the error has ErrorDetails. PowerShell 7 writes
// no end, but where it colours it repeats all the colours of a line at the start of the next one of the same text.
type failure struct {
	open    bool
	text    []byte
	content bool   // one of its lines is not blank
	last    bool   // its FullyQualifiedErrorId was there
	colours []byte // those of its last line that has any
}

const lastField = "+ FullyQualifiedErrorId"

// errorLine takes a string of the stream of errors, which is one line unless another host than PowerShell's own wrote it. What
// does not end in a line end is an error, or the end of one.
func (d *Decoder) errorLine(text []byte, cut bool) {
	f := &d.failure
	var painted []byte
	if i := bytes.IndexByte(text, esc); i >= 0 {
		painted = colours(text)
		if i == 0 && !bytes.HasPrefix(text, f.colours) {
			d.endError(false)
		}
		text = dropSequences(text)
	}
	line := bytes.TrimSpace(text)
	line = bytes.TrimLeft(line[bytes.LastIndexByte(line, '\n')+1:], " ")
	blank := len(line) == 0
	if f.last && !blank && text[0] != ' ' {
		d.endError(false)
	}
	if f.open && len(f.text)+len(text) > d.limit {
		d.endError(true)
	}
	f.open = true
	f.text = append(f.text, text...)
	if len(painted) > 0 {
		f.colours = append(f.colours[:0], painted...)
	}
	f.last = f.last || bytes.HasPrefix(line, []byte(lastField))
	f.content = f.content || !blank
	switch {
	case cut || !bytes.HasSuffix(text, []byte("\n")):
		d.endError(cut)
	case blank && f.content && (f.last || text[0] == ' '):
		d.endError(false)
	}
}

// endError emits the error whose lines came, if there is one.
func (d *Decoder) endError(cut bool) {
	f := &d.failure
	if !f.open {
		return
	}
	r := Record{Stream: "error", Text: string(f.text), Truncated: cut}
	*f = failure{text: f.text[:0], colours: f.colours[:0]}
	d.emit(r)
}
