// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"slices"
	"strings"
)

// counts tells whether a tag of that element means anything where the decoder stands.
func (d *Decoder) counts(e *element, closing bool) bool {
	switch {
	case e == nil:
		return false
	case e == document:
		return !closing || d.documents > 0
	case d.documents == 0:
		return false
	case d.item != nil && d.item.inLeaf():
		return closing && e == d.item.top().element
	}
	return true
}

// plausible tells whether the tag that was begun could have become one that counts.
func (d *Decoder) plausible() bool {
	if d.named || d.documents > 0 && (d.isComment() || d.isInstruction()) {
		return d.documents > 0
	}
	if d.documents == 0 {
		return false
	}
	begun, closing := strings.CutPrefix(string(d.tag[1:]), "/")
	if d.item != nil && d.item.inLeaf() {
		return closing && strings.HasPrefix(d.item.top().name, begun)
	}
	if begun == "" {
		return true
	}
	return int(begun[0]) < len(elements) && slices.ContainsFunc(elements[begun[0]], func(e *element) bool {
		return strings.HasPrefix(e.name, begun)
	})
}

func (d *Decoder) isComment() bool     { return bytes.HasPrefix(d.tag, []byte("<!--")) }
func (d *Decoder) isInstruction() bool { return bytes.HasPrefix(d.tag, []byte("<?")) }

// begin takes what follows a "<".
func (d *Decoder) begin(p []byte) []byte {
	if n := d.wholeTag(p); n > 0 {
		return p[n:]
	}
	d.tag = append(d.tag[:0], '<')
	return p
}

// wholeTag acts on the tag that p begins with, where it is all there, as it nearly always is, and gives its length. Otherwise it
// is 0, and inTag, which is slower, decides: they take the same for tags.
func (d *Decoder) wholeTag(p []byte) int {
	if d.item != nil {
		if e := d.item.top().element; len(p) >= len(e.end) && string(p[:len(e.end)]) == e.end {
			d.complete(e, true, nil)
			return len(e.end)
		}
	}
	name, closing := bytes.CutPrefix(p[:min(len(p), maxTag-1)], []byte("/"))
	n := 0
	for n < len(name) && isNameByte(name[n]) {
		n++
	}
	if n == len(name) || !endsName(name[n]) {
		return 0
	}
	e := elementOf(name[:n])
	if !d.counts(e, closing) {
		return 0
	}
	quote := byte(0)
	for i, c := range name[n:] {
		switch {
		case c == '<':
			return 0
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			d.complete(e, closing, name[n:n+i])
			n += i + 1
			if closing {
				n++
			}
			return n
		}
	}
	return 0
}

// inTag takes what follows a "<" until it is a tag, or is known to be none.
func (d *Decoder) inTag(p []byte) []byte {
	for i, c := range p {
		switch {
		case d.named:
			switch {
			case c == '<' || len(d.tag) >= maxTag: // XML has no "<" within a tag: this one was cut
				d.literal()
				return p[i:]
			case d.quote != 0:
				if c == d.quote {
					d.quote = 0
				}
			case c == '"' || c == '\'':
				d.quote = c
			case c == '>':
				name, closing := bytes.CutPrefix(d.tag[1:], []byte("/"))
				n := 0
				for n < len(name) && isNameByte(name[n]) {
					n++
				}
				d.tag, d.named = d.tag[:0], false
				d.complete(elementOf(name[:n]), closing, name[n:])
				return p[i+1:]
			}
		case d.isComment() || d.isInstruction():
			end := "-->"
			if d.isInstruction() {
				end = "?>"
			}
			if c == '<' || len(d.tag) >= maxComment { // PowerShell writes none: more likely it is no comment
				d.literal()
				return p[i:]
			}
			if c == '>' && bytes.HasSuffix(d.tag, []byte(end[:len(end)-1])) && len(d.tag) >= 2*(len(end)-1)+1 {
				d.tag = d.tag[:0]
				return p[i+1:]
			}
		case !d.continues(c):
			d.literal()
			return p[i:]
		case !isNameByte(c) && c != '/' && c != '!' && c != '?' && c != '-' || c == '/' && len(d.tag) > 1:
			d.named = true
			return p[i:] // again, as what follows the name
		}
		d.tag = append(d.tag, c)
	}
	return nil
}

// continues tells whether c can go on from a tag whose name is not complete.
func (d *Decoder) continues(c byte) bool {
	begun := string(d.tag[1:])
	inside := d.documents > 0 && (d.item == nil || !d.item.inLeaf())
	switch {
	case begun == "" && (c == '!' || c == '?'), begun == "!" && c == '-', begun == "!-" && c == '-':
		return inside
	case strings.HasPrefix(begun, "!"):
		return false
	case begun == "" && c == '/':
		return true
	case isNameByte(c):
		return len(begun) < maxName
	case endsName(c):
		name, closing := strings.CutPrefix(begun, "/")
		return d.counts(elementOf([]byte(name)), closing)
	}
	return false
}

func isNameByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

func endsName(c byte) bool {
	return c == '>' || c == ' ' || c == '/' || c == '\t' || c == '\r' || c == '\n'
}

// literal turns what might have been a tag into the text that it is.
func (d *Decoder) literal() {
	text := bytes.Clone(d.tag)
	d.tag, d.named, d.quote = d.tag[:0], false, 0
	if d.item != nil && d.item.inLeaf() {
		d.addValue(text[:1])
	} else {
		d.addText(text[:1])
	}
	d.feed(text[1:])
}

// attribute finds an attribute's value, as it is written, among those of a tag.
func attribute(attributes []byte, name string) []byte {
	for {
		i := bytes.IndexByte(attributes, '=')
		if i < 0 {
			return nil
		}
		found := string(bytes.TrimSpace(attributes[:i])) == name
		attributes = bytes.TrimSpace(attributes[i+1:])
		if len(attributes) == 0 || attributes[0] != '"' && attributes[0] != '\'' {
			return nil
		}
		value := attributes[1:]
		end := bytes.IndexByte(value, attributes[0])
		switch {
		case end < 0:
			return nil
		case found:
			return value[:end]
		}
		attributes = value[end+1:]
	}
}

// unescapeName undoes entities and escapes in an attribute's value.
func unescapeName(value []byte) []byte {
	value, _ = unescape(nil, undoEntities(value), 0)
	return bytes.ToValidUTF8(value, []byte(replacement))
}
