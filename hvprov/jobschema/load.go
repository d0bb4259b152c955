// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"strings"
)

// MaxSize is the size in bytes beyond which [Load] reads no schema.
const MaxSize = 1 << 20

// Load reads a schema. The name is that of its file and is used in errors only. An error is a [*LoadError], which tells
// every fault at once.
func Load(name string, data []byte) (*Schema, error) {
	return nil, &LoadError{File: name}
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
