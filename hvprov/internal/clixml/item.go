// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// item is one thing in a document: a primitive, or an object of which only those members are kept that a record shows.
type item struct {
	stream string
	open   []level
	over   int // elements that are open beyond maxDepth

	text   []byte // the values of the members, one after the other
	values [members]span
	tags   []span
	cut    bool
}

// level is an open element.
type level struct {
	*element
	place *place // nil where no member is kept
}

// span is where a value stands in the item's text.
type span struct {
	from, to int
	set      bool
}

const tagCost = 64 // bytes that a tag takes beside its text

// begin makes it another item. Only objects have members.
func (i *item) begin(e *element, stream string) {
	i.stream, i.open, i.over = stream, i.open[:0], 0
	if e.role == container {
		i.text, i.values, i.tags, i.cut = i.text[:0], [members]span{}, i.tags[:0], false
	}
}

func (i *item) top() *level { return &i.open[len(i.open)-1] }

// inLeaf tells whether text at this place is a value.
func (i *item) inLeaf() bool { return i.over == 0 && i.top().role != container }

// kept tells whether a record shows the value of the open leaf.
func (i *item) kept() bool {
	p := i.top().place
	return len(i.open) == 1 || p != nil && p.member != none
}

// complete acts on a tag.
func (d *Decoder) complete(e *element, closing bool, attributes []byte) {
	if len(d.entity) > 0 {
		d.endEntity()
	}
	d.flushLine()
	switch {
	case e == document:
		d.endItem() // its writer died, if there is one
		d.endError(false)
		d.quiet = true
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
		d.item = &d.spare
		d.item.begin(e, streamName(attribute(attributes, "S")))
		d.openElement(e, attributes)
	}
	// What is left is part of an object whose beginning is lost.
}

func isEmpty(attributes []byte) bool { return bytes.HasSuffix(attributes, []byte("/")) }

func (d *Decoder) openElement(e *element, attributes []byte) {
	empty := isEmpty(attributes)
	if len(d.item.open) >= maxDepth {
		if !empty {
			d.item.over++
		}
		return
	}
	at := root
	if len(d.item.open) > 0 {
		if at = d.item.top().place; at != nil {
			at = at.ofElement(e, attribute(attributes, "N"))
		}
	}
	d.item.open = append(d.item.open, level{e, at})
	if empty {
		d.closeElement(e)
	}
}

// closeElement closes the innermost element of that name and whatever is open within it.
func (d *Decoder) closeElement(e *element) {
	i := d.item
	switch {
	case i == nil:
		return
	case i.over > 0:
		i.over--
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
		d.keep()
	}
	i.open = i.open[:n]
	if n == 0 {
		d.item = nil
		d.put(i.record())
	}
}

// endItem ends an item whose end does not come. What there is of a string is worth showing; half an object is not.
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

// endString emits the string that is open.
func (d *Decoder) endString(cut bool) {
	d.scratch = d.takeValue(d.scratch[:0])
	d.emitString(cut)
}

// emitString emits the string that is open, or a piece of it, whose text is the scratch memory.
func (d *Decoder) emitString(cut bool) {
	if d.item.stream == "error" && d.item.top().name == "S" && !d.AsWritten {
		d.errorLine(d.scratch, cut)
		return
	}
	d.put(Record{Stream: d.item.stream, Text: string(d.forPeople(d.scratch)), Truncated: cut})
}

// addValue adds to the text of the open element. A string that is too long comes in pieces; a member is cut.
func (d *Decoder) addValue(run []byte) {
	if !d.item.kept() {
		return
	}
	for len(run) > 0 {
		n := min(len(run), d.limit-len(d.value))
		if n == 0 {
			if len(d.item.open) > 1 {
				d.item.cut = true
				return
			}
			d.endPiece()
			continue
		}
		d.value = append(d.value, run[:n]...)
		run = run[n:]
	}
}

// keep keeps the value of the open leaf, if it is the first of that member.
func (d *Decoder) keep() {
	i := d.item
	if !i.kept() {
		return
	}
	m := i.top().place.member
	if i.values[m].set && m != tags {
		d.value = d.value[:0]
		return
	}
	from := len(i.text)
	if isSimple(d.value) {
		i.text, d.value = append(i.text, d.value...), d.value[:0]
	} else {
		i.text = d.takeValue(i.text)
		i.text = i.text[:from+len(d.forPeople(i.text[from:]))]
	}
	if len(i.text)+tagCost*len(i.tags) > d.limit {
		i.text, i.cut = i.text[:from], true
		return
	}
	value := span{from, len(i.text), true}
	if m == tags {
		i.tags = append(i.tags, value)
		return
	}
	i.values[m] = value
}

// isSimple tells that there is nothing to undo in a value, as in most of them.
func isSimple(value []byte) bool {
	for _, c := range value {
		if c == '_' || c == esc || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// record makes the record of an object.
func (i *item) record() Record {
	text := string(i.text) // one for all its members
	get := func(m member) string { return text[i.values[m].from:i.values[m].to] }
	number := func(m member, unknown int) int {
		if n, err := strconv.Atoi(get(m)); err == nil {
			return n
		}
		return unknown
	}
	r := Record{Stream: i.stream, Text: get(toString), Truncated: i.cut}
	switch i.stream {
	case "progress":
		r.Progress = &Progress{
			Activity: get(activity), Status: get(status), Operation: get(operation), Type: get(kind),
			ID: number(id, 0), ParentID: number(parent, -1), Percent: number(percent, -1), Seconds: number(seconds, -1),
		}
		r.Text = r.Progress.Activity
	case "error":
		r.Error = &ErrorInfo{
			Message: get(message), Exception: get(exception), ID: get(errorID), Category: number(category, 0),
			Activity: get(categoryActivity), Reason: get(reason), TargetName: get(targetName), TargetType: get(targetType),
		}
		if instead := get(details); instead != "" {
			r.Error.Message = instead
		}
	case "information":
		r.Info = &Info{Source: get(source), Time: get(time), NoNewLine: get(noNewLine) == "true"}
		for _, tag := range i.tags {
			r.Info.Tags = append(r.Info.Tags, text[tag.from:tag.to])
		}
		for _, m := range []member{dataMessage, data, dataString} {
			if i.values[m].set {
				r.Text = get(m)
				break
			}
		}
	}
	return r
}
