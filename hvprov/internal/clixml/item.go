// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"unicode/utf8"
)

// item is a primitive or an object in a document. Of an object only the members that a Record contains are stored.
type item struct {
	stream  string
	open    []level
	skipped int // open elements beyond maxDepth

	text      []byte // the values of the members, concatenated
	values    [members]span
	truncated bool
}

// level is an open element.
type level struct {
	*element
	node *node // nil if no member is stored
}

// span is the position of a value in the item's text.
type span struct {
	from, to int
	set      bool
}

// begin resets the item for another element. Only objects have members.
func (i *item) begin(e *element, stream string) {
	i.stream, i.open, i.skipped = stream, i.open[:0], 0
	if e.role == container {
		i.text, i.values, i.truncated = i.text[:0], [members]span{}, false
	}
}

func (i *item) top() *level { return &i.open[len(i.open)-1] }

// inLeaf reports whether a leaf is open, so that text is its value.
func (i *item) inLeaf() bool { return i.skipped == 0 && i.top().role != container }

// isStored reports whether a Record contains the value of the open leaf.
func (i *item) isStored() bool {
	n := i.top().node
	return len(i.open) == 1 || n != nil && n.member != none
}

// handleTag processes a complete tag.
func (d *Decoder) handleTag(e *element, closing bool, attributes []byte) {
	if len(d.entity) > 0 {
		d.endEntity()
	}
	d.flushLine()
	switch {
	case e == document:
		d.endItem() // incomplete, because its process ended
		d.endError(false)
		d.afterMarkup = true
		switch {
		case closing:
			d.documents--
		case d.documents < maxDepth && !isEmpty(attributes):
			d.documents++
		}
	case closing:
		d.closeElement(e)
	case d.item != nil:
		d.openElement(e, attributes)
	case e.role == primitive || e.name == object:
		d.item = &d.buffer
		d.item.begin(e, streamName(attribute(attributes, "S")))
		d.openElement(e, attributes)
	}
	// Other elements belong to an object whose start was lost.
}

func isEmpty(attributes []byte) bool { return bytes.HasSuffix(attributes, []byte("/")) }

func (d *Decoder) openElement(e *element, attributes []byte) {
	empty := isEmpty(attributes)
	if len(d.item.open) >= maxDepth {
		if !empty {
			d.item.skipped++
		}
		return
	}
	n := root
	if len(d.item.open) > 0 {
		if n = d.item.top().node; n != nil {
			n = n.childOf(e, attribute(attributes, "N"))
		}
	}
	d.item.open = append(d.item.open, level{e, n})
	if empty {
		d.closeElement(e)
	}
}

// closeElement closes the innermost open element e and all elements within it.
func (d *Decoder) closeElement(e *element) {
	i := d.item
	switch {
	case i == nil:
		return
	case i.skipped > 0:
		i.skipped--
		return
	}
	n := len(i.open) - 1
	for n >= 0 && i.open[n].element != e {
		n--
	}
	if n < 0 {
		return
	}
	if n == len(i.open)-1 && i.inLeaf() {
		if n == 0 {
			d.endString(false)
			d.item = nil
			return
		}
		d.storeMember()
	}
	i.open = i.open[:n]
	if n == 0 {
		d.item = nil
		d.emitRecord(i.record())
	}
}

// endItem ends an incomplete item. An incomplete string is emitted, an incomplete object is dropped.
func (d *Decoder) endItem() {
	if d.item == nil {
		return
	}
	d.endEntity()
	if len(d.item.open) == 1 && d.item.inLeaf() && len(d.value) > 0 {
		d.endString(true)
	}
	d.item, d.value = nil, d.value[:0]
}

// endString emits the open string.
func (d *Decoder) endString(truncated bool) {
	d.scratch = d.appendValue(d.scratch[:0])
	d.emitString(truncated)
}

// emitString emits the open string, or part of it, whose text is in the scratch memory.
func (d *Decoder) emitString(truncated bool) {
	if d.item.stream == "error" && d.item.top().name == "S" {
		d.addErrorLine(d.scratch, truncated)
		return
	}
	d.emitRecord(Record{Stream: d.item.stream, Text: string(dropSequences(d.scratch)), Truncated: truncated})
}

// addValue adds to the value of the open leaf. At the limit a string is split, and a member is truncated.
func (d *Decoder) addValue(run []byte) {
	if !d.item.isStored() {
		return
	}
	for len(run) > 0 {
		n := min(len(run), d.limit-len(d.value))
		if n == 0 {
			if len(d.item.open) > 1 {
				d.item.truncated = true
				return
			}
			d.emitChunk()
			continue
		}
		d.value = append(d.value, run[:n]...)
		run = run[n:]
	}
}

// storeMember stores the value of the open leaf, if it is the first value of its member.
func (d *Decoder) storeMember() {
	i := d.item
	if !i.isStored() {
		return
	}
	m := i.top().node.member
	if i.values[m].set {
		d.value = d.value[:0]
		return
	}
	from := len(i.text)
	if isSimple(d.value) {
		i.text, d.value = append(i.text, d.value...), d.value[:0]
	} else {
		i.text = d.appendValue(i.text)
		i.text = i.text[:from+len(dropSequences(i.text[from:]))]
	}
	if len(i.text) > d.limit {
		i.text, i.truncated = i.text[:from], true
		return
	}
	i.values[m] = span{from, len(i.text), true}
}

// isSimple reports whether a value contains no escapes, escape sequences or bytes beyond ASCII. Most values do not.
func isSimple(value []byte) bool {
	for _, c := range value {
		if c == '_' || c == esc || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// textMembers lists the members that contain the text of an object of a stream, in order of precedence. Other streams have ToString.
var textMembers = map[string][]member{
	"progress":    {activity},
	"information": {dataMessage, data, dataString, toString},
}

// record returns the record of an object.
func (i *item) record() Record {
	r := Record{Stream: i.stream, Truncated: i.truncated}
	candidates, found := textMembers[i.stream]
	if !found {
		candidates = []member{toString}
	}
	for _, m := range candidates {
		if v := i.values[m]; v.set {
			r.Text = string(i.text[v.from:v.to])
			break
		}
	}
	return r
}
