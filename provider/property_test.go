// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestRandomSequencesKeepTheInvariants runs random sequences of operations on two simulated hosts, as Terraform runs them: each run is
// another provider. The identifiers of each configuration are written in random spellings. After each operation:
//
//   - no host has two virtual machines of one name,
//   - each virtual machine and each file belongs to a state, or to a run that was killed, whose error tells how to import it,
//   - the state and the configuration equal the host, and a plan is empty in each spelling,
//
// and after the last destroy nothing is left. A failure prints the sequence; HYPERVVM_PROPERTY_SEQUENCES=7 runs the sequence of seed 7,
// and 1-200 those of 200 seeds.
func TestRandomSequencesKeepTheInvariants(t *testing.T) {
	t.Parallel()
	first, count := uint64(1), uint64(10)
	text := os.Getenv("HYPERVVM_PROPERTY_SEQUENCES")
	switch {
	case text != "":
		from, to, found := strings.Cut(text, "-")
		var errFrom, errTo error
		first, errFrom = strconv.ParseUint(from, 10, 64)
		last := first
		if found {
			last, errTo = strconv.ParseUint(to, 10, 64)
		}
		if err := errors.Join(errFrom, errTo); err != nil || last < first {
			t.Fatalf("HYPERVVM_PROPERTY_SEQUENCES is %q, want a seed or two seeds with a hyphen", text)
		}
		count = last - first + 1
	case os.Getenv("HYPERVVM_TEST_FULL") != "":
		count = 1000
	default:
		t.Log("seeds 1 to 10: make property runs 200, HYPERVVM_TEST_FULL=1 runs 1,000")
	}
	t.Logf("seeds %d to %d", first, first+count-1)
	for seed := first; seed < first+count; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, seed)
			defer func() {
				if t.Failed() {
					t.Logf("HYPERVVM_PROPERTY_SEQUENCES=%d:\n%s", seed, strings.Join(w.log, "\n"))
				}
			}()
			for range 4 {
				w.step()
				w.check()
				if t.Failed() {
					return
				}
			}
			w.destroyAll()
		})
	}
}

// step does one random operation that is possible now.
func (w *walk) step() {
	m := w.machines[w.rng.IntN(len(w.machines))]
	if m.state == nil {
		if m.lost != "" {
			w.pick(w.importLost, w.adoptLost, w.createTaken)(m)
		} else {
			w.pick(w.create, w.create, w.createKilled, w.createInterrupted)(m)
		}
		return
	}
	w.pick(w.refresh, w.change, w.change, w.rename, w.drift, w.drift, w.move, w.loseState, w.changeInterrupted, w.destroy,
		w.renameByHand, w.removeByHand, w.moveAndDestroy, w.useAlias, w.swap)(m)
}

func (w *walk) pick(operations ...func(*machine)) func(*machine) {
	return operations[w.rng.IntN(len(operations))]
}

// spell returns a text in other letters that Windows takes for the same.
func spell(rng *rand.Rand, text string) string {
	switch rng.IntN(4) {
	case 0:
		return strings.ToUpper(text)
	case 1:
		return strings.ToLower(text)
	case 2:
		letters := []rune(text)
		for i := range letters {
			if one := string(letters[i]); rng.IntN(2) == 0 {
				letters[i] = []rune(strings.ToUpper(one))[0]
			}
		}
		return string(letters)
	}
	return text
}
