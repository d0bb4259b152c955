// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"regexp"
	"strings"
)

// MaxSize is the size in bytes beyond which [Load] reads no schema.
const MaxSize = 1 << 20

var (
	schemaID = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	fieldID  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// LoadOptions are what a program that reads schemas asks of them. The zero value asks for nothing.
type LoadOptions struct {
	// Reserved maps ids that no field of the schema may have to the reason, which follows "is reserved: " in the error. Fields
	// within objects are not affected.
	Reserved map[string]string

	// SecretSuffixes are suffixes with which the program makes further names of the id of a secret. No field beside the secret
	// may have such a name. See also [Schema.Migrate].
	SecretSuffixes []string
}

// Load reads a schema with the zero [LoadOptions].
func Load(name string, data []byte) (*Schema, error) { return LoadOptions{}.Load(name, data) }

// Load reads a schema. The name is the name of its file and is used in errors only. The error is a [*LoadError], which lists
// every fault.
func (o LoadOptions) Load(name string, data []byte) (*Schema, error) {
	l := loader{schema: &Schema{file: name}, options: o}
	if len(data) > MaxSize {
		l.fault(place{}, "the file has %d bytes: a schema has at most %d", len(data), MaxSize)
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

// loader builds a schema out of a document.
type loader struct {
	decoder
	options LoadOptions
	schema  *Schema
	top     *scope

	migrations []migrationParts // of each of schema.Migrations
}

func (l *loader) root(at place) {
	m, ok := l.mapping(at, "id", "version", "name", "description", "fields", "parameter_sets", "migrations")
	if !ok {
		return
	}
	m.require("id", "version", "fields")
	s := l.schema
	if s.ID = m.text("id"); s.ID != "" && !schemaID.MatchString(s.ID) {
		l.fault(m.at("id"), "%q is no id: use lower-case letters, digits and hyphens, with a letter first", s.ID)
	}
	if s.Version, ok = m.integer("version"); ok && s.Version < 1 {
		l.fault(m.at("version"), "a version is 1 or more")
	}
	s.Name, s.Description = m.text("name"), m.text("description")
	l.top = l.scope(m, nil)
	s.Fields, s.index = l.top.fields, l.top.index
	for i := range s.Fields {
		l.observed(l.top.read[i], i)
		l.inference(i)
	}
	for _, item := range m.list("parameter_sets") {
		l.parameterSet(item)
	}
	for _, item := range m.list("migrations") {
		l.migration(item)
	}
	l.migrationTargets()
}

// LoadError says why a schema does not hold together.
type LoadError struct {
	File   string
	Faults []LoadFault // in the order of their lines; at least one
}

// LoadFault is one reason to refuse a schema.
type LoadFault struct {
	Line   int    // from 1; 0 when the fault has no place
	Path   string // where in the schema, for example "fields[2].type"; empty for the whole
	Reason string
}

// Error implements error: "file:line: reason", a line for each fault.
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
