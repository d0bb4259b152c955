// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// setIt returns the remedy for a field that is missing.
func (f target) setIt() string {
	if f.Type == TypeEnum {
		return "set it to " + quotedList(f.Validations.OneOf)
	}
	remedy := f.example("set " + f.name())
	for _, id := range slices.Sorted(maps.Keys(f.Applicability)) {
		if len(f.Applicability[id]) == 0 {
			remedy += ", or set " + id
		}
	}
	return remedy
}

// example adds the hint of the field to a remedy.
func (f *Field) example(remedy string) string {
	if f.Hint == "" {
		return remedy
	}
	return remedy + ", for example " + f.Hint
}

// quote returns text in quotation marks, with characters that cannot be printed escaped.
func quote(s string) string { return fmt.Sprintf("%q", s) }

// kind returns the kind of a value in the words of JSON.
func kind(v any) string {
	switch v := v.(type) {
	case job.Fields:
		return "an object"
	case json.Number:
		return "the number " + v.String()
	}
	switch k := reflect.ValueOf(v).Kind(); k {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	case reflect.Bool:
		return fmt.Sprint(v)
	case reflect.String:
		return "text"
	default:
		if k >= reflect.Int && k <= reflect.Float64 {
			return fmt.Sprintf("the number %v", v)
		}
		return "a value of another kind"
	}
}

// quotedList returns the form "a", "b" or "c".
func quotedList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return wordList(quoted, "or")
}

// wordList returns the form a, b or c.
func wordList(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

// nearest returns the known word that is closest to a misspelt one; empty if none is close.
func nearest(word string, known []string) string {
	// Longer words are not misspellings, and the cost of distance is the product of both lengths.
	const maxWord = 64
	if len(word) > maxWord {
		return ""
	}
	best, bestDistance := "", len(word)/3+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance returns the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// count returns a number with its noun: "1 item", "2 items".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// blank reports whether text has no characters other than white space.
func blank(s string) bool { return strings.TrimSpace(s) == "" }
