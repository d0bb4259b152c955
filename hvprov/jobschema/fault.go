// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Fault is an error in a value.
type Fault struct {
	Path    Path   `json:"path"`             // of the value; empty if the schema does not have the field
	Rule    string `json:"rule"`             // the rule that is broken, for example "required" or "max_length"
	Given   string `json:"given,omitempty"`  // the value, shortened; empty if there is none, and for a secret
	Message string `json:"message"`          // what is wrong; it names the field
	Remedy  string `json:"remedy,omitempty"` // how to fix it
}

// Values of Fault.Rule.
const (
	ruleUnknownField  = "unknown_field"
	ruleRequired      = "required"
	ruleType          = "type"
	ruleCharacters    = "characters" // control characters, text that is not UTF-8
	ruleWhitespace    = "whitespace" // leading or trailing white space
	ruleMinLength     = "min_length"
	ruleMaxLength     = "max_length"
	ruleMinimum       = "minimum"
	ruleMaximum       = "maximum"
	ruleMultipleOf    = "multiple_of"
	rulePattern       = "pattern"
	ruleFileName      = "file_name"
	ruleOneOf         = "one_of"
	ruleApplicability = "applicability"
	ruleParameterSet  = "parameter_set"
	ruleIPv4Subnet    = "ipv4_subnet" // see subnetRule
	ruleIPv6Subnet    = "ipv6_subnet" // see subnet6Rule
	ruleAscending     = "ascending"   // see ascendingRule
	ruleMinItems      = "min_items"
	ruleMaxItems      = "max_items"
	ruleUnique        = "unique"
	ruleUniqueBy      = "unique_by"
	ruleNotKnown      = "not_known" // Unknown, where every value must be known
)

// String returns message and remedy on one line.
func (f Fault) String() string {
	if f.Remedy == "" {
		return f.Message
	}
	return f.Message + ": " + f.Remedy
}

// ValidationError is the error of [Schema.Validate].
type ValidationError struct {
	Faults []Fault // all that is wrong, in the order of the schema
}

// Error implements error: one line for one fault, else a line for each.
func (e *ValidationError) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d errors in the values:", len(e.Faults))
	for _, f := range e.Faults {
		b.WriteString("\n- " + f.String())
	}
	return b.String()
}

// fault returns a Fault about v, which is shown unless the field is secret. The message follows the name of the field.
func (f target) fault(rule string, v any, message, remedy string) *Fault {
	return &Fault{Path: f.path(), Rule: rule, Given: f.show(v), Message: f.name() + " " + message, Remedy: remedy}
}

// show returns a value for messages: quoted and shortened. It is empty if the field holds a secret.
func (f *Field) show(v any) string {
	if f.HoldsSecret() || v == nil {
		return ""
	}
	switch v.(type) {
	case []any, []string, []map[string]any, map[string]any, job.Fields:
		return kind(v) // a value in it may be a secret under a misspelt id
	}
	text := fmt.Sprint(v)
	if s, ok := v.(string); ok {
		text = quote(s)
	}
	const limit = 80
	if r := []rune(text); len(r) > limit {
		text = string(r[:limit-1]) + "…"
	}
	return text
}
