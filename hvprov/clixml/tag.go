// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strings"
)

// Elements of CLIXML (MS-PSRP 2.2.5). Nothing else counts as a tag: what native programs write may hold any "<".
var (
	primitives = set("S C B DT TS By SB U16 I16 U32 I32 U64 I64 Sg Db D BA G URI Nil Version XD SBK SS Ref")
	containers = set("Obj TN MS Props LST STK QUE IE DCT En PR")
	leaves     = set("TNRef T ToString AV AI PI PC SR SD")
)

func set(names string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

const document = "Objs"

// names and streams hold what occurs most, so that it is not allocated each time.
var (
	names = func() map[string]string {
		m := map[string]string{document: document}
		for _, s := range []map[string]bool{primitives, containers, leaves} {
			for name := range s {
				m[name] = name
			}
		}
		return m
	}()
	streams = map[string]string{"Error": "error", "progress": "progress", "information": "information", "warning": "warning"}
)

func known(name []byte) string {
	if s, ok := names[string(name)]; ok {
		return s
	}
	return string(name)
}

// counts tells whether a tag of that name means anything where the decoder stands.
func (d *Decoder) counts(name string, closing bool) bool {
	switch {
	case name == document:
		return !closing || d.documents > 0
	case d.documents == 0:
		return false
	case d.item != nil && d.item.inLeaf():
		return closing && name == d.item.leaf()
	}
	return primitives[name] || containers[name] || leaves[name]
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
		return closing && strings.HasPrefix(d.item.leaf(), begun)
	}
	for name := range names {
		if strings.HasPrefix(name, begun) {
			return true
		}
	}
	return false
}

func (d *Decoder) isComment() bool     { return bytes.HasPrefix(d.tag, []byte("<!--")) }
func (d *Decoder) isInstruction() bool { return bytes.HasPrefix(d.tag, []byte("<?")) }

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
				tag := d.tag[1:]
				d.tag, d.named = d.tag[:0], false
				d.complete(parseTag(tag))
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
	case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '>' || c == '/':
		name, closing := strings.CutPrefix(begun, "/")
		return d.counts(name, closing)
	}
	return false
}

func isNameByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
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

// tag is a complete tag.
type tag struct {
	name           string
	closing, empty bool   // </name>, <name/>
	stream, member string // the attributes S and N, unescaped
}

// parseTag reads what stands between "<" and ">".
func parseTag(b []byte) tag {
	var t tag
	b, t.closing = bytes.CutPrefix(b, []byte("/"))
	b, t.empty = bytes.CutSuffix(b, []byte("/"))
	n := 0
	for n < len(b) && isNameByte(b[n]) {
		n++
	}
	t.name, b = known(b[:n]), b[n:]
	for {
		name, rest, found := bytes.Cut(b, []byte("="))
		rest = bytes.TrimSpace(rest)
		if !found || len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			return t
		}
		value, rest, found := bytes.Cut(rest[1:], rest[:1])
		if !found {
			return t
		}
		switch string(bytes.TrimSpace(name)) {
		case "S":
			if t.stream = streams[string(value)]; t.stream == "" {
				t.stream = unescape(undoEntities(value))
			}
		case "N":
			t.member = unescape(undoEntities(value))
		}
		b = rest
	}
}
