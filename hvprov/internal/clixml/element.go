// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strings"
)

// element is one that CLIXML has (MS-PSRP 2.2.5). Nothing else counts as a tag: what native programs write may hold any "<".
type element struct {
	name string
	role role
	end  string // what follows the "<" of its closing tag
}

func newElement(name string, role role) *element { return &element{name, role, "/" + name + ">"} }

type role byte

const (
	leaf      role = iota // its text is a value
	primitive             // a leaf that can stand alone
	container
)

const object = "Obj"

var document = newElement("Objs", container)

// elements holds them by their first letter, those that occur most first.
var elements = func() (all ['Z' + 1][]*element) {
	for _, of := range []struct {
		role  role
		names string
	}{
		{container, object + " TN MS Props LST STK QUE IE DCT En PR"},
		{primitive, "S C B DT TS By SB U16 I16 U32 I32 U64 I64 Sg Db D BA G URI Nil Version XD SBK SS Ref"},
		{leaf, "TNRef T ToString AV AI PI PC SR SD"},
	} {
		for name := range strings.FieldsSeq(of.names) {
			all[name[0]] = append(all[name[0]], newElement(name, of.role))
		}
	}
	all['O'] = append(all['O'], document)
	return all
}()

// elementOf is the element of that name, or nil.
func elementOf(name []byte) *element {
	if len(name) == 0 || int(name[0]) >= len(elements) {
		return nil
	}
	for _, e := range elements[name[0]] {
		if e.name == string(name) {
			return e
		}
	}
	return nil
}

// streamName is the lower-case name of a stream, from the attribute's value. Hosts write them in several ways.
func streamName(s []byte) string {
	switch string(s) {
	case "":
		return "output"
	case "Error":
		return "error"
	case "progress":
		return "progress"
	case "information":
		return "information"
	}
	return strings.ToLower(string(dropSequences(unescapeName(s))))
}

// member is one part of an object that records show.
type member byte

const (
	none member = iota
	toString
	activity
	status
	operation
	id
	parent
	percent
	seconds
	kind
	message
	exception
	errorID
	category
	categoryActivity
	reason
	targetName
	targetType
	details
	data
	dataString
	dataMessage
	noNewLine
	source
	time
	tags
	members // their number
)

// place is where a member, or one within it, is found in an object.
type place struct {
	name   string // the member's, or where it has none the element's
	member member
	within []*place
}

// find is the place of that name within p, or nil.
func (p *place) find(name string) *place {
	for _, within := range p.within {
		if within.name == name {
			return within
		}
	}
	return nil
}

// ofElement is the place within p of an element with that attribute N, which is as it is written.
func (p *place) ofElement(e *element, name []byte) *place {
	if len(name) == 0 {
		return p.find(e.name)
	}
	within := p.find(string(name))
	if within == nil && bytes.ContainsAny(name, "&_") {
		within = p.find(string(unescapeName(name)))
	}
	return within
}

// root holds the members' places.
var root = func() *place {
	root := &place{}
	for _, at := range []struct {
		path   string
		member member
	}{
		{"ToString", toString},

		{"MS/Record/AV", activity},
		{"MS/Record/AI", id},
		{"MS/Record/S", operation},
		{"MS/Record/PI", parent},
		{"MS/Record/PC", percent},
		{"MS/Record/T", kind},
		{"MS/Record/SR", seconds},
		{"MS/Record/SD", status},

		{"MS/Exception/TN/T", exception},
		{"MS/Exception/Props/Message", message},
		{"MS/FullyQualifiedErrorId", errorID},
		{"MS/ErrorCategory_Category", category},
		{"MS/ErrorCategory_Activity", categoryActivity},
		{"MS/ErrorCategory_Reason", reason},
		{"MS/ErrorCategory_TargetName", targetName},
		{"MS/ErrorCategory_TargetType", targetType},
		{"MS/ErrorDetails_Message", details},

		{"Props/MessageData", data},
		{"Props/MessageData/ToString", dataString},
		{"Props/MessageData/Props/Message", dataMessage},
		{"Props/MessageData/Props/NoNewLine", noNewLine},
		{"Props/Source", source},
		{"Props/TimeGenerated", time},
		{"Props/Tags/LST/S", tags},
	} {
		p := root
		for name := range strings.SplitSeq(at.path, "/") {
			within := p.find(name)
			if within == nil {
				within = &place{name: name}
				p.within = append(p.within, within)
			}
			p = within
		}
		p.member = at.member
	}
	return root
}()
