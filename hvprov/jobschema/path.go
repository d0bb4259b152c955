// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"regexp"
	"strconv"
)

// Path is the way to a value: from a field of the schema down into lists and objects.
type Path []Step

// Step is one step of a [Path]: into a field, or where it has no Field, to the item of a list.
type Step struct {
	Field string
	Index int // of an item, from 0
}

// String gives the path as people write it, for example "data_disks[1].size_gb".
func (p Path) String() string {
	var b []byte
	for _, step := range p {
		switch {
		case step.Field == "":
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(step.Index), 10)
			b = append(b, ']')
		case len(b) > 0:
			b = append(b, '.')
			fallthrough
		default:
			b = append(b, step.Field...)
		}
	}
	return string(b)
}

// MarshalText implements [encoding.TextMarshaler] with what String gives.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Root gives the id of the schema's field that the path begins with; empty when it is empty.
func (p Path) Root() string {
	if len(p) == 0 {
		return ""
	}
	return p[0].Field
}

var pathStep = regexp.MustCompile(`^(?:([a-z][a-z0-9_]*)|\[([0-9]{1,9})\])`)

// ParsePath reads what [Path.String] gives.
func ParsePath(text string) (Path, error) {
	var p Path
	for rest := text; rest != ""; {
		if len(p) > 0 && rest[0] == '.' {
			rest = rest[1:]
		}
		m := pathStep.FindStringSubmatch(rest)
		if m == nil || m[1] == "" && len(p) == 0 {
			return nil, fmt.Errorf("%q is no path to a field, such as data_disks[1].size_gb", text)
		}
		step := Step{Field: m[1]}
		if m[1] == "" {
			step.Index, _ = strconv.Atoi(m[2]) // digits, and few enough
		}
		p = append(p, step)
		rest = rest[len(m[0]):]
	}
	if p.String() != text {
		return nil, fmt.Errorf("%q is no path to a field, such as data_disks[1].size_gb", text)
	}
	return p, nil
}

// target is a field in the place that a value has: at the root, below an object, or as an item of a list.
type target struct {
	*Field
	up    *target
	at    int    // the index of an item, whose up is the list
	word  string // what people call the field; empty when that is its id
	words words  // for what is below
}

// words are what people call the fields of a schema or an object, by id. They differ from the ids where the values come
// from another schema; see [Translation].
type words map[string]word

type word struct {
	id    string
	parts words
}

// target puts a field of the schema, or of an object, into its place.
func (w words) target(f *Field, up *target) target {
	return target{Field: f, up: up, word: w[f.ID].id, words: w[f.ID].parts}
}

// item puts what a list is of into a place in it.
func (t *target) item(i int) target { return target{Field: t.Items, up: t, at: i, words: t.words} }

// called gives the id that people know.
func (t target) called() string {
	if t.word != "" {
		return t.word
	}
	return t.ID
}

func (t target) path() Path {
	var p Path
	if t.up != nil {
		p = t.up.path()
	}
	switch {
	case t.up != nil && t.up.Type == TypeList:
		return append(p, Step{Index: t.at})
	case t.ID == "": // an item by itself
		return p
	}
	return append(p, Step{Field: t.called()})
}

// name is how messages call the value.
func (t target) name() string {
	if t.up == nil {
		return t.called()
	}
	return t.path().String()
}
