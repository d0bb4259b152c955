// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

const loadJobs = 10 // for each host

// startDelay is the time that a virtual machine takes to start. In a full run it dominates the duration of jobs, as on real hosts, so
// that the load of this computer, which simulates all of them, does not.
func startDelay() time.Duration {
	if full {
		return 6 * time.Second
	}
	return time.Second
}

// loadHosts returns the number of hosts: all 200 in a full run only.
func loadHosts() int {
	if full {
		return 200
	}
	return 40
}

// loadHealth returns the health of the i-th host: a third of them is slow, refuses connections, stops answering when its jobs run, or loses connections.
func loadHealth(i int) simhost.Health {
	if i%3 > 0 {
		return simhost.Healthy
	}
	return []simhost.Health{simhost.Slow, simhost.Refusing, simhost.Silent, simhost.Flapping}[i/3%4]
}

// loadTest is a service with many hosts and many jobs.
type loadTest struct {
	*testing.T
	fleet   *simhost.Fleet
	service *hvprov.Service
	fall    [200]sync.Once // a host stops answering once
}

// TestUnhealthyHostsDoNotDelayJobsOfOthers submits jobs to healthy hosts alone, and then to all hosts, a third of which is unhealthy. It
// is not parallel because it counts goroutines and measures durations.
func TestUnhealthyHostsDoNotDelayJobsOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ten jobs on each of many hosts")
	}
	before := runtime.NumGoroutine()
	fleet, err := simhost.StartFleet(simhost.FleetOptions{
		Hosts: loadHosts(), Each: simhost.Options{CutOneIn: 25, SlowBy: 300 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	hosts := map[string]hvprov.Host{}
	for i, server := range fleet.Hosts() {
		updateHost(t, server, func(s *hyperv.State) {
			s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {DelayMS: int(startDelay().Milliseconds())}}
		})
		conf := server.WinRM()
		conf.ConnectTimeout, conf.OperationTimeout = 5*time.Minute, 5*time.Second
		if loadHealth(i) != simhost.Healthy {
			conf.ConnectTimeout = 3 * time.Second
		}
		hosts[simhost.FleetName(i)] = hvprov.Host{WinRM: conf}
	}
	service, err := hvprov.New(context.Background(), hvprov.Options{Hosts: hosts})
	if err != nil {
		t.Fatal(err)
	}
	g := &loadTest{T: t, fleet: fleet, service: service}

	begin := time.Now()
	alone := g.submit("alone", func(i int) bool { return loadHealth(i) == simhost.Healthy })
	alone.healthy.Wait()
	aloneTook := time.Since(begin)

	for i, server := range fleet.Hosts() {
		if h := loadHealth(i); h != simhost.Silent { // a silent host becomes so while its jobs run
			g.set(server, h)
		}
	}
	begin = time.Now()
	all := g.submit("beside", func(int) bool { return true })
	all.healthy.Wait()
	besideTook := time.Since(begin)
	t.Logf("%d jobs on %d healthy hosts took %v alone, and %v beside %d unhealthy hosts: %.2f times as long",
		alone.accepted.Load(), loadHosts()-(loadHosts()+2)/3, aloneTook.Round(time.Millisecond), besideTook.Round(time.Millisecond),
		(loadHosts()+2)/3, float64(besideTook)/float64(aloneTook))
	if besideTook > 3*aloneTook+2*time.Minute { // 1.2 times as long on an idle computer; a job that waits for a dead host takes 5 minutes
		t.Error("unhealthy hosts delay the jobs of healthy ones")
	}

	for _, server := range fleet.Hosts() {
		g.set(server, simhost.Healthy)
	}
	all.every.Wait()
	t.Logf("%d jobs were accepted, and %d refused because their host could not be reached", all.accepted.Load(), all.refused.Load())
	if all.accepted.Load()+all.refused.Load() != int64(loadHosts()*loadJobs) || all.refused.Load() == 0 {
		t.Error("the sum is not the number of submitted jobs, or no host was dead")
	}
	g.settled()
	if err := service.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
	g.agree()
	for i, server := range fleet.Hosts() {
		// On other hosts the deletion of a shell may have been lost; the shell ends by its idle timeout.
		if n := server.Counters().OpenShells; n > 0 && loadHealth(i) == simhost.Healthy {
			t.Errorf("host %d has %d shells open", i, n)
		}
	}
	if err := fleet.Close(); err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), deadlockGuard)
	defer stop()
	simtest.WaitFor(ctx, t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}

func (g *loadTest) set(server *simhost.Server, h simhost.Health) {
	g.Helper()
	if err := server.SetHealth(h); err != nil {
		g.Fatal(err)
	}
}

// batch is a set of jobs that were submitted together.
type batch struct {
	healthy, every    sync.WaitGroup // jobs on healthy hosts, and all jobs
	accepted, refused atomic.Int64
}

// submit submits jobs to the chosen hosts. A host that is to stop answering does so when its first job runs.
func (g *loadTest) submit(name string, chosen func(i int) bool) *batch {
	b := &batch{}
	for i := range loadHosts() {
		if !chosen(i) {
			continue
		}
		health := loadHealth(i)
		for n := range loadJobs {
			b.every.Add(1)
			if health == simhost.Healthy {
				b.healthy.Add(1)
			}
			go func() {
				defer b.every.Done()
				if health == simhost.Healthy {
					defer b.healthy.Done()
				}
				g.job(b, i, fmt.Sprintf("%s-%d", name, n), name == "beside" && health == simhost.Silent)
			}()
		}
	}
	return b
}

func (g *loadTest) job(b *batch, i int, name string, falls bool) {
	v := values(name)
	v["gb_ram"] = 1
	j, err := g.service.Submit(context.Background(), hvprov.Submission{
		Host: simhost.FleetName(i), Operation: job.OperationProvision, Values: v,
		OnEvent: func(e job.Event) {
			if falls && e.Step == "disk" {
				g.fall[i].Do(func() { g.set(g.fleet.Hosts()[i], simhost.Silent) })
			}
		},
	})
	health := loadHealth(i)
	if err != nil {
		b.refused.Add(1)
		if !errors.Is(err, hvprov.ErrHostUnreachable) || health == simhost.Healthy {
			g.Errorf("job %s on a %v host: %v", name, health, err)
		}
		return
	}
	b.accepted.Add(1)
	_, err = j.Wait(context.Background())
	if err != nil && (health == simhost.Healthy || !errors.Is(err, hvprov.ErrJobUnknown) && !errors.Is(err, hvprov.ErrHostUnreachable)) {
		g.Errorf("job %s on a %v host: %v", name, health, err)
	}
}

// settled waits until no outcome is unknown. All hosts must be healthy.
func (g *loadTest) settled() {
	g.Helper()
	for _, r := range records(g.T, g.service, jobstore.Filter{States: []jobstore.State{jobstore.Unknown}}) {
		j, err := g.service.Attach(context.Background(), r.Host, r.ID)
		if err != nil {
			g.Fatal(err)
		}
		if _, err := j.Wait(context.Background()); err != nil {
			g.Errorf("%v: %v", j, err)
		}
	}
}

// agree compares the record of each job with the virtual machines of its host.
func (g *loadTest) agree() {
	g.Helper()
	for i, server := range g.fleet.Hosts() {
		state, err := server.Store().Read()
		if err != nil {
			g.Fatal(err)
		}
		exists := map[string]bool{}
		for _, vm := range state.VMs {
			if exists[vm.Name] {
				g.Errorf("host %d has virtual machine %s twice", i, vm.Name)
			}
			exists[vm.Name] = true
		}
		for _, r := range records(g.T, g.service, jobstore.Filter{Host: simhost.FleetName(i)}) {
			if !r.State.Ended() || (r.State == jobstore.Succeeded) != exists[r.VMName] {
				g.Errorf("job of %s on host %d is %s, and the virtual machine exists: %t", r.VMName, i, r.State, exists[r.VMName])
			}
			delete(exists, r.VMName)
		}
		if len(exists) > 0 {
			g.Errorf("host %d has virtual machines of no job: %v", i, exists)
		}
	}
}

func TestOneOfAHundredConcurrentSubmissionsReservesAName(t *testing.T) {
	t.Parallel()
	h := holdCalls(t, "Add-VMHardDiskDrive")
	service := newService(t, h.server, nil)
	var accepted, refused atomic.Int64
	var group sync.WaitGroup
	var created *hvprov.Job
	for i := range 100 {
		group.Go(func() {
			name := []string{"web-01", "WEB-01", "Web-01"}[i%3]
			j, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values(name)})
			switch {
			case err == nil:
				accepted.Add(1)
				created = j
			case errors.Is(err, hvprov.ErrNameTaken):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if accepted.Load() != 1 || refused.Load() != 99 {
		t.Fatalf("%d submissions were accepted and %d refused, want 1 and 99", accepted.Load(), refused.Load())
	}
	h.release()
	if _, err := created.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	again, err := service.Submit(t.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationDelete, VMID: created.VMID(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationDelete, VMID: created.VMID()}); !errors.Is(err, hvprov.ErrVMBusy) {
		t.Errorf("second job for the same virtual machine: %v", err)
	}
	if _, err := again.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if j, err := service.Submit(t.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: values("web-01")}); err != nil {
		t.Errorf("name of a deleted virtual machine: %v", err)
	} else if _, err := j.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}
