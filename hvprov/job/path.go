// SPDX-License-Identifier: MPL-2.0

package job

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDepth is the maximum number of nested lists and objects in the value of a field. A list of objects has two.
const maxDepth = 8

// path is the position of a value, for example data_disks[1].size_gb, with a part for each level.
type path []string

// field returns the path of a field of the object at p. Paths derived from the same path share memory, so that only the latest
// is valid.
func (p path) field(id string) path {
	if len(p) > 0 {
		id = "." + id
	}
	return append(p, id)
}

// item returns the path of an item of the list at p; see field.
func (p path) item(i int) path { return append(p, "["+strconv.Itoa(i)+"]") }

// text returns the path in the form of errors.
func (p path) text() string { return strings.Join(p, "") }

// errorf returns an error about the value at p. It must not contain the value, which may be secret.
func (p path) errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if len(p) == 0 {
		return err
	}
	return fmt.Errorf("field %q: %w", p.text(), err)
}

// checkDepth returns an error if a list or an object at p would be nested too deep.
func (p path) checkDepth() error {
	if len(p) > maxDepth {
		return p.errorf("lists and objects are nested in more than %d levels", maxDepth)
	}
	return nil
}
