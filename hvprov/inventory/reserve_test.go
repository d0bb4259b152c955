// SPDX-License-Identifier: MPL-2.0

package inventory_test

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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestOneOfAHundredGetsAName(t *testing.T) {
	t.Parallel()
	s := newStore(t, inventory.Options{Fetch: holding()}, "hv01")
	for round := range 20 {
		var mu sync.Mutex
		var won []func()
		var contest sync.WaitGroup
		begin := make(chan struct{})
		for i := range 100 {
			name := []rune("knöpfe-")
			for n := range name { // each in other letters
				if i>>n&1 == 1 {
					name[n] = unicode.ToUpper(name[n])
				}
			}
			r := inventory.Reservation{
				Host: []string{"hv01", "HV01"}[i%2], Name: string(name), Operation: job.OperationProvision, JobID: fmt.Sprint("job-", i),
			}
			if i%10 == 0 {
				r.Name = "\t\u212aNÖPFE- " // with the sign for kelvin, which folds to k
			}
			contest.Go(func() {
				<-begin
				release, err := s.Reserve(r)
				mu.Lock()
				defer mu.Unlock()
				var taken *inventory.NameTakenError
				switch {
				case err == nil:
					won = append(won, release)
				case !errors.As(err, &taken) || taken.JobID == "" || taken.JobID == r.JobID || !errors.Is(err, inventory.ErrNameTaken):
					t.Errorf("got %v", err)
				}
			})
		}
		close(begin)
		contest.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d: %d have the name", round, len(won))
		}
		won[0]()
		won[0]() // again, for nothing
	}
}

func TestReservations(t *testing.T) {
	t.Parallel()
	const host = "hv01"
	make1 := inventory.Reservation{Name: "web", Operation: job.OperationProvision, JobID: "job-1"}
	for _, c := range []struct {
		name  string
		held  []inventory.Reservation
		vms   []job.VM
		old   bool // the snapshot serves no reader any more
		r     inventory.Reservation
		taken string // who is in the way, as job or machine
		busy  bool
	}{
		{name: "a name that nobody has", r: make1},
		{name: "a name that another job has", held: []inventory.Reservation{make1}, taken: "job-1", r: inventory.Reservation{Name: "WEB", Operation: job.OperationProvision, JobID: "job-2"}},
		{name: "a name that the job has itself", held: []inventory.Reservation{make1}, r: make1},
		{name: "another name beside it", held: []inventory.Reservation{make1}, r: inventory.Reservation{Name: "web2", Operation: job.OperationProvision, JobID: "job-2"}},
		{name: "a name that a machine has", vms: []job.VM{{ID: "vm-1", Name: "Web"}}, r: make1, taken: "vm-1"},
		{name: "a name that a machine had", vms: []job.VM{{ID: "vm-1", Name: "Web"}}, old: true, r: make1},
		{name: "a machine that the job has made already", vms: []job.VM{{ID: "vm-1", Name: "Web", JobID: "JOB-1"}}, r: make1},
		{
			name: "a name that a machine has until it is removed", vms: []job.VM{{ID: "vm-1", Name: "web"}}, old: true, taken: "job-1",
			held: []inventory.Reservation{{Name: "web", VMID: "vm-1", Operation: job.OperationDelete, JobID: "job-1"}},
			r:    inventory.Reservation{Name: "web", Operation: job.OperationProvision, JobID: "job-2"},
		},
		{
			name: "a change that leaves the name that two machines have", vms: []job.VM{{ID: "vm-1", Name: "web"}, {ID: "vm-2", Name: "web"}},
			r: inventory.Reservation{Name: "web", VMID: "VM-1", Operation: job.OperationUpdate, JobID: "job-1"},
		},
		{
			name: "another name for a machine, which another has", vms: []job.VM{{ID: "vm-1", Name: "web"}, {ID: "vm-2", Name: "db"}}, taken: "vm-2",
			r: inventory.Reservation{Name: "DB", VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-1"},
		},
		{
			name: "another name for a machine, which is reserved", vms: []job.VM{{ID: "vm-1", Name: "db"}}, held: []inventory.Reservation{make1}, taken: "job-1",
			r: inventory.Reservation{Name: "web", VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-2"},
		},
		{
			name: "two machines of one name, removed at once", vms: []job.VM{{ID: "vm-1", Name: "web"}, {ID: "vm-2", Name: "web"}},
			held: []inventory.Reservation{{Name: "web", VMID: "vm-1", Operation: job.OperationDelete, JobID: "job-1"}},
			r:    inventory.Reservation{Name: "web", VMID: "vm-2", Operation: job.OperationDelete, JobID: "job-2"},
		},
		{
			name: "a machine that another job changes", busy: true,
			held: []inventory.Reservation{{VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-1"}},
			r:    inventory.Reservation{VMID: "VM-1", Operation: job.OperationDelete, JobID: "job-2"},
		},
		{
			name: "changes without a name of two machines",
			held: []inventory.Reservation{{VMID: "vm-1", Operation: job.OperationUpdate, JobID: "job-1"}},
			r:    inventory.Reservation{VMID: "vm-2", Operation: job.OperationUpdate, JobID: "job-2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t, inventory.Options{Fetch: holding(c.vms...)}, host, "hv02")
				for _, held := range c.held {
					held.Host = host
					if _, err := s.Reserve(held); err != nil {
						t.Fatal(err)
					}
				}
				get(t, s, host)
				if c.old {
					time.Sleep(inventory.DefaultMaxAge)
				}
				c.r.Host = "hv02"
				if _, err := s.Reserve(c.r); err != nil {
					t.Errorf("on another host: %v", err)
				}
				c.r.Host = "HV01"
				_, err := s.Reserve(c.r)
				var taken *inventory.NameTakenError
				var busy *inventory.VMBusyError
				switch {
				case c.busy:
					if !errors.As(err, &busy) || busy.JobID != "job-1" || busy.Host != host || !errors.Is(err, inventory.ErrVMBusy) {
						t.Errorf("got %v", err)
					}
				case c.taken != "":
					if !errors.As(err, &taken) || taken.JobID != c.taken && taken.VMID != c.taken || taken.Host != host || !strings.Contains(err.Error(), c.taken) {
						t.Errorf("got %v", err)
					}
				case err != nil:
					t.Errorf("got %v", err)
				}
			})
		})
	}
	s := newStore(t, inventory.Options{Fetch: holding()}, host)
	if _, err := s.Reserve(inventory.Reservation{Host: "hv09"}); !errors.Is(err, inventory.ErrHostUnknown) {
		t.Errorf("of an unknown host, got %v", err)
	}
}

func TestAReservationThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t, inventory.Options{Fetch: holding()}, "hv01")
	for name, r := range map[string]inventory.Reservation{
		"no job":                  {Name: "web", Operation: job.OperationProvision},
		"no operation":            {Name: "web", JobID: "1"},
		"a new machine, no name":  {Name: " ", Operation: job.OperationProvision, JobID: "1"},
		"a removal of no machine": {Name: "web", Operation: job.OperationDelete, JobID: "1"},
	} {
		r.Host = "hv01"
		if _, err := s.Reserve(r); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if vms := peek(t, s, "hv01").VMs; len(vms) > 0 {
		t.Errorf("shown are %+v", vms)
	}
}

func TestAJobHoldsItsNameUntilItHasReleasedItAsOftenAsItReservedIt(t *testing.T) {
	t.Parallel()
	s := newStore(t, inventory.Options{Fetch: holding()}, "hv01")
	r := inventory.Reservation{Host: "hv01", Name: "web", Operation: job.OperationProvision, JobID: "1"}
	var releases []func()
	for range 2 {
		release, err := s.Reserve(r)
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	if vms := peek(t, s, "hv01").VMs; len(vms) != 1 {
		t.Errorf("shown are %+v", vms)
	}
	other := r
	other.JobID = "2"
	for i, want := range []error{inventory.ErrNameTaken, inventory.ErrNameTaken, nil} {
		if _, err := s.Reserve(other); !errors.Is(err, want) {
			t.Errorf("after %d releases: %v, want %v", i, err, want)
		}
		if i < 2 {
			releases[i]()
			releases[i]()
		}
	}
}

// show gives a view's machines in one line each.
func show(v inventory.View) []string {
	var lines []string
	for _, vm := range v.VMs {
		lines = append(lines, strings.Join([]string{vm.ID, vm.Name, vm.State, vm.JobID, fmt.Sprint(vm.VM != nil)}, " "))
	}
	return lines
}

func TestPlaceholdersStandBesideRealMachines(t *testing.T) {
	t.Parallel()
	s := newStore(t, inventory.Options{Fetch: holding(
		job.VM{ID: "a", Name: "web", PowerState: "running"},
		job.VM{ID: "b", Name: "db", PowerState: "off"},
		job.VM{ID: "c", Name: "made", PowerState: "off", JobID: "job-3"},
		job.VM{ID: "d", Name: "changed", PowerState: "off"},
	)}, "hv01")
	for _, r := range []inventory.Reservation{
		{Name: "WEB", Operation: job.OperationProvision, JobID: "job-1"}, // nobody knows of the real one yet
		{Name: "db", VMID: "B", Operation: job.OperationDelete, JobID: "job-2"},
		{Name: "made", Operation: job.OperationProvision, JobID: "job-3"},
		{VMID: "d", Operation: job.OperationUpdate, JobID: "job-4"},
		{Name: "gone", VMID: "e", Operation: job.OperationDelete, JobID: "job-5"},
	} {
		r.Host = "hv01"
		if _, err := s.Reserve(r); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := show(peek(t, s, "hv01")), []string{
		" WEB creating job-1 false", "B db deleting job-2 false", " made creating job-3 false", "d  updating job-4 false", "e gone deleting job-5 false",
	}; !slices.Equal(got, want) {
		t.Errorf("before the first snapshot, shown are\n%q, want\n%q", got, want)
	}
	snapshot := get(t, s, "hv01")
	if got, want := show(s.All()[0]), []string{
		"a web running  true", "b db deleting job-2 true", "c made creating job-3 true", "d changed updating job-4 true",
		" WEB creating job-1 false", "e gone deleting job-5 false",
	}; !slices.Equal(got, want) {
		t.Errorf("shown are\n%q, want\n%q", got, want)
	}
	if len(snapshot.VMs) != 4 || snapshot.VMs[1].PowerState != "off" {
		t.Errorf("the snapshot itself has changed: %+v", snapshot.VMs)
	}
}
