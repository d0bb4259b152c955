// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"reflect"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Equal reports whether two values mean the same: they are equal in the form of a job definition, regardless of letter case where the
// field, or a field within it, ignores it, and of line breaks at the end of a text of several lines. No value equals an empty one: an
// empty string, an empty list, and 0 where the field says so. It is the one notion of equality for look-up, plan and state. A value
// that the field does not allow equals only itself. Both may be [Unknown], which equals nothing.
func (f *Field) Equal(a, b any) bool {
	if a == Unknown || b == Unknown {
		return false
	}
	left, leftFault := f.Check(a)
	right, rightFault := f.Check(b)
	if leftFault != nil || rightFault != nil {
		return reflect.DeepEqual(a, b)
	}
	return f.equal(left, right)
}

// equal compares values in the form of a job definition.
func (f *Field) equal(a, b any) bool {
	if f.Type == TypeList && (a == nil || b == nil) {
		return emptyList(a) && emptyList(b)
	}
	switch left := a.(type) {
	case string:
		right, ok := b.(string)
		if ok && f.Type == TypeMultiline {
			left, right = strings.TrimRight(left, "\r\n"), strings.TrimRight(right, "\r\n")
		}
		return ok && (left == right || f.IgnoreCase && strings.EqualFold(left, right))
	case []any:
		right, ok := b.([]any)
		if !ok || len(left) != len(right) {
			return false
		}
		for i := range left {
			if !f.Items.equal(left[i], right[i]) {
				return false
			}
		}
		return true
	case job.Fields:
		right, ok := b.(job.Fields)
		if !ok {
			return false
		}
		for i := range f.Fields {
			part := &f.Fields[i]
			was, _ := left.Get(part.ID)
			is, _ := right.Get(part.ID)
			if !part.equal(was, is) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

func emptyList(v any) bool {
	list, _ := v.([]any)
	return len(list) == 0
}
