// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Fault is one thing that is wrong with the values given.
type Fault struct {
	Path    Path   `json:"path"`             // to the value to blame; empty when the schema has no such field
	Rule    string `json:"rule"`             // one of the Fault constants
	Given   string `json:"given,omitempty"`  // the value, shortened; empty when there was none, and for a secret
	Message string `json:"message"`          // what is wrong, for people; it names the value
	Remedy  string `json:"remedy,omitempty"` // what would do
}

// Values of [Fault.Rule].
const (
	FaultUnknownField  = "unknown_field"
	FaultRequired      = "required"
	FaultType          = "type"
	FaultCharacters    = "characters" // control characters, text that is not UTF-8
	FaultWhitespace    = "whitespace" // white space around a value
	FaultMinLength     = "min_length"
	FaultMaxLength     = "max_length"
	FaultMinimum       = "minimum"
	FaultMaximum       = "maximum"
	FaultPattern       = "pattern"
	FaultOneOf         = "one_of"
	FaultApplicability = "applicability"
	FaultParameterSet  = "parameter_set"
	FaultIPv4Subnet    = "ipv4_subnet"
	FaultAscending     = "ascending" // numbers that are not in the order that they must have
	FaultMinItems      = "min_items"
	FaultMaxItems      = "max_items"
	FaultUniqueBy      = "unique_by"
	FaultNotKnown      = "not_known" // [Unknown], where every value has to be known
)

// String gives message and remedy in one line.
func (f Fault) String() string {
	if f.Remedy == "" {
		return f.Message
	}
	return f.Message + ": " + f.Remedy
}

// ValidationError is the error of [Schema.Validate]: everything that is wrong, in the schema's order.
type ValidationError struct {
	Faults []Fault
}

// Error implements error: one line for one fault, else a line each.
func (e *ValidationError) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d values are not right:", len(e.Faults))
	for _, f := range e.Faults {
		b.WriteString("\n- " + f.String())
	}
	return b.String()
}

// fault makes a Fault about v, which is shown unless the field is secret.
func (f target) fault(rule string, v any, message, remedy string) *Fault {
	return &Fault{Path: f.path(), Rule: rule, Given: f.show(v), Message: message, Remedy: remedy}
}

// show gives a value as a message may have it: quoted, shortened, and nothing of a secret.
func (f *Field) show(v any) string {
	if f.HoldsSecret() || v == nil {
		return ""
	}
	switch v.(type) {
	case []any, []string, []map[string]any, map[string]any, job.Fields:
		return kind(v) // what is within may be a secret under a misspelt name
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
