// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// fakeHost answers each request after a time for each virtual machine that it returns, and records the requests.
type fakeHost struct {
	vms     int           // named by their index
	each    time.Duration // for each virtual machine
	network time.Duration // for each request

	mu       sync.Mutex
	requests []string // "all", or the GUIDs in their order
	failAll  error
	answer   func(*protocol.InventoryResult)
}

func (h *fakeHost) log(request string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, request)
}

func (h *fakeHost) drain() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	requests := h.requests
	h.requests = nil
	return requests
}

func (h *fakeHost) options() inventorycache.Options {
	wait := func(ctx context.Context, n int) error {
		select {
		case <-time.After(h.network + time.Duration(n)*h.each):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return inventorycache.Options{
		Fetch: func(ctx context.Context, _ string) (*inventory.Snapshot, error) {
			h.log("all")
			if h.failAll != nil {
				return nil, h.failAll
			}
			s := &inventory.Snapshot{}
			for i := range h.vms {
				s.VMs = append(s.VMs, job.VM{ID: vmID(i)})
			}
			return s, wait(ctx, h.vms)
		},
		FetchVMs: func(ctx context.Context, _ string, ids []string) (protocol.InventoryResult, error) {
			h.log(strings.Join(ids, " "))
			var result protocol.InventoryResult
			for _, id := range ids {
				if i, err := strconv.Atoi(strings.TrimPrefix(id, "vm-")); err == nil && i < h.vms {
					result.VMs = append(result.VMs, job.VM{ID: id})
				}
			}
			if h.answer != nil {
				h.answer(&result)
			}
			result.ReadMS = (time.Duration(len(ids)) * h.each).Milliseconds()
			return result, wait(ctx, len(ids))
		},
	}
}

func vmID(i int) string { return fmt.Sprintf("vm-%d", i) }

// readAll reads virtual machines with a number of concurrent readers.
func readAll(t *testing.T, c *inventorycache.Cache, n, readers int) {
	t.Helper()
	slots := make(chan struct{}, readers)
	var reads sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		reads.Go(func() {
			defer func() { <-slots }()
			if vm, err := c.GetVM(t.Context(), "hv01", vmID(i)); err != nil || vm.VM == nil || vm.VM.ID != vmID(i) {
				t.Errorf("virtual machine %d: got %+v and %v", i, vm, err)
			}
		})
		synctest.Wait()
	}
	reads.Wait()
}

func TestAReadOfOneVirtualMachineAsksForThatOneOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &fakeHost{vms: 300, each: 165 * time.Millisecond}
		opts := host.options()
		c := newCache(t, opts, "hv01")
		for _, step := range []struct {
			name string
			do   func()
			want []string
		}{
			{"first read", func() {}, []string{"vm-7"}},
			{"again", func() {}, nil},
			{"after the maximum age", func() { time.Sleep(inventorycache.DefaultMaxAge) }, []string{"vm-7"}},
			{"after a job of it", func() { c.InvalidateVM("HV01", "VM-7") }, []string{"vm-7"}},
			{"after a job of another one", func() { c.InvalidateVM("hv01", "vm-8") }, nil},
			{"after a job of a new one", func() { c.InvalidateVM("hv01", "") }, nil},
			{"after Invalidate", func() { c.Invalidate("hv01") }, []string{"vm-7"}},
			{"after a read of all", func() { c.InvalidateVM("hv01", "vm-7"); get(t, c, "hv01") }, []string{"all"}},
			{"after a job of another one, from that snapshot", func() { c.InvalidateVM("hv01", "vm-8") }, nil},
		} {
			step.do()
			if vm, err := c.GetVM(t.Context(), "hv01", "vm-7"); err != nil || vm.VM == nil {
				t.Fatalf("%s: got %+v and %v", step.name, vm, err)
			}
			if got := host.drain(); step.name != "after a read of all" && !slices.Equal(got, step.want) {
				t.Errorf("%s: requests %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestConcurrentReadsByIDShareRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &fakeHost{vms: 300, each: 365 * time.Millisecond}
		c := newCache(t, host.options(), "hv01")
		var readers sync.WaitGroup
		for _, id := range []string{"vm-0", "vm-0", "vm-1", "vm-2", "VM-1", "vm-3", "vm-0"} {
			readers.Go(func() {
				if vm, err := c.GetVM(t.Context(), "hv01", strings.ToLower(id)); err != nil || vm.VM == nil {
					t.Errorf("%s: got %+v and %v", id, vm, err)
				}
			})
			synctest.Wait()
		}
		readers.Wait()
		if got := host.drain(); !slices.Equal(got, []string{"vm-0", "vm-1 vm-2 vm-3"}) {
			t.Errorf("requests %q", got)
		}
	})
}

// Terraform reads ten resources at a time, or, of one of many hosts, one after the other.
func TestAHundredReadsByIDTakeFewRequestsAndNoMoreOfTheHostThanTheyNeed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		each    time.Duration
		network time.Duration
		failAll error
		atOnce  int
		want    int // requests
		all     int // of them, for all virtual machines
	}{
		{"a quick host is asked for all", 2 * time.Millisecond, 0, nil, 10, 3, 1},
		{"a quick host behind a slow network is asked for all", 2 * time.Millisecond, time.Second, nil, 10, 3, 1},
		{"a slow host is asked for those that are read", 365 * time.Millisecond, 0, nil, 10, 12, 0},
		{"a quick host that cannot return all is asked for those that are read", 2 * time.Millisecond, 0, errors.New("limit"), 10, 13, 1},
		{"a quick host that is asked for one after the other is asked for all", 2 * time.Millisecond, 0, nil, 1, 11, 1},
		{"a slow host that is asked for one after the other is asked for those that are read", 365 * time.Millisecond, 0, nil, 1, 100, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				host := &fakeHost{vms: 300, each: test.each, network: test.network, failAll: test.failAll}
				opts := host.options()
				opts.MaxAge = time.Minute
				c := newCache(t, opts, "hv01")
				begin := time.Now()
				readAll(t, c, 100, test.atOnce)
				took, requests := time.Since(begin), host.drain()
				all := 0
				for _, request := range requests {
					if request == "all" {
						all++
					}
				}
				t.Logf("%d requests, %d for all, %v", len(requests), all, took)
				if len(requests) > test.want || all != test.all || took > time.Minute {
					t.Errorf("%d requests, %d for all, in %v; want at most %d, %d, 1 minute: %q", len(requests), all, took, test.want, test.all, requests)
				}
			})
		})
	}
}

// A plan for many machines reads those of each host one after the other.
func TestAFewReadsOfEachOfManyHostsAreFollowedByOneForAll(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ hosts, vms, want, all int }{
		"ten machines on each of five hosts": {5, 10, 3, 5},
		"two machines on each of five hosts": {5, 2, 2, 0},
		"five machines on one host":          {1, 5, 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				host := &fakeHost{vms: test.hosts * test.vms, each: 2 * time.Millisecond}
				var names []string
				for i := range test.hosts {
					names = append(names, "hv"+strconv.Itoa(i))
				}
				c := newCache(t, host.options(), names...)
				for i := range test.hosts * test.vms {
					if vm, err := c.GetVM(t.Context(), names[i%test.hosts], vmID(i)); err != nil || vm.VM == nil {
						t.Errorf("virtual machine %d: got %+v and %v", i, vm, err)
					}
				}
				requests := host.drain()
				all := 0
				for _, request := range requests {
					if request == "all" {
						all++
					}
				}
				if len(requests) > test.want*test.hosts || all != test.all {
					t.Errorf("%d requests, %d for all: %q", len(requests), all, requests)
				}
			})
		})
	}
}

func TestWhatIsNotOnTheHostIsAskedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &fakeHost{vms: 1, answer: func(r *protocol.InventoryResult) {
			r.Host.Name = "NODE1"
			r.Elsewhere = []protocol.Elsewhere{{ID: "VM-5", Node: "hv02"}}
			r.Partial = []string{"disks were not read"}
		}}
		c := newCache(t, host.options(), "hv01")
		for range 2 {
			vm, err := c.GetVM(t.Context(), "hv01", "vm-5")
			if err != nil || vm.VM != nil || vm.Host != "NODE1" || vm.Elsewhere == nil || vm.Elsewhere.Node != "hv02" || len(vm.Partial) != 1 {
				t.Errorf("got %+v and %v", vm, err)
			}
		}
		if got := host.drain(); len(got) != 2 {
			t.Errorf("requests %q, want 2", got)
		}
		if n := c.PartialAnswers("HV01"); n != 2 {
			t.Errorf("%d partial answers, want 2", n)
		}
	})
}

func TestARequestByIDThatNobodyWaitsForIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &fakeHost{vms: 2, each: time.Hour}
		c := newCache(t, host.options(), "hv01")
		first, cancelFirst := context.WithCancel(t.Context())
		second, cancelSecond := context.WithTimeout(t.Context(), time.Minute)
		defer cancelSecond()
		results := make(chan error, 3)
		read := func(ctx context.Context, id string) {
			go func() { _, err := c.GetVM(ctx, "hv01", id); results <- err }()
			synctest.Wait()
		}
		read(first, "vm-0")
		read(second, "vm-0")
		third, cancelThird := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancelThird()
		read(third, "vm-1") // waits for the request in progress, and is never sent
		cancelFirst()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		for range 2 {
			if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want context.DeadlineExceeded", err)
			}
		}
		synctest.Wait()
		if got := host.drain(); !slices.Equal(got, []string{"vm-0"}) {
			t.Errorf("requests %q", got)
		}
		host.each = 0
		if vm, err := c.GetVM(t.Context(), "hv01", "vm-0"); err != nil || vm.VM == nil {
			t.Errorf("got %+v and %v", vm, err)
		}
	})
}

func TestRemovingAHostEndsReadsByID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := &fakeHost{vms: 2, each: time.Hour}
		c := newCache(t, host.options(), "hv01")
		results := make(chan error, 2)
		for i := range 2 {
			go func() { _, err := c.GetVM(t.Context(), "hv01", vmID(i)); results <- err }()
			synctest.Wait()
		}
		removeHost(t, c, "hv01")
		for range 2 {
			var unknown *inventory.HostUnknownError
			if err := <-results; !errors.As(err, &unknown) {
				t.Errorf("got %v, want a HostUnknownError", err)
			}
		}
	})
}

// Reads of one virtual machine and of all, changes of virtual machines and answers are interleaved at random, and some answers are
// failures. No reader may receive an answer that was out of date when it asked.
func TestNoReadByIDIsAnsweredFromBeforeAChange(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { interleaveVMs(t, rand.New(rand.NewPCG(seed, 2))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func interleaveVMs(t *testing.T, random *rand.Rand) {
	const vms = 3
	type open struct {
		reply    chan error
		versions [vms]int // when it was sent
	}
	var (
		mu       sync.Mutex
		versions [vms]int
		pending  []open
	)
	lost := errors.New("lost")
	ask := func(ctx context.Context) ([vms]int, error) {
		mu.Lock()
		r := open{make(chan error, 1), versions}
		pending = append(pending, r)
		mu.Unlock()
		select {
		case err := <-r.reply:
			return r.versions, err
		case <-ctx.Done():
			return r.versions, context.Cause(ctx)
		}
	}
	vm := func(i, version int) job.VM { return job.VM{ID: vmID(i), Name: strconv.Itoa(version)} }
	c := newCache(t, inventorycache.Options{
		Fetch: func(ctx context.Context, _ string) (*inventory.Snapshot, error) {
			at, err := ask(ctx)
			s := &inventory.Snapshot{}
			for i, version := range at {
				s.VMs = append(s.VMs, vm(i, version))
			}
			return s, err
		},
		FetchVMs: func(ctx context.Context, _ string, ids []string) (result protocol.InventoryResult, err error) {
			at, err := ask(ctx)
			for _, id := range ids {
				i, _ := strconv.Atoi(strings.TrimPrefix(id, "vm-"))
				result.VMs = append(result.VMs, vm(i, at[i]))
			}
			return result, err
		},
	}, "hv01")
	results := make(chan error, 200)
	reading := 0
	check := func(got *job.VM, oldest int, err error) error {
		if errors.Is(err, lost) {
			return nil
		}
		if err != nil {
			return err
		}
		if version, _ := strconv.Atoi(got.Name); version < oldest {
			return fmt.Errorf("a reader of %s received version %d after version %d existed", got.ID, version, oldest)
		}
		return nil
	}
	waiting := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(pending)
	}
	answer := func() {
		mu.Lock()
		i := random.IntN(len(pending))
		r := pending[i]
		pending = slices.Delete(pending, i, i+1)
		mu.Unlock()
		if random.IntN(4) == 0 {
			r.reply <- lost
		} else {
			r.reply <- nil
		}
	}
	settle := func() {
		time.Sleep(100 * time.Millisecond) // longer than a batch waits for readers
		synctest.Wait()
	}
	for range 80 {
		i := random.IntN(vms)
		switch n := random.IntN(10); {
		case n < 3:
			mu.Lock()
			versions[i]++
			mu.Unlock()
			c.InvalidateVM("hv01", vmID(i))
		case n < 6:
			oldest := versions[i]
			reading++
			go func() {
				got, err := c.GetVM(t.Context(), "hv01", vmID(i))
				results <- check(got.VM, oldest, err)
			}()
		case n < 7:
			oldest := versions
			reading++
			go func() {
				s, err := c.Get(t.Context(), "hv01")
				if err != nil {
					results <- check(nil, 0, err)
					return
				}
				var errs []error
				for i := range s.VMs {
					errs = append(errs, check(&s.VMs[i], oldest[i], nil))
				}
				results <- errors.Join(errs...)
			}()
		case waiting() > 0:
			answer()
		}
		if random.IntN(2) == 0 {
			settle()
		} else {
			synctest.Wait()
		}
	}
	for ; reading > 0; reading-- {
		for settle(); waiting() > 0; settle() {
			answer()
		}
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
