// SPDX-License-Identifier: MPL-2.0

// Package sample chooses which cases of a slow test matrix a default run has. HYPERVVM_TEST_FULL=1 runs all.
//
// The choice depends on the agent's scripts: it is the same in each run of a commit, and another one after a change of the agent, so
// that every case runs from time to time.
package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/fnv"
	"os"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// Full reports whether the matrices run whole.
func Full() bool { return os.Getenv("HYPERVVM_TEST_FULL") != "" }

var turn = sync.OnceValue(func() int {
	sum := sha256.Sum256(agent.Bundle())
	return int(binary.BigEndian.Uint16(sum[:]))
})

// Takes reports whether case i of a matrix runs: one of n consecutive cases does.
func Takes(i, n int) bool { return Full() || (i+turn())%n == 0 }

// Turn skips test i of n tests of one kind, unless it is its turn.
func Turn(t *testing.T, i, n int) {
	t.Helper()
	if !Takes(i, n) {
		t.Skipf("one of %d such tests runs, by turns: HYPERVVM_TEST_FULL=1 runs all", n)
	}
}

// OneOf skips a test that is not chosen: about one of n tests is.
func OneOf(t *testing.T, n int) {
	t.Helper()
	name := fnv.New32a()
	_, _ = name.Write([]byte(t.Name()))
	Turn(t, int(name.Sum32()>>1), n) // a positive number where int has 32 bits
}
