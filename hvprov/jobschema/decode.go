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

// decoder reads the nodes of a YAML document and collects faults with their lines. It does not decode into structs, which have no
// line numbers.
type decoder struct {
	faults []LoadFault
	nodes  int // number of nodes that were read, with those of aliases each time
}

// maxNodes is more than any schema has. Nested aliases could expand a short document to billions of nodes.
const maxNodes = 1 << 17

// enter counts the nodes of a mapping or a list, and reports whether they are within the limit.
func (d *decoder) enter(n *yaml.Node) bool {
	d.nodes += len(n.Content)
	return d.nodes <= maxNodes
}

// place is a value of the document with its path.
type place struct {
	node *yaml.Node
	path string
}

func (d *decoder) fault(at place, format string, args ...any) {
	line := 0
	if at.node != nil {
		line = at.node.Line
	}
	d.faultAt(line, at.path, format, args...)
}

// faultAt adds a fault that has no node.
func (d *decoder) faultAt(line int, path, format string, args ...any) {
	d.faults = append(d.faults, LoadFault{Line: line, Path: path, Reason: fmt.Sprintf(format, args...)})
}

// err returns the faults, by line, as an error; nil if there are none.
func (d *decoder) err(name string) error {
	if d.nodes > maxNodes {
		d.faults = nil // they are incomplete
		d.faultAt(0, "", "a schema can have at most %d values, including those of aliases", maxNodes)
	}
	if len(d.faults) == 0 {
		return nil
	}
	sort.SliceStable(d.faults, func(i, j int) bool { return d.faults[i].Line < d.faults[j].Line })
	return &LoadError{File: name, Faults: d.faults}
}

// syntaxLine is the line number in an error of the YAML parser.
var syntaxLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// document reads the single document of data.
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
		d.fault(place{node: &next}, "a file can have one schema only: remove the second document")
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
	d.faults = append(d.faults, LoadFault{Line: line, Reason: "invalid YAML: " + strings.TrimPrefix(text, "yaml: ")})
}

// follow resolves an alias. The structure of a schema limits the depth, even if an alias contains itself.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// mapping is a mapping of the document: its values by key, and its keys in order.
type mapping struct {
	place
	d      *decoder
	values map[string]place
	keys   []string
}

// mapping reads a mapping with known keys, or with any keys if known is nil.
func (d *decoder) mapping(at place, known ...string) (mapping, bool) {
	m := mapping{place: at, d: d, values: map[string]place{}}
	if at.node.Kind != yaml.MappingNode {
		d.fault(at, "must be a mapping of keys and values")
		return m, false
	}
	if !d.enter(at.node) {
		return m, false
	}
	for i := 0; i+1 < len(at.node.Content); i += 2 {
		keyNode, value := at.node.Content[i], at.node.Content[i+1]
		keyAt := place{node: keyNode, path: at.path}
		if keyNode.ShortTag() == "!!merge" {
			d.fault(keyAt, "merge keys (<<) are not supported: repeat the keys, or use an alias for a whole value")
			continue
		}
		if keyNode.Kind != yaml.ScalarNode || keyNode.ShortTag() != "!!str" {
			d.fault(keyAt, "a key must be text: put it in quotes")
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
			d.fault(keyAt, "the key %q is repeated", key)
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

// at returns the place of the value of a key, or that of the mapping if the key is absent.
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

// require adds a fault for each key that is absent.
func (m mapping) require(keys ...string) {
	for _, key := range keys {
		if !m.has(key) {
			m.d.fault(m.place, "the key %q is missing", key)
		}
	}
}

// text returns the text of a key; empty if it is absent or not text.
func (m mapping) text(key string) string {
	if !m.has(key) {
		return ""
	}
	return m.d.text(m.values[key])
}

func (d *decoder) text(at place) string {
	switch {
	case at.node.Kind != yaml.ScalarNode:
		d.fault(at, "must be text")
	case at.node.ShortTag() == "!!null":
		d.fault(at, "has no value")
	case at.node.ShortTag() != "!!str":
		d.fault(at, "must be text: put %s in quotes", at.node.Value)
	case strings.TrimSpace(at.node.Value) == "":
		d.fault(at, "must not be empty")
	default:
		return at.node.Value
	}
	return ""
}

// integer returns the whole number of a key, and whether it has one.
func (m mapping) integer(key string) (int, bool) {
	at, ok := m.values[key]
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(at.node.Value)
	switch {
	case at.node.Kind != yaml.ScalarNode || at.node.ShortTag() != "!!int":
		m.d.fault(at, "must be a whole number")
	case err != nil || strconv.Itoa(n) != at.node.Value:
		// 010 is 8 in YAML 1.1 and 10 in YAML 1.2.
		m.d.fault(at, "must be a whole number in decimal form, such as 10, not %s", at.node.Value)
	default:
		return n, true
	}
	return 0, false
}

// number returns the number of a key, and whether it has one.
func (m mapping) number(key string) (float64, bool) {
	at, ok := m.values[key]
	if !ok {
		return 0, false
	}
	n, isNumber := toFloat64(at.node.Value)
	switch tag := at.node.ShortTag(); {
	case at.node.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float":
		m.d.fault(at, "must be a number")
	case !isNumber:
		m.d.fault(at, "must be written as in JSON, such as 0.5 or 8, not %s", at.node.Value)
	default:
		return n, true
	}
	return 0, false
}

// boolean returns the boolean of a key; false if it is absent.
func (m mapping) boolean(key string) bool {
	at, ok := m.values[key]
	if !ok {
		return false
	}
	if at.node.Kind != yaml.ScalarNode || at.node.ShortTag() != "!!bool" {
		m.d.fault(at, "must be true or false")
		return false
	}
	return strings.EqualFold(at.node.Value, "true")
}

// scalar returns the string, bool or number of a key; nil if it is absent or of another type.
func (m mapping) scalar(key string) any {
	at, ok := m.values[key]
	if !ok {
		return nil
	}
	if at.node.Kind == yaml.ScalarNode {
		switch at.node.ShortTag() {
		case "!!str", "!!timestamp": // a date is meant as text
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
	m.d.fault(at, "must be text, a number, true or false")
	return nil
}

// list returns the items of the list of a key, which must not be empty; nil if it is absent.
func (m mapping) list(key string) []place {
	at, ok := m.values[key]
	if !ok {
		return nil
	}
	if at.node.Kind != yaml.SequenceNode || len(at.node.Content) == 0 {
		m.d.fault(at, "must be a list with at least one item")
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

// isEmptyList reports whether the value of a key is a list without items.
func (m mapping) isEmptyList(key string) bool {
	at, ok := m.values[key]
	return ok && at.node.Kind == yaml.SequenceNode && len(at.node.Content) == 0
}

// texts returns the list of distinct texts of a key, each with its place.
func (m mapping) texts(key string) (texts []string, places []place) {
	for _, item := range m.list(key) {
		text := m.d.text(item)
		switch {
		case text == "":
		case slices.Contains(texts, text):
			m.d.fault(item, "%q is repeated", text)
		default:
			texts, places = append(texts, text), append(places, item)
		}
	}
	return texts, places
}
