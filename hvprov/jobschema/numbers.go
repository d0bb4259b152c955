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
	if fault := f.checkNumber(new(big.Float).SetInt64(n), v); fault != nil {
		return nil, fault
	}
	return n, nil
}

func number(f target, v any) (any, *Fault) {
	n, ok := toFloat64(v)
	if !ok {
		return nil, f.typeFault(v)
	}
	if fault := f.checkNumber(big.NewFloat(n), v); fault != nil {
		return nil, fault
	}
	return n, nil
}

// toInt64 converts an exact whole number: 8.0, but not 8.9 or true. Text must be in the form of strconv: "007", "+8" and "1_0" are
// refused.
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
		// 2^63 is a float64, but not an int64.
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

// toInt64FromJSON converts 8, 8.0 and 80e-1, which are the same number in JSON.
func toInt64FromJSON(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	// ParseFloat first: big.Rat would write out a huge exponent digit by digit.
	if f, err := strconv.ParseFloat(text, 64); err != nil || math.Abs(f) > 1<<63 || f == 0 || math.Abs(f) < 0.5 {
		return 0, err == nil && f == 0 && json.Valid([]byte(text))
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() || !json.Valid([]byte(text)) {
		return 0, false
	}
	return r.Num().Int64(), true
}

// toFloat64 converts finite numbers below 2^63, which a job definition can hold.
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
		// ParseFloat accepts more than JSON does, such as "inf", "0x1p3" and "1_0".
		if f, err = strconv.ParseFloat(v, 64); err != nil || !json.Valid([]byte(v)) || v[0] == ' ' || v[len(v)-1] == ' ' {
			return 0, false
		}
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && math.Abs(f) < 1<<63
}

func (f target) checkNumber(n *big.Float, v any) *Fault {
	if fault := f.checkRange(n, v); fault != nil {
		return fault
	}
	return f.checkMultiple(n, v)
}

// checkMultiple reports a number that is no multiple, with the nearest ones.
func (f target) checkMultiple(n *big.Float, v any) *Fault {
	unit := f.Validations.MultipleOf
	if unit == nil {
		return nil
	}
	if x, accuracy := n.Float64(); accuracy == big.Exact && math.Mod(x, *unit) == 0 {
		return nil
	}
	exact, _ := n.Rat(nil)
	step := new(big.Rat).SetFloat64(*unit)
	quotient := new(big.Rat).Quo(exact, step)
	if quotient.IsInt() {
		return nil
	}
	below := new(big.Int).Div(quotient.Num(), quotient.Denom()) // the quotient of Euclidean division: rounded down
	var near []string
	for range 2 {
		x, _ := new(big.Rat).Mul(new(big.Rat).SetInt(below), step).Float64()
		if f.checkRange(big.NewFloat(x), x) == nil {
			near = append(near, formatNumber(x))
		}
		below = new(big.Int).Add(below, big.NewInt(1))
	}
	return f.fault(ruleMultipleOf, v, fmt.Sprintf("must be %s, but is %s", f.multipleText(), formatBigNumber(n)), "use "+wordList(near, "or"))
}

// multipleText returns the multiple that a number must be, as a fraction where that is shorter.
func (f *Field) multipleText() string {
	unit := f.Validations.MultipleOf
	if unit == nil {
		return ""
	}
	text := formatNumber(*unit)
	if whole := 1 / *unit; *unit < 1 && whole == math.Trunc(whole) {
		text = "1/" + formatNumber(whole)
	}
	return "a multiple of " + text
}

// isZero reports whether v is the number 0, in one of the forms that [Field.Check] accepts.
func isZero(v any) bool {
	n, ok := toFloat64(v)
	return ok && n == 0
}

// checkRange compares exactly: a float64 does not tell 2^53 and 2^53+1 apart.
func (f target) checkRange(n *big.Float, v any) *Fault {
	low, high := f.Validations.Minimum, f.Validations.Maximum
	rule := ""
	switch {
	case low != nil && n.Cmp(big.NewFloat(*low)) < 0:
		rule = ruleMinimum
	case high != nil && n.Cmp(big.NewFloat(*high)) > 0:
		rule = ruleMaximum
	default:
		return nil
	}
	remedy := "use a value of " + f.rangeText()
	if low != nil && high != nil {
		remedy = "use a value " + f.rangeText()
	}
	return f.fault(rule, v, fmt.Sprintf("must be %s, but is %s", f.rangeText(), formatBigNumber(n)), f.example(remedy))
}

// rangeText returns the allowed numbers, for example "between 1 and 512"; empty if all are.
func (f *Field) rangeText() string {
	low, high := f.Validations.Minimum, f.Validations.Maximum
	switch {
	case low != nil && high != nil:
		return "between " + formatNumber(*low) + " and " + formatNumber(*high)
	case low != nil:
		return "at least " + formatNumber(*low)
	case high != nil:
		return "at most " + formatNumber(*high)
	}
	return ""
}

func formatBigNumber(n *big.Float) string {
	if i, accuracy := n.Int64(); accuracy == big.Exact {
		return strconv.FormatInt(i, 10)
	}
	f, _ := n.Float64()
	return formatNumber(f)
}

func formatNumber(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}
