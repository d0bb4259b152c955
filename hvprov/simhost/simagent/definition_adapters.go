// SPDX-License-Identifier: MPL-2.0

package simagent

import (
	"fmt"
	"regexp"
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
	for i, item := range list {
		here := fmt.Sprintf("network_adapters[%d]", i)
		part, ok := item.(map[string]any)
		if !ok {
			return here, "an object"
		}
		if name, _ := part["name"].(string); name == "" || len([]rune(name)) > 64 || controlCode.MatchString(name) {
			return here + ".name", "a name of 1 to 64 characters"
		}
		if name, _ := part["switch_name"].(string); name == "" {
			return here + ".switch_name", "text"
		}
		for _, name := range []string{"vlan_id", "mac_address"} {
			if part[name] == nil {
				continue
			}
			if wants := wanted(name, part[name]); wants != "" {
				return here + "." + name, wants
			}
		}
		for j := range i {
			if strings.EqualFold(list[j].(map[string]any)["name"].(string), part["name"].(string)) {
				return here + ".name", fmt.Sprintf("another name than network_adapters[%d].name", j)
			}
		}
	}
	return "", ""
}
