// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks the nodes of a YAML document and collects faults with their lines. It reads the document by itself and
// not into structs, because a struct has no lines to tell.
type decoder struct {
	faults []LoadFault
	nodes  int // how many were read, those that aliases stand for each time
}

// maxNodes is more than any schema has. Aliases of lists that hold aliases could make billions of a short document.
const maxNodes = 1 << 17

// enter counts the nodes of a mapping or a list, and tells whether they are to be read.
func (d *decoder) enter(n *yaml.Node) bool {
	d.nodes += len(n.Content)
	return d.nodes <= maxNodes
}

// place is a value of the document, and the way to it.
type place struct {
	node *yaml.Node
	path string
}

func (d *decoder) fault(at place, format string, args ...any) {
	line := 0
	if at.node != nil {
		line = at.node.Line
	}
	d.tell(line, at.path, format, args...)
}

// tell adds a fault where there is no node any more.
func (d *decoder) tell(line int, path, format string, args ...any) {
	d.faults = append(d.faults, LoadFault{Line: line, Path: path, Reason: fmt.Sprintf(format, args...)})
}

// err gives the faults as an error, by line; nil when there are none.
func (d *decoder) err(name string) error {
	if d.nodes > maxNodes {
		d.faults = nil // they are of a part only
		d.tell(0, "", "it has more than %d values, with what its aliases stand for, and more are not read", maxNodes)
	}
	if len(d.faults) == 0 {
		return nil
	}
	sort.SliceStable(d.faults, func(i, j int) bool { return d.faults[i].Line < d.faults[j].Line })
	return &LoadError{File: name, Faults: d.faults}
}

// syntaxLine finds the line that the YAML parser names in its error.
var syntaxLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// document reads the only document of data.
func (d *decoder) document(data []byte) (place, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		d.fault(place{}, "the file is empty")
		return place{}, false
	case err != nil:
		d.syntax(err)
		return place{}, false
	}
	if err := dec.Decode(&next); err == nil {
		d.fault(place{node: &next}, "there is a second document: a file holds one schema")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		d.fault(place{}, "the file is empty")
		return place{}, false
	}
	return place{node: follow(doc.Content[0])}, len(d.faults) == 0
}

func (d *decoder) syntax(err error) {
	text, line := err.Error(), 0
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	d.faults = append(d.faults, LoadFault{Line: line, Reason: "it is not YAML: " + strings.TrimPrefix(text, "yaml: ")})
}

// follow gives what an alias stands for. A schema's shape bounds how deep it is read, even where an alias holds itself.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// mapping is a read mapping: its values by key, and its keys in order.
type mapping struct {
	place
	d      *decoder
	values map[string]place
	keys   []string
}

// mapping reads a mapping whose keys are all of known, or any text when known is nil.
func (d *decoder) mapping(at place, known ...string) (mapping, bool) {
	m := mapping{place: at, d: d, values: map[string]place{}}
	if at.node.Kind != yaml.MappingNode {
		d.fault(at, "it must be a mapping of keys and values")
		return m, false
	}
	if !d.enter(at.node) {
		return m, false
	}
	for i := 0; i+1 < len(at.node.Content); i += 2 {
		keyNode, value := at.node.Content[i], at.node.Content[i+1]
		keyAt := place{node: keyNode, path: at.path}
		if keyNode.Kind != yaml.ScalarNode || keyNode.ShortTag() != "!!str" {
			d.fault(keyAt, "a key must be text; put it in quotes if it is meant to be")
			continue
		}
		key := keyNode.Value
		if known != nil && !slices.Contains(known, key) {
			remedy := "use " + wordList(known, "or")
			if near := nearest(key, known); near != "" {
				remedy = "did you mean " + near + "?"
			}
			d.fault(keyAt, "unknown key %q: %s", key, remedy)
			continue
		}
		if _, ok := m.values[key]; ok {
			d.fault(keyAt, "the key %q is given twice", key)
			continue
		}
		path := key
		if at.path != "" {
			path = at.path + "." + key
		}
		m.values[key] = place{node: follow(value), path: path}
		m.keys = append(m.keys, key)
	}
	return m, true
}

// at gives the place of a key's value, or that of the mapping when the key is not there.
func (m mapping) at(key string) place {
	if v, ok := m.values[key]; ok {
		return v
	}
	return m.place
}

func (m mapping) has(key string) bool {
	_, ok := m.values[key]
	return ok
}

// require adds a fault for each key that is not there.
func (m mapping) require(keys ...string) {
	for _, key := range keys {
		if !m.has(key) {
			m.d.fault(m.place, "the key %q is missing", key)
		}
	}
}

// text gives a key's text; empty when the key is not there or not text.
func (m mapping) text(key string) string {
	if !m.has(key) {
		return ""
	}
	return m.d.text(m.values[key])
}

func (d *decoder) text(at place) string {
	switch {
	case at.node.Kind != yaml.ScalarNode:
		d.fault(at, "it must be text")
	case at.node.ShortTag() == "!!null":
		d.fault(at, "it has no value")
	case at.node.ShortTag() != "!!str":
		d.fault(at, "it must be text: put %s in quotes", at.node.Value)
	case strings.TrimSpace(at.node.Value) == "":
		d.fault(at, "it must not be empty")
	default:
		return at.node.Value
	}
	return ""
}

// integer gives a key's whole number, and whether there is one.
func (m mapping) integer(key string) (int, bool) {
	at, ok := m.values[key]
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(at.node.Value)
	if at.node.Kind != yaml.ScalarNode || at.node.ShortTag() != "!!int" || err != nil {
		m.d.fault(at, "it must be a whole number")
		return 0, false
	}
	return n, true
}

// number gives a key's number, and whether there is one.
func (m mapping) number(key string) (float64, bool) {
	at, ok := m.values[key]
	if !ok {
		return 0, false
	}
	n, isNumber := toFloat64(at.node.Value)
	if tag := at.node.ShortTag(); at.node.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || !isNumber {
		m.d.fault(at, "it must be a number")
		return 0, false
	}
	return n, true
}

// boolean gives a key's boolean; false when the key is not there.
func (m mapping) boolean(key string) bool {
	at, ok := m.values[key]
	if !ok {
		return false
	}
	if at.node.Kind != yaml.ScalarNode || at.node.ShortTag() != "!!bool" {
		m.d.fault(at, "it must be true or false")
		return false
	}
	return strings.EqualFold(at.node.Value, "true")
}

// scalar gives a key's value as YAML types it: a string, a bool or a number. It is nil when the key is not there, or
// is none of those.
func (m mapping) scalar(key string) any {
	at, ok := m.values[key]
	if !ok {
		return nil
	}
	if at.node.Kind == yaml.ScalarNode {
		switch at.node.ShortTag() {
		case "!!str", "!!timestamp": // nobody means a point in time
			return at.node.Value
		case "!!bool":
			return m.boolean(key)
		case "!!int", "!!float":
			if n, ok := toInt64(at.node.Value); ok {
				return n
			}
			if n, ok := toFloat64(at.node.Value); ok {
				return n
			}
		}
	}
	m.d.fault(at, "it must be text, a number, true or false")
	return nil
}

// list gives the items of a key's list, of which there must be one; nil when the key is not there.
func (m mapping) list(key string) []place {
	at, ok := m.values[key]
	if !ok {
		return nil
	}
	if at.node.Kind != yaml.SequenceNode || len(at.node.Content) == 0 {
		m.d.fault(at, "it must be a list with at least one item")
		return nil
	}
	if !m.d.enter(at.node) {
		return nil
	}
	items := make([]place, len(at.node.Content))
	for i, n := range at.node.Content {
		items[i] = place{node: follow(n), path: fmt.Sprintf("%s[%d]", at.path, i)}
	}
	return items
}

// texts gives a key's list of different texts, each with its place.
func (m mapping) texts(key string) (texts []string, places []place) {
	for _, item := range m.list(key) {
		text := m.d.text(item)
		switch {
		case text == "":
		case slices.Contains(texts, text):
			m.d.fault(item, "%q is given twice", text)
		default:
			texts, places = append(texts, text), append(places, item)
		}
	}
	return texts, places
}
