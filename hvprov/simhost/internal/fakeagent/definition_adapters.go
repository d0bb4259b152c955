// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const macWanted = "six pairs of the digits 0 to 9 and A to F, joined by hyphens, with the first pair even"

var (
	macPattern  = regexp.MustCompile(`^[0-9A-F][02468ACE](-[0-9A-F]{2}){5}$`)
	controlCode = regexp.MustCompile("[\x00-\x1f\x7f]")
)

// wantedAdapters says which part of a list of network adapters must be something else, and what; nothing when all are right.
func wantedAdapters(value any) (at, wants string) {
	list, ok := value.([]any)
	if !ok {
		return "network_adapters", "a list"
	}
	names := make([]string, 0, len(list))
	for i, item := range list {
		here := fmt.Sprintf("network_adapters[%d]", i)
		part, ok := item.(map[string]any)
		if !ok {
			return here, "an object"
		}
		name, _ := part["name"].(string)
		if name == "" || len([]rune(name)) > 64 || controlCode.MatchString(name) {
			return here + ".name", "a name of 1 to 64 characters"
		}
		if text, _ := part["switch_name"].(string); text == "" {
			return here + ".switch_name", "text"
		}
		for _, id := range []string{"vlan_id", "mac_address"} {
			if part[id] == nil {
				continue
			}
			if wants := wanted(id, part[id]); wants != "" {
				return here + "." + id, wants
			}
		}
		if j := slices.IndexFunc(names, func(other string) bool { return strings.EqualFold(other, name) }); j >= 0 {
			return here + ".name", fmt.Sprintf("another name than network_adapters[%d].name", j)
		}
		names = append(names, name)
	}
	return "", ""
}
