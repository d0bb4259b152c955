// SPDX-License-Identifier: MPL-2.0

// Package casefold makes map keys of names that Windows and Hyper-V compare without regard to letter case.
package casefold

import (
	"strings"
	"unicode"
)

// Key returns the same string for all strings that [strings.EqualFold] reports as equal. [strings.ToLower] does not: it
// keeps, for example, the Greek final sigma apart from the other one.
func Key(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}
