// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Readers, changes and answers come in random order, and answers fail at random. Whatever happens: no snapshot is replaced
// by one that was asked for earlier, and no reader gets what was out of date when it asked.
func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { interleave(t, rand.New(rand.NewPCG(seed, 1))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func interleave(t *testing.T, random *rand.Rand) {
	fetch, questions := asking()
	s := newStore(t, inventory.Options{Fetch: fetch}, "hv01")
	world := 0 // what the host would answer now
	type open struct {
		question

		world int
	}
	var asked []open
	lost := errors.New("lost")
	readers := make(chan error, 100)
	reading, last := 0, uint64(0)

	collect := func() {
		synctest.Wait()
		for len(questions) > 0 {
			asked = append(asked, open{<-questions, world})
		}
		if seen := peek(t, s, "hv01").Snapshot; seen != nil {
			if seen.Seq < last {
				t.Errorf("snapshot %d was replaced by %d", last, seen.Seq)
			}
			last = seen.Seq
		}
	}
	answer := func() {
		i := random.IntN(len(asked))
		q := asked[i]
		asked = append(asked[:i], asked[i+1:]...)
		if random.IntN(4) == 0 {
			q.fail(lost)
		} else {
			q.say(job.VM{ID: "a", Name: strconv.Itoa(q.world)})
		}
	}
	read := func() {
		then := world
		reading++
		go func() {
			snapshot, err := s.Get(t.Context(), "hv01")
			if err == nil {
				if seen, _ := strconv.Atoi(snapshot.VMs[0].Name); seen < then {
					err = fmt.Errorf("a reader has seen %d where there was %d already", seen, then)
				}
			} else if errors.Is(err, lost) {
				err = nil
			}
			readers <- err
		}()
	}
	for range 60 {
		switch n := random.IntN(10); {
		case n < 3:
			world++
			s.Invalidate("hv01")
		case n < 7:
			read()
		case len(asked) > 0:
			answer()
		}
		collect()
	}
	for ; reading > 0; reading-- {
		for collect(); len(asked) > 0; collect() {
			answer()
		}
		if err := <-readers; err != nil {
			t.Error(err)
		}
	}
}
