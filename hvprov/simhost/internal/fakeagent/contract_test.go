// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

var update = flag.Bool("update", false, "write the accounts in testdata anew, from what this package says")

// TestBothSidesSayTheSame runs each scenario against this package and, where HYPERVVM_PWSH names a PowerShell, against the
// agent itself. Both are held to the account of the scenario in testdata.
func TestBothSidesSayTheSame(t *testing.T) {
	t.Parallel()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Log("the agent itself is left out: HYPERVVM_PWSH names no PowerShell to run it with")
	}
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			t.Run("simulated", func(t *testing.T) {
				t.Parallel()
				play(t, sc, startSimulated)
			})
			if pwsh != "" && !*update {
				t.Run("real", func(t *testing.T) {
					t.Parallel()
					play(t, sc, func(t *testing.T, stateFile string) *conversation { return startReal(t, pwsh, stateFile) })
				})
			}
		})
	}
}

// scenario is something that happens on a host.
type scenario struct {
	name string
	do   func(s *script)
}

// play runs a scenario and compares its account.
func play(t *testing.T, sc scenario, start func(*testing.T, string) *conversation) {
	t.Helper()
	dir := t.TempDir()
	store, err := hyperv.Open(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := &script{T: t, store: store, dir: dir, ids: map[string]string{}, conversation: start(t, store.Path())}
	sc.do(s)
	if code := s.end(t); code != 0 {
		t.Errorf("the session ended with exit code %d", code)
	}
	if len(s.other) > 0 {
		t.Errorf("output that is no frame: %q", s.other)
	}
	s.say("the host afterwards")
	s.shows()
	compare(t, strings.ReplaceAll(sc.name, " ", "_"), s.lines)
}

// compare holds an account to the one in testdata.
func compare(t *testing.T, name string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n")
	have := strings.Split(got, "\n")
	for i := range max(len(want), len(have)) {
		w, h := at(want, i), at(have, i)
		if w != h {
			t.Errorf("line %d of %s:\n got %s\nwant %s", i+1, path, h, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
