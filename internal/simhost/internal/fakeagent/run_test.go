// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/fakeagent"
)

func openStore(t *testing.T) *hyperv.Store {
	t.Helper()
	store, err := hyperv.Open(filepath.Join(t.TempDir(), "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestRunRejectsAnotherBundleThanAnnounced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stdin, want string }{
		"none at all":    {"", "standard input ended before the agent text"},
		"only requests":  {`{"request":"hello"}` + "\n", "standard input ended before the agent text"},
		"another text":   {strings.Repeat(string(protocol.EncodeText([]byte("else")))+"\n", 3), "the agent text is damaged: SHA-256 mismatch"},
		"no compression": {strings.Repeat("text|function x {}\n", 3), "the agent text is damaged: SHA-256 mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			host := fakeagent.NewHost(openStore(t))
			defer host.Close()
			code := host.Run(t.Context(), info(), strings.NewReader(c.stdin), &stdout, &stderr)
			if code != 1 || !strings.HasPrefix(stderr.String(), "#< CLIXML\r\n") || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit code %d, output %q, errors %q", code, &stdout, &stderr)
			}
		})
	}
}

// TestAJobOutlivesItsSession ends a session during a copy and follows the job in another one.
func TestAJobOutlivesItsSession(t *testing.T) {
	t.Parallel()
	store := openStore(t)
	host := fakeagent.NewHost(store)
	defer host.Close()
	if err := store.Update(func(s *hyperv.State) error { s.Behaviour.CopyBytesPerSecond = 1000; return nil }); err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	stdinR, stdinW := io.Pipe()
	stdoutR, stdoutW := io.Pipe()
	exit := make(chan int, 1)
	go func() {
		exit <- host.Run(ctx, info(), stdinR, stdoutW, os.Stderr)
		_ = stdoutW.Close()
	}()
	c := converse(t, stdinW, stdoutR, exit)
	req := provision(minimal)
	req.Request, req.Job = "submit", seedID(1)
	c.ask(t, req)
	c.awaitEvent(t, seedID(1), "the step disk", func(e job.Event) bool { return e.Kind == job.KindStep && e.Step == "disk" })
	kill()
	select {
	case code := <-exit:
		if code == 0 {
			t.Error("session ended with exit code 0")
		}
	case <-time.After(patience):
		t.Fatal("session did not end")
	}
	other := startOn(t, host)
	other.ask(t, protocol.Request{Request: "attach", Job: seedID(1)})
	other.awaitEvent(t, seedID(1), "the step disk", func(e job.Event) bool { return e.Kind == job.KindStep && e.Step == "disk" })
	if !host.Kill(seedID(1)) {
		t.Error("the job was not running")
	}
	other.awaitEvent(t, seedID(1), "the result", func(e job.Event) bool {
		return e.Kind == job.KindResult && e.Error != nil && e.Error.Code == job.CodeWorkerDied
	})
	if state, err := store.Read(); err != nil || len(state.VMs) != 0 {
		t.Errorf("host has %+v, %v", state.VMs, err)
	}
}

// TestASlowCopyReportsProgressAndCanBeCancelled copies at a speed that would need half an hour.
func TestASlowCopyReportsProgressAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	store := openStore(t)
	if err := store.Update(func(s *hyperv.State) error { s.Behaviour.CopyBytesPerSecond = 1000; return nil }); err != nil {
		t.Fatal(err)
	}
	c := startFake(t, store)
	req := provision(minimal)
	req.Request, req.Job = "submit", seedID(1)
	c.ask(t, req)
	c.awaitEvent(t, seedID(1), "progress", func(e job.Event) bool {
		return e.Kind == job.KindProgress && e.Percent < 100 && strings.HasSuffix(e.Message, "B/s")
	})
	c.ask(t, protocol.Request{Request: "cancel", Job: seedID(1)})
	c.awaitEvent(t, seedID(1), "the result", func(e job.Event) bool { return e.Kind == job.KindResult && e.Outcome == job.Cancelled })
	if state, err := store.Read(); err != nil || len(state.VMs) != 0 {
		t.Errorf("host has %+v, %v", state, err)
	}
}

func TestTheFakeAgentRefusesWhatItDoesNotSimulate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*hyperv.State)
		req    protocol.Request
	}{
		"a delete with checkpoints": {
			func(s *hyperv.State) { s.VMs[0].Checkpoints = []hyperv.Checkpoint{{ID: seedID(50), Name: "before"}} }, remove(seedID(1)),
		},
		"a delete of a cluster role": {func(s *hyperv.State) { s.VMs[0].Clustered = true }, remove(seedID(1))},
		"an update of dynamic memory": {
			func(s *hyperv.State) { s.VMs[0].DynamicMemory, s.VMs[0].State = true, "Off" },
			change(seedID(1), strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":3`, 1), "gb_ram"),
		},
		"a field that an update resets": {func(*hyperv.State) {}, change(seedID(1), minimal, "network_adapters")},
		"a role in a cluster":           {func(s *hyperv.State) { s.Host.Cluster = "CL01" }, provision(minimal + `,"vm_clustered":true`)},
		"another role in a cluster":     {func(*hyperv.State) {}, change(seedID(1), minimal+`,"vm_clustered":true`, "vm_clustered")},
		"a provision with cluster shared volumes": {
			func(s *hyperv.State) { s.Host.SharedVolumes = []hyperv.SharedVolume{{Path: "/volume"}} }, provision(minimal),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openStore(t)
			if err := store.Update(func(s *hyperv.State) error {
				s.VMs = []hyperv.VM{seedVM(1, "old")}
				c.change(s)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			session := startFake(t, store)
			c.req.Request, c.req.Job = "submit", seedID(2)
			session.ask(t, c.req)
			session.awaitEvent(t, seedID(2), "the refusal", func(e job.Event) bool {
				return e.Kind == job.KindResult && e.Error != nil && e.Error.Code == "not_simulated" && e.Error.Remedy != ""
			})
			if state, err := store.Read(); err != nil || len(state.VMs) != 1 {
				t.Errorf("host has %+v, %v", state.VMs, err)
			}
		})
	}
}

// TestTheFakeAgentRefusesFieldsThatItDoesNotSimulate submits each field to a check, to a provision and to an update.
func TestTheFakeAgentRefusesFieldsThatItDoesNotSimulate(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"data_disks": `[{"name":"data","size_gb":1}]`, "disk_size_gb": `2`, "disk_type": `"differencing"`, "network_adapters": `[{"name":"a","switch_name":"b"}]`,
		"gb_ram_min": `1`, "gb_ram_max": `8`, "generation": `1`, "secure_boot": `false`, "tpm": `true`,
		"checkpoint_type": `"standard"`, "start_action": `"nothing"`, "stop_action": `"save"`, "media_name": `"seed"`, "wait_for": `"address"`,
		"wait_seconds": `5`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openStore(t)
			if err := store.Update(func(s *hyperv.State) error { s.VMs = []hyperv.VM{seedVM(1, "old")}; return nil }); err != nil {
				t.Fatal(err)
			}
			c := startFake(t, store)
			fields := fmt.Sprintf("%s,%q:%s", minimal, name, value)
			var result protocol.CheckResult
			if err := protocol.Decode(c.ask(t, check(fields)).Result, &result); err != nil {
				t.Fatal(err)
			}
			if f := result.Findings; len(f) != 1 || f[0].Field != name || f[0].Code != "not_simulated" || f[0].Severity != job.SeverityError {
				t.Errorf("check finds %+v", f)
			}
			for n, req := range []protocol.Request{provision(fields), change(seedID(1), fields, "notes")} {
				req.Request, req.Job = "submit", seedID(10+n)
				c.ask(t, req)
				c.awaitEvent(t, req.Job, "the refusal", func(e job.Event) bool {
					return e.Kind == job.KindResult && e.Error != nil && e.Error.Code == "not_simulated" && e.Error.Field == name
				})
			}
			if state, err := store.Read(); err != nil || len(state.VMs) != 1 {
				t.Errorf("host has %+v, %v", state.VMs, err)
			}
		})
	}
}

// TestOnlyOneJobGetsAName submits jobs of one name in several sessions at once.
func TestOnlyOneJobGetsAName(t *testing.T) {
	t.Parallel()
	for name, start := range backends(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openStore(t)
			sessions := []*conversation{start(t, store), start(t, store)}
			var all sync.WaitGroup
			outcomes := make(chan job.Event, 4)
			for n := range cap(outcomes) {
				c, id := sessions[n%2], seedID(n)
				req := provision(strings.Replace(minimal, "web-01", []string{"web-01", "WEB-01"}[n%2], 1))
				req.Request, req.Job = "submit", id
				c.ask(t, req)
				all.Go(func() {
					c.awaitEvent(t, id, "the result", func(e job.Event) bool { return e.Kind == job.KindResult })
					c.mu.Lock()
					defer c.mu.Unlock()
					outcomes <- c.events[id][len(c.events[id])-1]
				})
			}
			all.Wait()
			close(outcomes)
			made := 0
			for e := range outcomes {
				switch {
				case e.Outcome == job.Succeeded:
					made++
				case e.Error == nil || e.Error.Code != job.CodeNameTaken:
					t.Errorf("job ended with %s: %+v", e, e.Error)
				}
			}
			state, err := store.Read()
			if err != nil || made != 1 || len(state.VMs) != 1 {
				t.Errorf("%d jobs succeeded, %d virtual machines, %v", made, len(state.VMs), err)
			}
			folders, err := os.ReadDir(filepath.Join(state.Host.VirtualHardDiskPath, "hypervvm"))
			if err != nil || len(folders) != 1 {
				t.Errorf("%d job folders, %v", len(folders), err)
			}
		})
	}
}

// TestAnInventoryNeedsFewCalls counts the cmdlets of the real agent for an inventory of 200 virtual machines, each with two disks, two network
// adapters, a cluster role and a manifest.
func TestAnInventoryNeedsFewCalls(t *testing.T) {
	t.Parallel()
	vms := 50
	if sample.Full() {
		vms = 200
	}
	for name, start := range backends(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := manyVMs(t, vms)
			c := start(t, store)
			c.ask(t, protocol.Request{Request: "hello"})
			recordCalls(t, store)
			begin := time.Now()
			m := c.ask(t, protocol.Request{Request: "inventory"})
			t.Logf("%d virtual machines in %v", vms, time.Since(begin).Round(time.Millisecond))
			var result protocol.InventoryResult
			if err := protocol.Decode(m.Result, &result); err != nil {
				t.Fatal(err)
			}
			if len(result.VMs) != vms {
				t.Fatalf("%d virtual machines", len(result.VMs))
			}
			for n, vm := range result.VMs {
				if vm.JobID != fmt.Sprintf("job-%d", n) || vm.ClusterRole != vm.Name || len(vm.Adapters) != 2 || len(vm.Drives) != 2 ||
					vm.Drives[0].SizeGB == nil || *vm.Drives[0].SizeGB != 0.002 || vm.Drives[1].SizeGB != nil {
					t.Errorf("virtual machine %d is %+v", n, vm)
				}
			}
			if name == "fake" {
				return // it reads most of them without a cmdlet
			}
			calls, err := store.Calls()
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{
				"Enable-VMEventing": 1, "Get-VMHost": 1, "Get-VM": 1, "Get-VMHostNumaNode": 1, "Get-ClusterResource": 1, "Get-ClusterParameter": 1,
				"Get-CimInstance": 13,       // whatever the number of virtual machines
				"Get-VHD":         vms / 25, // batches of 25 disks
			}
			if !maps.Equal(calls, want) {
				t.Errorf("calls of cmdlets: %v, want %v", calls, want)
			}
		})
	}
}

// manyVMs returns a host with n virtual machines.
func manyVMs(t *testing.T, n int) *hyperv.Store {
	t.Helper()
	dir := t.TempDir()
	store, err := hyperv.Open(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(func(s *hyperv.State) error {
		s.Host.Cluster = "CL01"
		for n := range n {
			vm := seedVM(n, fmt.Sprintf("vm-%03d", n))
			folder := filepath.Join(dir, vm.Name)
			vm.Path, vm.Clustered, vm.CheckpointType = filepath.Join(folder, vm.Name), true, "Production"
			vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "storage"})
			vm.Drives = []hyperv.Drive{
				{ControllerType: "SCSI", Path: filepath.Join(folder, "disk.vhdx")},
				{ControllerType: "SCSI", ControllerLocation: 1, Path: filepath.Join(folder, "gone.vhdx")},
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			if err := hyperv.WriteImage(vm.Drives[0].Path, 2<<20); err != nil {
				return err
			}
			manifest := fmt.Sprintf(`{"format":1,"job_id":"job-%d","vm_id":%q,"files":[],"recorded":{"gb_ram":2}}`, n, vm.ID)
			if err := os.WriteFile(filepath.Join(folder, "hypervvm.json"), []byte(manifest), 0o644); err != nil {
				return err
			}
			s.VMs = append(s.VMs, vm)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// recordCalls makes the host record the names of the cmdlets that are called.
func recordCalls(t *testing.T, store *hyperv.Store) {
	t.Helper()
	if err := store.Update(func(s *hyperv.State) error { s.Behaviour.RecordCalls = true; return nil }); err != nil {
		t.Fatal(err)
	}
}
