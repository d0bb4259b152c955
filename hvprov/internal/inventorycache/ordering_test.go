// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Reads, changes of the host and answers are interleaved at random, and some answers are failures. A snapshot must never be
// replaced by one that was requested earlier, and no reader may receive one that was out of date when it called Get.
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
	fetch, requests := controlledFetch()
	c := newCache(t, inventorycache.Options{Fetch: fetch}, "hv01")
	version := 0 // of the host's contents
	type openRequest struct {
		request

		version int // when it was sent
	}
	var open []openRequest
	lost := errors.New("lost")
	readers := make(chan error, 100)
	reading, lastSeq := 0, uint64(0)

	collect := func() {
		synctest.Wait()
		for len(requests) > 0 {
			open = append(open, openRequest{<-requests, version})
		}
		if s := cached(t, c, "hv01").Snapshot; s != nil {
			if s.Seq < lastSeq {
				t.Errorf("snapshot %d was replaced by %d", lastSeq, s.Seq)
			}
			lastSeq = s.Seq
		}
	}
	answer := func() {
		i := random.IntN(len(open))
		r := open[i]
		open = append(open[:i], open[i+1:]...)
		if random.IntN(4) == 0 {
			r.fail(lost)
		} else {
			r.succeed(job.VM{ID: "a", Name: strconv.Itoa(r.version)})
		}
	}
	read := func() {
		oldest := version
		reading++
		go func() {
			snapshot, err := c.Get(t.Context(), "hv01")
			if err == nil {
				if got, _ := strconv.Atoi(snapshot.VMs[0].Name); got < oldest {
					err = fmt.Errorf("a reader received version %d after version %d existed", got, oldest)
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
			version++
			c.Invalidate("hv01")
		case n < 7:
			read()
		case len(open) > 0:
			answer()
		}
		collect()
	}
	for ; reading > 0; reading-- {
		for collect(); len(open) > 0; collect() {
			answer()
		}
		if err := <-readers; err != nil {
			t.Error(err)
		}
	}
}
