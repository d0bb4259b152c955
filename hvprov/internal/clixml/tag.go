// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"slices"
	"strings"
)

// isSignificant reports whether a tag of an element is markup, and not text, in the current state.
func (d *Decoder) isSignificant(e *element, closing bool) bool {
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

// couldBeSignificant reports whether the incomplete tag could become a significant one.
func (d *Decoder) couldBeSignificant() bool {
	if d.named || d.documents > 0 && (d.isComment() || d.isInstruction()) {
		return d.documents > 0
	}
	if d.documents == 0 {
		return false
	}
	name, closing := strings.CutPrefix(string(d.tag[1:]), "/")
	if d.item != nil && d.item.inLeaf() {
		return closing && strings.HasPrefix(d.item.top().name, name)
	}
	if name == "" {
		return true
	}
	return int(name[0]) < len(elements) && slices.ContainsFunc(elements[name[0]], func(e *element) bool {
		return strings.HasPrefix(e.name, name)
	})
}

func (d *Decoder) isComment() bool     { return bytes.HasPrefix(d.tag, []byte("<!--")) }
func (d *Decoder) isInstruction() bool { return bytes.HasPrefix(d.tag, []byte("<?")) }

// beginTag consumes the input after a "<" as far as it belongs to a tag and returns the rest.
func (d *Decoder) beginTag(p []byte) []byte {
	if n := d.wholeTag(p); n > 0 {
		return p[n:]
	}
	d.tag = append(d.tag[:0], '<')
	return p
}

// wholeTag processes the tag at the start of p and returns its length, or 0 if it is incomplete or not a significant tag. Then inTag,
// which is slower, decides by the same rules.
func (d *Decoder) wholeTag(p []byte) int {
	if d.item != nil {
		if e := d.item.top().element; len(p) >= len(e.end) && string(p[:len(e.end)]) == e.end {
			d.handleTag(e, true, nil)
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
	if !d.isSignificant(e, closing) {
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
			d.handleTag(e, closing, name[n:n+i])
			n += i + 1
			if closing {
				n++
			}
			return n
		}
	}
	return 0
}

// inTag consumes an incomplete tag, or text that turns out not to be one, and returns the rest.
func (d *Decoder) inTag(p []byte) []byte {
	for i, c := range p {
		switch {
		case d.named:
			switch {
			case c == '<' || len(d.tag) >= maxTag: // XML allows no "<" within a tag: this one is truncated
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
				d.handleTag(elementOf(name[:n]), closing, name[n:])
				return p[i+1:]
			}
		case d.isComment() || d.isInstruction():
			end := "-->"
			if d.isInstruction() {
				end = "?>"
			}
			if c == '<' || len(d.tag) >= maxComment { // PowerShell writes no comments, so this is probably text
				d.literal()
				return p[i:]
			}
			if c == '>' && bytes.HasSuffix(d.tag, []byte(end[:len(end)-1])) && len(d.tag) >= 2*(len(end)-1)+1 {
				d.tag = d.tag[:0]
				return p[i+1:]
			}
		case !d.canContinue(c):
			d.literal()
			return p[i:]
		case !isNameByte(c) && c != '/' && c != '!' && c != '?' && c != '-' || c == '/' && len(d.tag) > 1:
			d.named = true
			return p[i:] // processed again as the part after the name
		}
		d.tag = append(d.tag, c)
	}
	return nil
}

// canContinue reports whether c can follow in a tag whose name is incomplete.
func (d *Decoder) canContinue(c byte) bool {
	start := string(d.tag[1:])
	inside := d.documents > 0 && (d.item == nil || !d.item.inLeaf())
	switch {
	case start == "" && (c == '!' || c == '?'), start == "!" && c == '-', start == "!-" && c == '-':
		return inside
	case strings.HasPrefix(start, "!"):
		return false
	case start == "" && c == '/':
		return true
	case isNameByte(c):
		return len(start) < maxName
	case endsName(c):
		name, closing := strings.CutPrefix(start, "/")
		return d.isSignificant(elementOf([]byte(name)), closing)
	}
	return false
}

func isNameByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

func endsName(c byte) bool {
	return c == '>' || c == ' ' || c == '/' || c == '\t' || c == '\r' || c == '\n'
}

// literal processes an incomplete tag as text.
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

// attribute returns the value of an attribute of a tag, without decoding it, or nil.
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

// unescapeName decodes the entities and escapes in the value of an attribute.
func unescapeName(value []byte) []byte {
	value, _ = unescape(nil, decodeEntities(value), 0)
	return bytes.ToValidUTF8(value, []byte(replacement))
}
