// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strings"
)

// element is an element of CLIXML (MS-PSRP 2.2.5). Other tags are text: the output of native programs may contain any "<".
type element struct {
	name string
	role role
	end  string // its closing tag without the "<"
}

func newElement(name string, role role) *element { return &element{name, role, "/" + name + ">"} }

type role byte

const (
	leaf      role = iota // contains a value
	primitive             // a leaf that can be an item
	container
)

const object = "Obj"

var document = newElement("Objs", container)

// elements maps the first letter of a name to its elements, the most frequent ones first.
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

// elementOf returns the element with the given name, or nil.
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

// streamName returns the lower-case name of a stream from the value of the attribute S. Hosts write names in several ways.
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

// member is a property of an object that a Record contains.
type member byte

const (
	none member = iota
	toString
	activity
	data
	dataString
	dataMessage
	members // the number of members
)

// node is a node in the tree of the paths of the members.
type node struct {
	name     string // the attribute N of the element, or else the element's name
	member   member // none for an inner node
	children []*node
}

// child returns the child with the given name, or nil.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// childOf returns the child for an element with the given value of the attribute N, in which escapes are not decoded.
func (n *node) childOf(e *element, name []byte) *node {
	if len(name) == 0 {
		return n.child(e.name)
	}
	c := n.child(string(name))
	if c == nil && bytes.ContainsAny(name, "&_") {
		c = n.child(string(unescapeName(name)))
	}
	return c
}

// root is the root of the tree.
var root = func() *node {
	root := &node{}
	for _, m := range []struct {
		path   string
		member member
	}{
		{"ToString", toString},
		{"MS/Record/AV", activity},
		{"Props/MessageData", data},
		{"Props/MessageData/ToString", dataString},
		{"Props/MessageData/Props/Message", dataMessage},
	} {
		n := root
		for name := range strings.SplitSeq(m.path, "/") {
			c := n.child(name)
			if c == nil {
				c = &node{name: name}
				n.children = append(n.children, c)
			}
			n = c
		}
		n.member = m.member
	}
	return root
}()
