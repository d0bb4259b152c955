// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// A scenario on the real agent needs a process for each job: the table of the power actions is compared as text.
func TestThePowerActionsAreThoseOfTheAgent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../agent/lib/PowerJob.ps1")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]map[string][]string{}
	for _, line := range regexp.MustCompile(`(?m)^    (\w+) += @\{(.*)\}$`).FindAllStringSubmatch(string(text), -1) {
		states := map[string][]string{}
		for _, pair := range strings.Split(line[2], ";") {
			state, steps, _ := strings.Cut(pair, "=")
			states[strings.TrimSpace(state)] = regexp.MustCompile(`\w+`).FindAllString(steps, -1)
		}
		table[line[1]] = states
	}
	if !reflect.DeepEqual(table, powerActions) {
		t.Errorf("the agent has %v, the fake agent %v", table, powerActions)
	}
	names := regexp.MustCompile(`AgentPowerActionNames = (.*)`).FindStringSubmatch(string(text))
	if got := regexp.MustCompile(`\w+`).FindAllString(names[1], -1); !slices.Equal(got, job.PowerActions()) || len(got) != len(table) {
		t.Errorf("the agent has the actions %v", got)
	}
}
