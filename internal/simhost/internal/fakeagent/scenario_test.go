// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

var update = flag.Bool("update", false, "record the behaviour of the real agent in testdata; needs HYPERVVM_PWSH")

// scenario is a sequence of requests and events on a host.
type scenario struct {
	name string
	do   func(s *recorder)
}

// scenarios run on both agents.
var scenarios = slices.Concat(conversations, changes, powers, checkpoints, diskJobs, existingDisks, switchJobs, exports, images, removals, failures, interruptions, guests, media, settings)

// realOnly are the scenarios of what the fake agent does not simulate.
var realOnly = slices.Concat(volumes, clusters, disks, existingOfTheRealAgent, hardware, networks, waits, guestsOfTheRealAgent)

// TestScenarios runs each scenario on the fake agent and, where HYPERVVM_PWSH names a PowerShell, on the real agent, and compares both
// with the recorded behaviour of the real agent. The real agent runs every sixteenth scenario, since a run takes seconds; FULL=1
// and -update run all.
func TestScenarios(t *testing.T) {
	t.Parallel()
	const oneOf = 16
	runs := func(i int) bool { return *update || sample.Takes(i, oneOf) }
	for i, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			for name, start := range backends(t) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					if name == "real" && !runs(i) {
						t.Skip("the real agent runs every sixteenth scenario; FULL=1 runs all")
					}
					runScenario(t, sc, start, *update && name == "real")
				})
			}
		})
	}
	for i, sc := range realOnly {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			start := backends(t)["real"]
			if start == nil {
				t.Skip("the fake agent does not simulate this: set HYPERVVM_PWSH to run the scenario on the real agent")
			}
			if !runs(i) {
				t.Skip("the real agent runs every sixteenth scenario; FULL=1 runs all")
			}
			runScenario(t, sc, start, *update)
		})
	}
}

func runScenario(t *testing.T, sc scenario, start startFunc, record bool) {
	t.Helper()
	dir := t.TempDir()
	store, err := hyperv.Open(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := &recorder{T: t, store: store, dir: dir, ids: map[string]string{}, conversation: start(t, store)}
	sc.do(s)
	if code := s.end(t); code != 0 {
		t.Errorf("session ended with exit code %d", code)
	}
	if len(s.unframed) > 0 {
		t.Errorf("output without a frame: %q", s.unframed)
	}
	s.section("the host afterwards")
	s.recordHost()
	compare(t, strings.ReplaceAll(sc.name, " ", "_"), s.lines, record)
}

// compare compares recorded lines with a file in testdata, or writes it.
func compare(t *testing.T, name string, lines []string, record bool) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if record {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(raw), "\r\n", "\n")), "\n")
	for i := range max(len(want), len(lines)) {
		if w, g := lineAt(want, i), lineAt(lines, i); w != g {
			t.Errorf("line %d of %s:\n got %s\nwant %s", i+1, path, g, w)
		}
	}
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
