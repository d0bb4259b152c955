// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// setIt is the remedy for a field that is required or belongs to others that are given.
func (f target) setIt() string {
	if f.Type == TypeEnum {
		return "set it to " + quotedList(f.Validations.OneOf)
	}
	return f.example("set " + f.name())
}

// example adds the field's hint to a remedy.
func (f *Field) example(remedy string) string {
	if f.Hint == "" {
		return remedy
	}
	return remedy + ", for example " + f.Hint
}

// quote puts text into quotation marks; what cannot be printed is escaped.
func quote(s string) string { return fmt.Sprintf("%q", s) }

// kind names the kind of a value that no field takes, by words that users of JSON and Terraform know.
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

// quotedList is "a", "b" or "c".
func quotedList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return wordList(quoted, "or")
}

// wordList is a, b or c.
func wordList(words []string, conjunction string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

// nearest finds the known word that a misspelt one most likely stands for; empty when none is close.
func nearest(word string, known []string) string {
	// Words beyond this length are not misspellings, and the distance costs the product of both lengths.
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

// distance is the Levenshtein distance in bytes.
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
