// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var guidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// guid gives a GUID in lower case, or nothing when text is none.
func guid(text string) string {
	if !guidPattern.MatchString(text) {
		return ""
	}
	return strings.ToLower(text)
}

// formatSize gives bytes as people read them.
func formatSize(bytes float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for bytes >= 1024 && i < len(units)-1 {
		bytes /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%.0f %s", bytes, units[i])
	}
	return fmt.Sprintf("%.1f %s", bytes, units[i])
}

// formatNumber gives a number with at most three digits behind the point.
func formatNumber(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }

// formatVLAN names a VLAN in a sentence.
func formatVLAN(id int) string {
	if id > 0 {
		return "VLAN " + strconv.Itoa(id)
	}
	return "untagged"
}

// sortNames sorts as Windows lists names: without regard to case.
func sortNames(names []string) {
	slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(strings.ToUpper(a), strings.ToUpper(b)) })
}
