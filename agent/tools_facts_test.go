// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// facts returns the rows of a file of facts about Hyper-V.
func facts(t *testing.T, name string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "internal", "simhost", "standin", "facts", name))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	return rows[1:]
}

func TestTheCheckExpectsTheFactsOfHyperV(t *testing.T) {
	t.Parallel()
	script := string(agent.HostCheckScript())
	expected := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^    '([\w-]+)' +=  ?'([^']*)'$`).FindAllStringSubmatch(script, -1) {
		expected[m[1]] = m[2]
	}
	// want checks one entry of the table; what no public source tells may be any value.
	want := func(name, value, source string) {
		t.Helper()
		got, found := expected[name]
		if !found || got != value && !strings.HasPrefix(got, value+"|") && (got != "*" || source != "unknown") {
			t.Errorf("the check expects %q as %s, want %q", got, name, value)
		}
	}
	for _, row := range facts(t, "errors.tsv") {
		if name, checked := map[string]string{"missing_by_id": "get-vm-missing-id", "missing_by_name": "get-vm-missing-name", "missing_disk": "get-vhd-missing"}[row[0]]; checked {
			want(name, row[2]+" "+row[3], row[4])
		}
	}
	for _, row := range facts(t, "defaults.tsv") {
		if row[1] == "2" { // the generation of the virtual machine that the check creates
			want("new-vm-"+strings.ToLower(row[0]), row[2], row[3])
		}
	}
	for _, row := range facts(t, "changes.tsv") {
		names := map[string]string{
			"firmware Running": "running-secure-boot", "secure boot template with TPM Off": "template-with-tpm", "processors Running": "running-processor", "notes Running": "running-notes",
			"boot order Off": "boot-order", "boot order Running": "running-boot-order",
		}
		if name, checked := names[row[0]+" "+row[1]]; checked {
			want(name, row[3], row[4])
		}
	}
	for _, row := range facts(t, "aliases.tsv") {
		if name := "alias-" + strings.ToLower(row[0]); expected[name] != "" {
			want(name, "Alias "+row[1], row[2])
		}
	}
	for _, row := range facts(t, "outputs.tsv") {
		if row[0] == "Get-VMKeyProtector" && row[1] == "one byte array" {
			want("key-protector-objects", "1", row[2])
		}
	}
	var states []string
	for _, row := range facts(t, "states.tsv") {
		states = append(states, row[0])
	}
	if !strings.Contains(script, "$script:CheckStates = '"+strings.Join(states, " ")+"'\n") {
		t.Errorf("the check does not know the states %q", states)
	}
	properties := map[string][]string{}
	for _, row := range facts(t, "properties.tsv") {
		properties[row[0][strings.LastIndex(row[0], ".")+1:]] = strings.Fields(row[1])
	}
	classes := regexp.MustCompile(`(?m)^    (\w+) +=  ?'((?:\w+ ?)+)'$`).FindAllStringSubmatch(script, -1)
	if len(classes) < 10 {
		t.Errorf("the check has the properties of %d classes", len(classes))
	}
	for _, m := range classes {
		for _, name := range strings.Fields(m[2]) {
			if !slices.Contains(properties[m[1]], name) {
				t.Errorf("the check expects %s.%s, which the class does not have", m[1], name)
			}
		}
	}
}
