// SPDX-License-Identifier: MPL-2.0

package clixml

import "bytes"

// errorLines collects the lines of an error that the host wrote line by line.
//
// The host of Windows PowerShell writes, in its format for error records: the message and the position, in any number of lines,
// including blank ones; "    + CategoryInfo …" and "    + FullyQualifiedErrorId …", whose wrapped continuation is indented; for a
// remote error "    + PSComputerName …"; and a line of one space, unless the error has ErrorDetails. PowerShell 7 does not mark the
// end, but with colors it repeats all colors of a line at the start of the next line of the same text.
type errorLines struct {
	open    bool
	text    []byte
	content bool   // a line is not blank
	hasID   bool   // the line with the FullyQualifiedErrorId has been seen
	colors  []byte // of the last line that has any
}

const idField = "+ FullyQualifiedErrorId"

// addErrorLine adds a string of the error stream. The string is one line, unless another host than PowerShell's wrote it. A string
// without a line end is an error, or the end of one.
func (d *Decoder) addErrorLine(text []byte, truncated bool) {
	e := &d.errorLines
	var colors []byte
	if i := bytes.IndexByte(text, esc); i >= 0 {
		colors = colorSequences(text)
		if i == 0 && !bytes.HasPrefix(text, e.colors) {
			d.endError(false)
		}
		text = dropSequences(text)
	}
	line := bytes.TrimSpace(text)
	line = bytes.TrimLeft(line[bytes.LastIndexByte(line, '\n')+1:], " ")
	blank := len(line) == 0
	if e.hasID && !blank && text[0] != ' ' {
		d.endError(false)
	}
	if e.open && len(e.text)+len(text) > d.limit {
		d.endError(true)
	}
	e.open = true
	e.text = append(e.text, text...)
	if len(colors) > 0 {
		e.colors = append(e.colors[:0], colors...)
	}
	e.hasID = e.hasID || bytes.HasPrefix(line, []byte(idField))
	e.content = e.content || !blank
	switch {
	case truncated || !bytes.HasSuffix(text, []byte("\n")):
		d.endError(truncated)
	case blank && e.content && (e.hasID || text[0] == ' '):
		d.endError(false)
	}
}

// endError emits the open error, if there is one.
func (d *Decoder) endError(truncated bool) {
	e := &d.errorLines
	if !e.open {
		return
	}
	r := Record{Stream: "error", Text: string(e.text), Truncated: truncated}
	*e = errorLines{text: e.text[:0], colors: e.colors[:0]}
	d.emit(r)
}
