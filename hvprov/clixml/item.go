// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"strconv"
	"strings"
)

// item is one thing in a document: a primitive, or an object of which only those members are kept that a record shows.
type item struct {
	stream string
	open   []element
	over   int // elements that are open beyond maxDepth

	members map[string]string // by path, such as "MS/Record/AV"
	tags    []string
	size    int
	cut     bool
}

type element struct{ name, label string }

// inLeaf tells whether text at this place is a value.
func (i *item) inLeaf() bool { return i.over == 0 && !containers[i.leaf()] }

// leaf is the name of the innermost element.
func (i *item) leaf() string { return i.open[len(i.open)-1].name }

// path names the innermost element by its members' names, from the object on; an element without one goes by its own.
func (i *item) path() string {
	var b strings.Builder
	for n, e := range i.open[1:] {
		if n > 0 {
			b.WriteByte('/')
		}
		b.WriteString(e.label)
	}
	return b.String()
}

// kept are the members that records show.
var kept = set("ToString MS/Record/AV MS/Record/SD MS/Record/S MS/Record/AI MS/Record/PI MS/Record/PC MS/Record/SR MS/Record/T " +
	"MS/Exception/Props/Message MS/Exception/TN/T MS/FullyQualifiedErrorId MS/ErrorCategory_Category MS/ErrorCategory_Activity " +
	"MS/ErrorCategory_Reason MS/ErrorCategory_TargetName MS/ErrorCategory_TargetType MS/ErrorDetails_Message " +
	"Props/MessageData Props/MessageData/ToString Props/MessageData/Props/Message Props/MessageData/Props/NoNewLine " +
	"Props/Source Props/TimeGenerated Props/Tags/LST/S")

// complete acts on a tag.
func (d *Decoder) complete(t tag) {
	d.endEntity()
	switch {
	case t.name == document && !t.closing:
		d.endItem() // its writer died
		d.flushLine()
		if d.documents < maxDepth && !t.empty {
			d.documents++
		}
		d.started, d.quiet = true, true
	case t.name == document:
		d.endItem()
		d.flushLine()
		d.documents--
		d.started, d.quiet = true, true
	case t.closing:
		d.flushLine()
		d.closeElement(t.name)
	default:
		d.flushLine()
		if d.item == nil {
			if !primitives[t.name] && t.name != "Obj" {
				return // part of an object whose beginning is lost
			}
			d.spare = item{stream: streamName(t.stream), open: d.spare.open[:0]}
			d.item = &d.spare
		}
		d.openElement(t)
	}
}

// streamName is the lower-case name of a stream; hosts spell them in several ways.
func streamName(s string) string {
	if s == "" {
		return "output"
	}
	return strings.ToLower(s)
}

func (d *Decoder) openElement(t tag) {
	if len(d.item.open) >= maxDepth {
		if !t.empty {
			d.item.over++
		}
		return
	}
	label := t.member
	if label == "" {
		label = t.name
	}
	d.item.open = append(d.item.open, element{t.name, label})
	if t.empty {
		d.closeElement(t.name)
	}
}

// closeElement closes the innermost element of that name and whatever is open within it.
func (d *Decoder) closeElement(name string) {
	i := d.item
	switch {
	case i == nil:
		return
	case i.over > 0:
		i.over--
		return
	}
	n := len(i.open) - 1
	for n >= 0 && i.open[n].name != name {
		n--
	}
	if n < 0 {
		return
	}
	if n == len(i.open)-1 && i.inLeaf() {
		if n == 0 {
			d.item = nil
			d.emit(Record{Stream: i.stream, Text: d.takeValue()})
			return
		}
		i.keep(d.takeValue(), d.limit)
	}
	i.open = i.open[:n]
	if n == 0 {
		d.item = nil
		d.emit(i.record())
	}
}

// endItem ends an item whose end does not come. What there is of a string is worth showing; half an object is not.
func (d *Decoder) endItem() {
	i := d.item
	if i == nil {
		return
	}
	d.endEntity()
	d.item = nil
	text := d.takeValue()
	if len(i.open) == 1 && !containers[i.open[0].name] && text != "" {
		d.emit(Record{Stream: i.stream, Text: text, Truncated: true})
	}
}

func (d *Decoder) takeValue() string {
	text := unescape(d.value)
	d.value = d.value[:0]
	return text
}

// addValue adds to the text of the open element. A string that is too long comes in pieces; a member is cut.
func (d *Decoder) addValue(run []byte) {
	for len(run) > 0 {
		n := min(len(run), d.limit-len(d.value))
		if n == 0 {
			if len(d.item.open) > 1 {
				d.item.cut = true
				return
			}
			piece, rest := unescapeUpTo(d.value, maxEscapes)
			d.value = append(d.value[:0], rest...)
			d.emit(Record{Stream: d.item.stream, Text: piece, Truncated: true})
			continue
		}
		d.value = append(d.value, run[:n]...)
		run = run[n:]
	}
}

func (i *item) keep(value string, limit int) {
	path := i.path()
	if !kept[path] {
		return
	}
	if i.size += len(value); i.size > limit {
		i.cut = true
		return
	}
	if path == "Props/Tags/LST/S" {
		i.tags = append(i.tags, value)
		return
	}
	if i.members == nil {
		i.members = map[string]string{}
	}
	if _, have := i.members[path]; !have {
		i.members[path] = value
	}
}

func (i *item) number(path string, unknown int) int {
	if n, err := strconv.Atoi(i.members[path]); err == nil {
		return n
	}
	return unknown
}

// record makes the record of an object.
func (i *item) record() Record {
	m := i.members
	r := Record{Stream: i.stream, Text: m["ToString"], Truncated: i.cut}
	switch i.stream {
	case "progress":
		r.Progress = &Progress{
			Activity: m["MS/Record/AV"], Status: m["MS/Record/SD"], Operation: m["MS/Record/S"], Type: m["MS/Record/T"],
			ID: i.number("MS/Record/AI", 0), ParentID: i.number("MS/Record/PI", -1),
			Percent: i.number("MS/Record/PC", -1), Seconds: i.number("MS/Record/SR", -1),
		}
		r.Text = r.Progress.Activity
	case "error":
		r.Error = &ErrorInfo{
			Message: m["MS/Exception/Props/Message"], Exception: m["MS/Exception/TN/T"], ID: m["MS/FullyQualifiedErrorId"],
			Category: i.number("MS/ErrorCategory_Category", 0), Activity: m["MS/ErrorCategory_Activity"],
			Reason: m["MS/ErrorCategory_Reason"], TargetName: m["MS/ErrorCategory_TargetName"], TargetType: m["MS/ErrorCategory_TargetType"],
		}
		if details := m["MS/ErrorDetails_Message"]; details != "" {
			r.Error.Message = details // it stands in for the exception's own
		}
	case "information":
		r.Info = &Info{
			Source: m["Props/Source"], Time: m["Props/TimeGenerated"], Tags: i.tags,
			NoNewLine: m["Props/MessageData/Props/NoNewLine"] == "true",
		}
		for _, path := range []string{"Props/MessageData/Props/Message", "Props/MessageData", "Props/MessageData/ToString"} {
			if text, have := m[path]; have {
				r.Text = text
				break
			}
		}
	}
	return r
}
