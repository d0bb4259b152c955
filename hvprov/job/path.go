// SPDX-License-Identifier: MPL-2.0

package job

import (
	"fmt"
	"strconv"
	"strings"
)

// path leads to a value, for example data_disks[1].size_gb. It has one part for each level that the value is below the
// fields of the definition.
type path []string

// field gives the path to a field of the object at p. Paths that are made from the same one share memory: only the last
// one made is good.
func (p path) field(id string) path {
	if len(p) > 0 {
		id = "." + id
	}
	return append(p, id)
}

// item gives the path to an item of the list at p, as field does.
func (p path) item(i int) path { return append(p, "["+strconv.Itoa(i)+"]") }

func (p path) String() string { return strings.Join(p, "") }

// errorf gives an error about what is at p. It must tell no value, since that may be secret.
func (p path) errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if len(p) == 0 {
		return err
	}
	return fmt.Errorf("field %q: %w", p.String(), err)
}

// checkDepth holds a list or an object at p to MaxDepth.
func (p path) checkDepth() error {
	if len(p) > MaxDepth {
		return p.errorf("a list or object more than %d levels deep", MaxDepth)
	}
	return nil
}
