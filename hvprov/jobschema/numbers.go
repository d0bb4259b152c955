// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

func integer(f target, v any) (any, *Fault) {
	n, ok := toInt64(v)
	if !ok {
		return nil, f.typeFault(v)
	}
	if fault := f.checkRange(float64(n), v); fault != nil {
		return nil, fault
	}
	return n, nil
}

func number(f target, v any) (any, *Fault) {
	n, ok := toFloat64(v)
	if !ok {
		return nil, f.typeFault(v)
	}
	if fault := f.checkRange(n, v); fault != nil {
		return nil, fault
	}
	return n, nil
}

// toInt64 takes what is a whole number without doubt: 8.0 is one, 8.9 and true are not. Text must be what strconv would
// write, so that "007", "+8" and "1_0" are refused.
func toInt64(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case float32:
		return toInt64(float64(v))
	case float64:
		// 2^63 itself is a float64 and no int64.
		if v != math.Trunc(v) || v < -1<<63 || v >= 1<<63 {
			return 0, false
		}
		return int64(v), true
	case json.Number:
		return toInt64FromJSON(string(v))
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil && strconv.FormatInt(n, 10) == v
	}
	return 0, false
}

// toInt64FromJSON takes 8, 8.0 and 80e-1 alike: JSON says of numbers what they are, not how they are written.
func toInt64FromJSON(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	// A float64 first: it bounds the exponent that big.Rat would otherwise write out digit by digit.
	if f, err := strconv.ParseFloat(text, 64); err != nil || math.Abs(f) > 1<<63 || f == 0 || math.Abs(f) < 0.5 {
		return 0, err == nil && f == 0 && json.Valid([]byte(text))
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() || !json.Valid([]byte(text)) {
		return 0, false
	}
	return r.Num().Int64(), true
}

// toFloat64 takes finite numbers. Numbers that a job definition could not hold, from 2^63 on, are none.
func toFloat64(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case float32:
		f = float64(v)
	case int, int32, int64:
		n, _ := toInt64(v)
		f = float64(n)
	case json.Number:
		return toFloat64(string(v))
	case string:
		var err error
		// ParseFloat takes more than JSON does, such as "inf", "0x1p3" and "1_0".
		if f, err = strconv.ParseFloat(v, 64); err != nil || !json.Valid([]byte(v)) || v[0] == ' ' || v[len(v)-1] == ' ' {
			return 0, false
		}
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && math.Abs(f) < 1<<63
}

func (f target) checkRange(n float64, v any) *Fault {
	low, high := f.Validations.Minimum, f.Validations.Maximum
	rule := ""
	switch {
	case low != nil && n < *low:
		rule = FaultMinimum
	case high != nil && n > *high:
		rule = FaultMaximum
	default:
		return nil
	}
	return f.fault(rule, v, fmt.Sprintf("%s must be %s, and is %s", f.name(), f.rangeText(), formatNumber(n)),
		f.example("use a value "+f.rangeText()))
}

// rangeText says which numbers the field takes, for example "from 1 to 512"; empty when it takes any.
func (f *Field) rangeText() string {
	low, high := f.Validations.Minimum, f.Validations.Maximum
	switch {
	case low != nil && high != nil:
		return "from " + formatNumber(*low) + " to " + formatNumber(*high)
	case low != nil:
		return formatNumber(*low) + " or more"
	case high != nil:
		return formatNumber(*high) + " or less"
	}
	return ""
}

func formatNumber(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}
