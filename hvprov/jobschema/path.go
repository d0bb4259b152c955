// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"regexp"
	"strconv"
)

// Path is the position of a value: from a field of the schema into lists and objects.
type Path []Step

// Step is a step of a [Path]: to a field or, if Field is empty, to the item of a list.
type Step struct {
	Field string
	Index int // of an item, from 0
}

// String returns the path in the form data_disks[1].size_gb.
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

// MarshalText implements [encoding.TextMarshaler] with [Path.String].
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

var pathStep = regexp.MustCompile(`^(?:([a-z][a-z0-9_]*)|\[([0-9]{1,9})\])`)

// ParsePath reads the form of [Path.String].
func ParsePath(text string) (Path, error) {
	var p Path
	for rest := text; rest != ""; {
		if len(p) > 0 && rest[0] == '.' {
			rest = rest[1:]
		}
		m := pathStep.FindStringSubmatch(rest)
		if m == nil || m[1] == "" && len(p) == 0 {
			return nil, pathError(text)
		}
		step := Step{Field: m[1]}
		if m[1] == "" {
			step.Index, _ = strconv.Atoi(m[2]) // up to 9 digits
		}
		p = append(p, step)
		rest = rest[len(m[0]):]
	}
	if p.String() != text {
		return nil, pathError(text)
	}
	return p, nil
}

func pathError(text string) error {
	return fmt.Errorf("invalid path %q: use a form such as data_disks[1].size_gb", text)
}

// target is a field with the position of its value.
type target struct {
	*Field
	parent  *target // the object or the list; nil for a field of the schema
	at      int     // index of an item of parent
	alias   string  // id of the field in messages; empty if it is ID
	aliases aliases // of child fields
}

// aliases are the ids, and those of child fields, that messages use instead of the ids of fields, for values that come from
// another schema; see [Translation].
type aliases map[string]alias

type alias struct {
	id       string
	children aliases
}

// target returns a field of the schema, or of an object, with its position.
func (a aliases) target(f *Field, parent *target) target {
	return target{Field: f, parent: parent, alias: a[f.ID].id, aliases: a[f.ID].children}
}

// item returns the item of a list with its position.
func (t *target) item(i int) target {
	return target{Field: t.Items, parent: t, at: i, aliases: t.aliases}
}

func (t target) path() Path {
	var p Path
	if t.parent != nil {
		p = t.parent.path()
	}
	switch {
	case t.parent != nil && t.parent.Type == TypeList:
		return append(p, Step{Index: t.at})
	case t.alias != "":
		return append(p, Step{Field: t.alias})
	case t.ID == "": // an item that is checked by itself
		return p
	}
	return append(p, Step{Field: t.ID})
}

// name returns the path as text, for messages.
func (t target) name() string {
	if t.parent == nil && t.alias == "" {
		return t.ID // the path of most fields
	}
	return t.path().String()
}
