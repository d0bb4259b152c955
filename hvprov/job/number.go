// SPDX-License-Identifier: MPL-2.0

package job

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// parseNumber gives an int64 where it holds the value, so that a number is written the same way however it was given.
func parseNumber(n json.Number) (any, error) {
	text := string(n)
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errNumberRange
	}
	return exactNumber(f)
}

var errNumberRange = errors.New("a number that is out of range")

// exactNumber gives f as an int64 where it is whole. Numbers that an int64 could not hold are refused, since JSON does
// not tell a large whole number from a float64 that was rounded.
func exactNumber(f float64) (any, error) {
	if math.IsNaN(f) || math.Abs(f) >= 1<<63 {
		return nil, errNumberRange
	}
	if f == math.Trunc(f) {
		return int64(f), nil
	}
	return f, nil
}
