// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestOneOfAHundredConcurrentJobsReservesAName(t *testing.T) {
	t.Parallel()
	c := newCache(t, inventorycache.Options{Fetch: fixedInventory()}, "hv01")
	for round := range 20 {
		var mu sync.Mutex
		var won []func()
		var contest sync.WaitGroup
		begin := make(chan struct{})
		for i := range 100 {
			name := []rune("knöpfe-")
			for n := range name { // in a different letter case for each job
				if i>>n&1 == 1 {
					name[n] = unicode.ToUpper(name[n])
				}
			}
			r := inventorycache.Reservation{
				Host: []string{"hv01", "HV01"}[i%2], Name: string(name), Operation: job.OperationProvision, JobID: fmt.Sprint("job-", i),
			}
			if i%10 == 0 {
				r.Name = "\t\u212aNÖPFE- " // U+212A KELVIN SIGN folds to k
			}
			contest.Go(func() {
				<-begin
				release, err := c.Reserve(r)
				mu.Lock()
				defer mu.Unlock()
				var taken *inventory.NameTakenError
				switch {
				case err == nil:
					won = append(won, release)
				case !errors.As(err, &taken) || taken.JobID == "" || taken.JobID == r.JobID || !errors.Is(err, cause.ErrNameTaken):
					t.Errorf("got %v, want a NameTakenError of another job", err)
				}
			})
		}
		close(begin)
		contest.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d jobs hold the name, want 1", round, len(won))
		}
		won[0]()
		won[0]() // no effect
	}
}

func TestReservations(t *testing.T) {
	t.Parallel()
	const host = "hv01"
	provisionWeb := inventorycache.Reservation{Name: "web", Operation: job.OperationProvision, JobID: "job-1"}
	for _, tc := range []struct {
		name  string
		held  []inventorycache.Reservation
		vms   []job.VM
		old   bool // the snapshot is older than MaxAge
		r     inventorycache.Reservation
		taken string // job or virtual machine that has the name
		busy  bool
	}{
		{name: "a free name", r: provisionWeb},
		{name: "a name that another job has reserved, in another letter case", held: []inventorycache.Reservation{provisionWeb}, taken: "job-1", r: inventorycache.Reservation{Name: "WEB", Operation: job.OperationProvision, JobID: "job-2"}},
		{name: "a name that the job itself has reserved", held: []inventorycache.Reservation{provisionWeb}, r: provisionWeb},
		{name: "a different name", held: []inventorycache.Reservation{provisionWeb}, r: inventorycache.Reservation{Name: "web2", Operation: job.OperationProvision, JobID: "job-2"}},
		{name: "a name that a machine has", vms: []job.VM{{ID: "vm-1", Name: "Web"}}, r: provisionWeb, taken: "vm-1"},
		{name: "a name that a machine has in an old snapshot", vms: []job.VM{{ID: "vm-1", Name: "Web"}}, old: true, r: provisionWeb},
		{name: "a machine that the job has created already", vms: []job.VM{{ID: "vm-1", Name: "Web", JobID: "JOB-1"}}, r: provisionWeb},
		{
			name: "the name of a machine that is being deleted", vms: []job.VM{{ID: "vm-1", Name: "web"}}, old: true, taken: "job-1",
			held: []inventorycache.Reservation{{Name: "web", VMID: "vm-1", Operation: job.OperationDelete, JobID: "job-1"}},
			r:    inventorycache.Reservation{Name: "web", Operation: job.OperationProvision, JobID: "job-2"},
		},
		{
			name: "an update that keeps a name shared by two machines", vms: []job.VM{{ID: "vm-1", Name: "web"}, {ID: "vm-2", Name: "web"}},
			r: inventorycache.Reservation{Name: "web", VMID: "VM-1", Operation: job.OperationUpdate, JobID: "job-1"},
		},
		{
			name: "a rename to the name of another machine", vms: []job.VM{{ID: "vm-1", Name: "web"}, {ID: "vm-2", Name: "db"}}, taken: "vm-2",
			r: inventorycache.Reservation{Name: "DB", VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-1"},
		},
		{
			name: "a rename to a reserved name", vms: []job.VM{{ID: "vm-1", Name: "db"}}, held: []inventorycache.Reservation{provisionWeb}, taken: "job-1",
			r: inventorycache.Reservation{Name: "web", VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-2"},
		},
		{
			name: "two machines with one name, deleted at the same time", vms: []job.VM{{ID: "vm-1", Name: "web"}, {ID: "vm-2", Name: "web"}},
			held: []inventorycache.Reservation{{Name: "web", VMID: "vm-1", Operation: job.OperationDelete, JobID: "job-1"}},
			r:    inventorycache.Reservation{Name: "web", VMID: "vm-2", Operation: job.OperationDelete, JobID: "job-2"},
		},
		{
			name: "a machine that another job is updating", busy: true,
			held: []inventorycache.Reservation{{VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-1"}},
			r:    inventorycache.Reservation{VMID: "VM-1", Operation: job.OperationDelete, JobID: "job-2"},
		},
		{
			name: "updates of two machines without a name",
			held: []inventorycache.Reservation{{VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-1"}},
			r:    inventorycache.Reservation{VMID: "vm-2", Operation: job.OperationUpdate, JobID: "job-2"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, inventorycache.Options{Fetch: fixedInventory(tc.vms...)}, host, "hv02")
				for _, held := range tc.held {
					held.Host = host
					if _, err := c.Reserve(held); err != nil {
						t.Fatal(err)
					}
				}
				get(t, c, host)
				if tc.old {
					time.Sleep(inventorycache.DefaultMaxAge)
				}
				tc.r.Host = "hv02"
				if _, err := c.Reserve(tc.r); err != nil {
					t.Errorf("on another host: %v", err)
				}
				tc.r.Host = "HV01"
				_, err := c.Reserve(tc.r)
				var taken *inventory.NameTakenError
				var busy *inventory.VMBusyError
				switch {
				case tc.busy:
					if !errors.As(err, &busy) || busy.JobID != "job-1" || busy.Host != host || !errors.Is(err, cause.ErrVMBusy) {
						t.Errorf("got %v, want VMBusyError of job-1", err)
					}
				case tc.taken != "":
					if !errors.As(err, &taken) || taken.JobID != tc.taken && taken.VMID != tc.taken || taken.Host != host || !strings.Contains(err.Error(), tc.taken) {
						t.Errorf("got %v, want NameTakenError of %s", err, tc.taken)
					}
				case err != nil:
					t.Errorf("got %v, want success", err)
				}
			})
		})
	}
	c := newCache(t, inventorycache.Options{Fetch: fixedInventory()}, host)
	if _, err := c.Reserve(inventorycache.Reservation{Host: "hv09"}); !errors.Is(err, cause.ErrHostUnknown) {
		t.Errorf("unknown host: got %v, want ErrHostUnknown", err)
	}
}

func TestAnInvalidReservationIsRejected(t *testing.T) {
	t.Parallel()
	c := newCache(t, inventorycache.Options{Fetch: fixedInventory()}, "hv01")
	for name, r := range map[string]inventorycache.Reservation{
		"no job":                   {Name: "web", Operation: job.OperationProvision},
		"no operation":             {Name: "web", JobID: "1"},
		"provision without a name": {Name: " ", Operation: job.OperationProvision, JobID: "1"},
		"delete without a machine": {Name: "web", Operation: job.OperationDelete, JobID: "1"},
	} {
		r.Host = "hv01"
		if _, err := c.Reserve(r); err == nil {
			t.Errorf("%s: Reserve succeeded", name)
		}
	}
	if vms := cached(t, c, "hv01").VMs; len(vms) > 0 {
		t.Errorf("view has machines of rejected reservations: %+v", vms)
	}
}

func TestANameIsHeldUntilEveryReservationOfTheJobIsReleased(t *testing.T) {
	t.Parallel()
	c := newCache(t, inventorycache.Options{Fetch: fixedInventory()}, "hv01")
	r := inventorycache.Reservation{Host: "hv01", Name: "web", Operation: job.OperationProvision, JobID: "1"}
	var releases []func()
	for range 2 {
		release, err := c.Reserve(r)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	if vms := cached(t, c, "hv01").VMs; len(vms) != 1 {
		t.Errorf("view is %+v, want one machine", vms)
	}
	other := r
	other.JobID = "2"
	for i, want := range []error{cause.ErrNameTaken, cause.ErrNameTaken, nil} {
		if _, err := c.Reserve(other); !errors.Is(err, want) {
			t.Errorf("after %d releases: %v, want %v", i, err, want)
		}
		if i < 2 {
			releases[i]()
			releases[i]()
		}
	}
}

// describe returns the virtual machines of a view, one line each.
func describe(v inventory.HostView) []string {
	var lines []string
	for _, vm := range v.VMs {
		lines = append(lines, strings.Join([]string{vm.ID, vm.Name, vm.State, vm.JobID, fmt.Sprint(vm.VM != nil)}, " "))
	}
	return lines
}

func TestAViewCombinesTheSnapshotWithRunningJobs(t *testing.T) {
	t.Parallel()
	c := newCache(t, inventorycache.Options{Fetch: fixedInventory(
		job.VM{ID: "a", Name: "web", PowerState: "running"},
		job.VM{ID: "b", Name: "db", PowerState: "off"},
		job.VM{ID: "c", Name: "made", PowerState: "off", JobID: "job-3"},
		job.VM{ID: "d", Name: "changed", PowerState: "off"},
	)}, "hv01")
	for _, r := range []inventorycache.Reservation{
		{Name: "WEB", Operation: job.OperationProvision, JobID: "job-1"}, // the snapshot that has this name is requested later
		{Name: "db", VMID: "B", Operation: job.OperationDelete, JobID: "job-2"},
		{Name: "made", Operation: job.OperationProvision, JobID: "job-3"},
		{VMID: "d", Operation: job.OperationUpdate, JobID: "job-4"},
		{Name: "gone", VMID: "e", Operation: job.OperationDelete, JobID: "job-5"},
	} {
		r.Host = "hv01"
		if _, err := c.Reserve(r); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := describe(cached(t, c, "hv01")), []string{
		" WEB creating job-1 false", "B db deleting job-2 false", " made creating job-3 false", "d  updating job-4 false", "e gone deleting job-5 false",
	}; !slices.Equal(got, want) {
		t.Errorf("before the first snapshot, the view is\n%q, want\n%q", got, want)
	}
	snapshot := get(t, c, "hv01")
	if got, want := describe(c.CachedAll()[0]), []string{
		"a web running  true", "b db deleting job-2 true", "c made creating job-3 true", "d changed updating job-4 true",
		" WEB creating job-1 false", "e gone deleting job-5 false",
	}; !slices.Equal(got, want) {
		t.Errorf("view is\n%q, want\n%q", got, want)
	}
	if len(snapshot.VMs) != 4 || snapshot.VMs[1].PowerState != "off" {
		t.Errorf("the snapshot was modified: %+v", snapshot.VMs)
	}
}
