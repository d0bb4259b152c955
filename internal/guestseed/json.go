// SPDX-License-Identifier: MPL-2.0

package guestseed

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// object is a JSON object whose members have an order.
type object []member

type member struct {
	name  string
	value any // nil, an object, a string, a bool, an int, a []string or a []any
}

// set replaces a member, or appends it.
func (o *object) set(name string, value any) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{name, value})
}

// toJSON returns compact JSON in ASCII, as ConvertTo-GuestJson of the agent writes it. encoding/json escapes other characters.
func toJSON(value any) string {
	var b strings.Builder
	writeJSON(&b, value)
	return b.String()
}

func writeJSON(b *strings.Builder, value any) {
	switch v := value.(type) {
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, m.name)
			b.WriteByte(':')
			writeJSON(b, m.value)
		}
		b.WriteByte('}')
	case []string:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = item
		}
		writeJSON(b, items)
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case string:
		b.WriteByte('"')
		for _, unit := range utf16Of(v) {
			switch {
			case unit == '"' || unit == '\\':
				b.WriteByte('\\')
				b.WriteByte(byte(unit))
			case unit < 32 || unit > 126:
				fmt.Fprintf(b, `\u%04x`, unit)
			default:
				b.WriteByte(byte(unit))
			}
		}
		b.WriteByte('"')
	default:
		fmt.Fprint(b, v)
	}
}

// utf16Of returns a text as .NET has it.
func utf16Of(s string) []uint16 { return utf16.Encode([]rune(s)) }
