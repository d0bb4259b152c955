// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"regexp"
	"strings"
)

// maxSize is the maximum size of a schema in bytes.
const maxSize = 1 << 20

var (
	schemaID = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	fieldID  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// LoadOptions are restrictions of a program on the schemas that it loads. The zero value has none.
type LoadOptions struct {
	// Reserved maps ids that no field of the schema may have to the reason, which follows "is reserved: " in the error. Fields
	// within objects are not affected.
	Reserved map[string]string

	// SecretSuffixes are suffixes that the program adds to the id of a secret to form further names. No field may have such a name.
	// See also [Schema.Migrate].
	SecretSuffixes []string
}

// Load reads a schema. The name is the name of its file and is used in errors only. The error is a [*LoadError], which lists every
// fault. Only the last of the options, which are optional, applies.
func Load(name string, data []byte, options ...LoadOptions) (*Schema, error) {
	l := loader{schema: &Schema{file: name}}
	if n := len(options); n > 0 {
		l.options = options[n-1]
	}
	if len(data) > maxSize {
		l.fault(place{}, "the file has %d bytes: a schema has at most %d", len(data), maxSize)
		return nil, l.err(name)
	}
	if root, ok := l.document(data); ok {
		l.root(root)
	}
	if err := l.err(name); err != nil {
		return nil, err
	}
	l.schema.describeSets()
	return l.schema, nil
}

// loader creates a schema from a document.
type loader struct {
	decoder
	options LoadOptions
	schema  *Schema
	top     *scope

	migrations []migrationSource // of each of schema.migrations
}

func (l *loader) root(at place) {
	m, ok := l.mapping(at, "id", "version", "name", "description", "fields", "parameter_sets", "migrations")
	if !ok {
		return
	}
	m.require("id", "version", "fields")
	s := l.schema
	if s.ID = m.text("id"); s.ID != "" && !schemaID.MatchString(s.ID) {
		l.fault(m.at("id"), "%q is not a valid id: use lower-case letters, digits and hyphens, starting with a letter", s.ID)
	}
	if s.Version, ok = m.integer("version"); ok && s.Version < 1 {
		l.fault(m.at("version"), "a version must be at least 1")
	}
	s.Name, s.Description = m.text("name"), m.text("description")
	l.top = l.scope(m, nil)
	s.Fields, s.index = l.top.fields, l.top.index
	for i := range s.Fields {
		l.observed(l.top.source[i], i)
		l.inference(i)
	}
	for _, item := range m.list("parameter_sets") {
		l.parameterSet(l.top, item, &s.ParameterSets)
	}
	for _, item := range m.list("migrations") {
		l.migration(item)
	}
	l.migrationTargets()
}

// LoadError is the error of [Load] and of other checks of a schema.
type LoadError struct {
	File   string
	Faults []LoadFault // at least one, in the order of their lines
}

// LoadFault is an error in a schema.
type LoadFault struct {
	Line   int    // from 1; 0 if the fault has no line
	Path   string // for example "fields[2].type"; empty for the whole schema
	Reason string // what is wrong, and the remedy
}

// Error implements error: a line of the form "file:line: path: reason" for each fault.
func (e *LoadError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = fmt.Sprintf("%s:%d: ", e.File, f.Line)
		if f.Line == 0 {
			lines[i] = e.File + ": "
		}
		if f.Path != "" {
			lines[i] += f.Path + ": "
		}
		lines[i] += f.Reason
	}
	return strings.Join(lines, "\n")
}
