// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// typeRule is what the package knows of a type. Each type has one, so that a new type is a new entry in types.
type typeRule struct {
	normalise func(f target, v any) (any, *Fault) // of a value that is not missing; nil for what has parts
	allowed   []string                            // keys of validations that have a meaning
}

var lengthRules = []string{keyMinLength, keyMaxLength, keyPattern, keyPatternDescription}

var types = map[Type]typeRule{
	TypeString:    {line, lengthRules},
	TypeSecret:    {verbatim, lengthRules},
	TypeMultiline: {verbatim, lengthRules},
	TypeInteger:   {integer, []string{keyMinimum, keyMaximum}},
	TypeNumber:    {number, []string{keyMinimum, keyMaximum}},
	TypeBoolean:   {boolean, nil},
	TypeIPv4:      {ipv4, nil},
	TypeHostname:  {hostname, []string{keyMaxLength, keyPattern, keyPatternDescription}},
	TypeEnum:      {enum, []string{keyOneOf}},
	TypeList:      {nil, []string{keyMinItems, keyMaxItems, keyUniqueBy}},
	TypeObject:    {nil, nil},
}

func (t Type) known() bool {
	_, ok := types[t]
	return ok
}

// nouns say what a value of a type must be.
var nouns = map[Type]string{
	TypeString: "a line of text", TypeSecret: "text", TypeMultiline: "text", TypeInteger: "a whole number",
	TypeNumber: "a number", TypeBoolean: "true or false", TypeIPv4: "an IPv4 address", TypeHostname: "a DNS name",
	TypeEnum: "one of its values", TypeList: "a list", TypeObject: "an object",
}

// Check holds one value to the field's type and validations, and gives it as a job definition has it, or the first of
// its faults. Taken are a string, a bool, an int, int32, int64, float32 or float64, and a [encoding/json.Number]; numbers and
// booleans may also be exact text, such as "8" and "true". A list is a []any, a []string or a []map[string]any; an
// object is a map[string]any or a [job.Fields]. Nothing else is converted, and nothing is trimmed.
//
// Nil means that there is no value, and so does an empty string for a field without default: the result is then nil,
// with a Fault only if the field is required, where a string of nothing but white space is no value either.
func (f *Field) Check(v any) (any, *Fault) {
	c := checking{}
	value, faults := c.value(target{Field: f}, v)
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return value, nil
}

// missing tells whether v is no value. Where there is a default, only nil asks for it: were an empty string to do so
// too, what is kept of the values given would differ from what the job made of them.
func (f *Field) missing(v any) bool {
	if v == nil {
		return true
	}
	s, ok := v.(string)
	if !ok || f.Default != nil {
		return false
	}
	return s == "" || f.Required && strings.TrimSpace(s) == ""
}

// typeFault is the fault of a value of another type than the field's.
func (f target) typeFault(v any) *Fault {
	noun := nouns[f.Type]
	given := f.show(v)
	switch v.(type) {
	case string, bool, int, int32, int64, float32, float64, json.Number:
		if f.Type == TypeList || f.Type == TypeObject {
			given = kind(v)
		}
	default:
		given = kind(v)
	}
	message := f.name() + " must be " + noun
	fault := f.fault(FaultType, v, message, f.example("give "+noun))
	if given != "" && !f.HoldsSecret() {
		fault.Message += ", and " + given + " is not"
		fault.Given = given
	}
	return fault
}

// line is text without line breaks. White space around it is refused and not trimmed: a value must be kept as given.
func line(f target, v any) (any, *Fault) {
	s, fault := singleLine(f, v)
	if fault != nil {
		return nil, fault
	}
	return checkText(f, s)
}

func singleLine(f target, v any) (string, *Fault) {
	s, ok := v.(string)
	if !ok {
		return "", f.typeFault(v)
	}
	if fault := f.checkCharacters(s, func(r rune) bool { return unicode.IsControl(r) }); fault != nil {
		return "", fault
	}
	if strings.TrimSpace(s) != s {
		return "", f.fault(FaultWhitespace, s, fmt.Sprintf("%s has white space around its value %s", f.name(), f.show(s)),
			"remove it: "+quote(strings.TrimSpace(s)))
	}
	return s, nil
}

// verbatim is text that is taken exactly as given, line breaks and all.
func verbatim(f target, v any) (any, *Fault) {
	s, ok := v.(string)
	if !ok {
		return nil, f.typeFault(v)
	}
	fault := f.checkCharacters(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) })
	if fault != nil {
		return nil, fault
	}
	return checkText(f, s)
}

func (f target) checkCharacters(s string, refused func(rune) bool) *Fault {
	if !utf8.ValidString(s) {
		return f.fault(FaultCharacters, s, f.name()+" is not UTF-8 text", "save the value as UTF-8")
	}
	if i := strings.IndexFunc(s, refused); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		at := utf8.RuneCountInString(s[:i]) + 1
		return f.fault(FaultCharacters, s, fmt.Sprintf("%s has the control character U+%04X at position %d", f.name(), r, at), "remove it")
	}
	return nil
}

func ipv4(f target, v any) (any, *Fault) {
	s, fault := singleLine(f, v)
	if fault != nil {
		return nil, fault
	}
	// ParseAddr refuses leading zeros, which some systems read as octal.
	if addr, err := netip.ParseAddr(s); err != nil || !addr.Is4() {
		remedy := f.example("write four numbers from 0 to 255 with dots between them and no leading zeros")
		if before, _, ok := strings.Cut(s, "/"); ok {
			if _, err := netip.ParseAddr(before); err == nil {
				remedy = "leave the prefix length out: " + quote(before)
			}
		}
		return nil, f.fault(FaultType, s, fmt.Sprintf("%s must be an IPv4 address, and %s is not", f.name(), f.show(s)), remedy)
	}
	return s, nil
}

func hostname(f target, v any) (any, *Fault) {
	s, fault := singleLine(f, v)
	if fault != nil {
		return nil, fault
	}
	if reason := hostnameReason(s); reason != "" {
		return nil, f.fault(FaultType, s, fmt.Sprintf("%s must be a DNS name, and %s is not: %s", f.name(), f.show(s), reason),
			f.example("use letters, digits and hyphens, with dots between the parts"))
	}
	return checkText(f, s)
}

// hostnameReason says why s is no host name as RFC 1123 2.1 has it; empty when it is one.
func hostnameReason(s string) string {
	if len(s) > 253 {
		return "it is longer than 253 characters"
	}
	for _, label := range strings.Split(s, ".") {
		switch {
		case label == "":
			return "a part between its dots is empty"
		case len(label) > 63:
			return "a part is longer than 63 characters"
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "a part begins or ends with a hyphen"
		}
		for _, r := range label {
			if r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
				return fmt.Sprintf("it has the character %q", r)
			}
		}
	}
	return ""
}

func enum(f target, v any) (any, *Fault) {
	s, ok := v.(string)
	if !ok || !slices.Contains(f.Validations.OneOf, s) {
		return nil, f.oneOfFault(v)
	}
	return s, nil
}

func (f target) oneOfFault(v any) *Fault {
	given := f.show(v)
	if _, ok := v.(string); !ok {
		given = kind(v)
	}
	fault := f.fault(FaultOneOf, v, fmt.Sprintf("%s has no value %s", f.name(), given), "use "+quotedList(f.Validations.OneOf))
	fault.Given = given
	if s, ok := v.(string); ok {
		if near := nearest(s, f.Validations.OneOf); near != "" {
			fault.Remedy += "; " + quote(near) + " is close"
		}
	}
	return fault
}

func boolean(f target, v any) (any, *Fault) {
	switch v {
	case true, "true":
		return true, nil
	case false, "false":
		return false, nil
	}
	return nil, f.typeFault(v)
}

// checkText holds text that has the right type to the field's lengths and pattern.
func checkText(f target, s string) (any, *Fault) {
	rules := &f.Validations
	length := utf8.RuneCountInString(s)
	if rules.MinLength != nil && length < *rules.MinLength {
		return nil, f.fault(FaultMinLength, s, fmt.Sprintf("%s must have at least %s, and has %d", f.name(),
			characters(*rules.MinLength), length), f.example("use a longer value"))
	}
	if rules.MaxLength != nil && length > *rules.MaxLength {
		return nil, f.fault(FaultMaxLength, s, fmt.Sprintf("%s must have at most %s, and has %d", f.name(),
			characters(*rules.MaxLength), length), "use a shorter value")
	}
	if rules.pattern != nil && !rules.pattern.MatchString(s) {
		message, remedy := f.name()+" does not have the form that the schema asks for", "match the pattern "+rules.Pattern
		if !f.Secret() {
			message = fmt.Sprintf("%s cannot be %s", f.name(), f.show(s))
		}
		if rules.PatternDescription != "" {
			remedy = "use " + rules.PatternDescription
		}
		return nil, f.fault(FaultPattern, s, message, f.example(remedy))
	}
	return s, nil
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}
