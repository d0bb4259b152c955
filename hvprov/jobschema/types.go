// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// typeRule is the definition of a type.
type typeRule struct {
	convert func(f target, v any) (any, *Fault) // validates a value that is not missing; nil for lists and objects
	keys    []string                            // keys of validations that apply
}

var (
	lengthKeys = []string{keyMinLength, keyMaxLength, keyPattern, keyPatternDescription}
	numberKeys = []string{keyMinimum, keyMaximum, keyMultipleOf, keyZeroIsNone}
)

var types = map[Type]typeRule{
	TypeString:    {line, append([]string{keyFileName}, lengthKeys...)},
	TypeSecret:    {verbatim, lengthKeys},
	TypeMultiline: {verbatim, lengthKeys},
	TypeInteger:   {integer, numberKeys},
	TypeNumber:    {number, numberKeys},
	TypeBoolean:   {boolean, nil},
	TypeIPv4:      {address(netip.Addr.Is4, "use four numbers from 0 to 255 with dots between them and no leading zeros"), nil},
	TypeIPv6:      {address(netip.Addr.Is6, "use up to eight groups of hexadecimal digits with colons between them"), nil},
	TypeIP:        {address(netip.Addr.IsValid, "use an IPv4 or IPv6 address"), nil},
	TypeMAC:       {mac, nil},
	TypeHostname:  {hostname, []string{keyMaxLength, keyPattern, keyPatternDescription}},
	TypeEnum:      {enum, []string{keyOneOf}},
	TypeList:      {nil, []string{keyMinItems, keyMaxItems, keyUnique, keyUniqueBy}},
	TypeObject:    {nil, nil},
}

func (t Type) known() bool {
	_, ok := types[t]
	return ok
}

// nouns are what a value of a type must be.
var nouns = map[Type]string{
	TypeString: "a line of text", TypeSecret: "text", TypeMultiline: "text", TypeInteger: "a whole number",
	TypeNumber: "a number", TypeBoolean: "true or false", TypeIPv4: "an IPv4 address", TypeIPv6: "an IPv6 address", TypeIP: "an IP address", TypeMAC: "a MAC address",
	TypeHostname: "a DNS name", TypeEnum: "one of its values", TypeList: "a list", TypeObject: "an object",
}

// typeFault returns the fault of a value with a type other than that of the field.
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
	message := "must be " + noun
	if given == "" || f.HoldsSecret() {
		return f.fault(ruleType, v, message, f.example("use "+noun))
	}
	fault := f.fault(ruleType, v, message+", but is "+given, f.example("use "+noun))
	fault.Given = given
	return fault
}

// line converts text without line breaks. White space around it is an error and not trimmed: values are stored as they were set.
func line(f target, v any) (any, *Fault) {
	s, fault := singleLine(f, v)
	if fault != nil {
		return nil, fault
	}
	v, fault = checkText(f, s)
	if fault == nil && f.Validations.FileName && !isFileName(s) {
		return nil, f.fault(ruleFileName, s, "cannot be "+f.show(s)+", which is not valid as the name of a file on Windows",
			`use a name without any of < > : " / \ | ? *, with no dot at either end, and other than that of a device, such as CON or COM1`)
	}
	return v, fault
}

func singleLine(f target, v any) (string, *Fault) {
	s, ok := v.(string)
	if !ok {
		return "", f.typeFault(v)
	}
	if fault := f.checkCharacters(s, unicode.IsControl); fault != nil {
		return "", fault
	}
	if strings.TrimSpace(s) != s {
		return "", f.fault(ruleWhitespace, s, "has leading or trailing white space: "+f.show(s), "use "+quote(strings.TrimSpace(s)))
	}
	return s, nil
}

// verbatim converts text that may have line breaks.
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
		return f.fault(ruleCharacters, s, "is not valid UTF-8", "save the value as UTF-8")
	}
	if i := strings.IndexFunc(s, refused); i >= 0 {
		r, _ := utf8.DecodeRuneInString(s[i:])
		at := utf8.RuneCountInString(s[:i]) + 1
		return f.fault(ruleCharacters, s, fmt.Sprintf("has the control character U+%04X at position %d", r, at), "remove it")
	}
	return nil
}

// address returns the conversion to an IP address that accepts reports true for. An IPv6 address gets the form of RFC 5952, so that it has
// one spelling. A zone, and an IPv4 address in the form of an IPv6 address, mean something on one machine only.
func address(accepts func(netip.Addr) bool, form string) func(target, any) (any, *Fault) {
	return func(f target, v any) (any, *Fault) {
		s, fault := singleLine(f, v)
		if fault != nil {
			return nil, fault
		}
		// ParseAddr refuses leading zeros, which some systems read as octal.
		if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" && !addr.Is4In6() && accepts(addr) {
			return addr.String(), nil
		}
		remedy := f.example(form)
		if before, _, ok := strings.Cut(s, "/"); ok {
			if _, err := netip.ParseAddr(before); err == nil {
				remedy = "remove the prefix length: " + quote(before)
			}
		}
		return nil, f.fault(ruleType, s, "must be "+nouns[f.Type]+", but is "+f.show(s), remedy)
	}
}

// mac converts a MAC address in any of the usual notations to that of Windows: six pairs in capital letters, joined by hyphens. An address
// of a network adapter is not a multicast address: its first pair is even.
func mac(f target, v any) (any, *Fault) {
	s, fault := singleLine(f, v)
	if fault != nil {
		return nil, fault
	}
	digits, ok := macDigits(s)
	if !ok {
		return nil, f.fault(ruleType, s, "must be a MAC address, but is "+f.show(s),
			"use twelve digits from 0 to 9 and A to F: "+quote("00-15-5D-00-10-20")+", "+quote("00:15:5d:00:10:20")+", "+quote("0015.5d00.1020")+" or "+quote("00155D001020"))
	}
	if digits[0]&1 != 0 {
		return nil, f.fault(ruleType, s, "is a multicast address: "+f.show(s), f.example("use an address with an even first pair"))
	}
	pairs := make([]string, len(digits))
	for i, b := range digits {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, "-"), nil
}

// macDigits returns the bytes of a MAC address: pairs joined by hyphens or colons, groups of four digits joined by dots, or digits alone.
func macDigits(s string) ([]byte, bool) {
	if parsed, err := net.ParseMAC(s); err == nil {
		return parsed, len(parsed) == 6
	}
	digits, err := hex.DecodeString(s)
	return digits, err == nil && len(digits) == 6
}

func hostname(f target, v any) (any, *Fault) {
	s, fault := singleLine(f, v)
	if fault != nil {
		return nil, fault
	}
	if reason := hostnameReason(s); reason != "" {
		return nil, f.fault(ruleType, s, "must be a DNS name, but "+f.show(s)+" "+reason,
			f.example("use letters, digits and hyphens, with dots between the parts"))
	}
	return checkText(f, s)
}

// hostnameReason returns why s is not a host name as defined in RFC 1123 2.1; empty if it is one.
func hostnameReason(s string) string {
	if len(s) > 253 {
		return "is longer than 253 characters"
	}
	for _, label := range strings.Split(s, ".") {
		switch {
		case label == "":
			return "has an empty part between its dots"
		case len(label) > 63:
			return "has a part of more than 63 characters"
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "has a part that starts or ends with a hyphen"
		}
		for _, r := range label {
			if r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
				return fmt.Sprintf("has the character %q", r)
			}
		}
	}
	return ""
}

func enum(f target, v any) (any, *Fault) {
	s, ok := v.(string)
	if ok && slices.Contains(f.Validations.OneOf, s) {
		return s, nil
	}
	given, remedy := f.show(v), "use "+quotedList(f.Validations.OneOf)
	if !ok {
		given = kind(v)
	} else if near := nearest(s, f.Validations.OneOf); near != "" {
		remedy += "; did you mean " + quote(near) + "?"
	}
	fault := f.fault(ruleOneOf, v, "cannot be "+given, remedy)
	fault.Given = given
	return nil, fault
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

// checkText checks the length and the pattern of text.
func checkText(f target, s string) (any, *Fault) {
	rules := &f.Validations
	length := utf8.RuneCountInString(s)
	if rules.MinLength != nil && length < *rules.MinLength {
		return nil, f.fault(ruleMinLength, s, fmt.Sprintf("must have at least %s, but has %d", count(*rules.MinLength, "character"), length),
			f.example("use a longer value"))
	}
	if rules.MaxLength != nil && length > *rules.MaxLength {
		return nil, f.fault(ruleMaxLength, s, fmt.Sprintf("must have at most %s, but has %d", count(*rules.MaxLength, "character"), length),
			"use a shorter value")
	}
	if rules.pattern != nil && !rules.pattern.MatchString(s) {
		message, remedy := "does not have the required form", "match the pattern "+rules.Pattern
		if !f.Secret() {
			message = "cannot be " + f.show(s)
		}
		if rules.PatternDescription != "" {
			remedy = "use " + rules.PatternDescription
		}
		return nil, f.fault(rulePattern, s, message, f.example(remedy))
	}
	return s, nil
}
