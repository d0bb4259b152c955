// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// provisionCalls are the cmdlets of a provision that makes use of all there is, in their order.
var provisionCalls = []string{
	"Get-ClusterGroup", "Get-VMSwitch", "New-VM", "Set-VMProcessor", "Set-VMMemory", "Set-VM", "Get-VHD", "Resize-VHD", "Add-VMHardDiskDrive",
	"New-VHD", "Set-VMFirmware", "Get-VMKeyProtector", "Set-VMKeyProtector", "Enable-VMTPM",
	"Get-VMNetworkAdapter", "Set-VMNetworkAdapter", "Connect-VMNetworkAdapter", "Set-VMNetworkAdapterVlan", "Add-VMNetworkAdapter",
	"Get-VMDvdDrive", "Add-VMDvdDrive", "Start-VM", theWait, "Remove-VMDvdDrive",
	"Add-ClusterVirtualMachineRole", "Get-ClusterResource", "Get-ClusterParameter",
}

// stepCalls are one of them for each step.
var stepCalls = []string{
	"Get-VMSwitch", "New-VM", "Add-VMHardDiskDrive", "New-VHD", "Set-VMFirmware", "Connect-VMNetworkAdapter", "Add-VMDvdDrive", "Start-VM", theWait,
	"Remove-VMDvdDrive", "Add-ClusterVirtualMachineRole",
}

// theWait is no cmdlet, but the step in which a guest is waited for that does not come.
const theWait = "the wait"

// full has the tests leave nothing out.
var full = os.Getenv("HYPERVVM_TEST_FULL") != ""

const (
	outliveJob = "a0000000-0000-4000-8000-000000000001"
	patience   = 2 * time.Minute
)

// sides gives the hosts that a job runs on: the double and, where there is a PowerShell, the agent itself.
func sides(t *testing.T) map[string]simhost.Options {
	t.Helper()
	all := map[string]simhost.Options{"simulated": {}}
	if pwsh := os.Getenv("HYPERVVM_PWSH"); pwsh != "" {
		all["real"] = simhost.Options{PowerShell: pwsh}
	} else {
		t.Log("the agent itself is left out: HYPERVVM_PWSH names no PowerShell to run it with")
	}
	return all
}

// stage is a host with a job held up in one of its calls.
type stage struct {
	*testing.T
	server  *simhost.Server
	service *hvprov.Service // a client's, once there is one
	hold    string
	foreign []string // files that are not the job's
}

// setStage starts a host on which the calls of a cmdlet wait: before they act, or after.
func setStage(t *testing.T, opts simhost.Options, cmdlet string, after bool) *stage {
	t.Helper()
	dir := t.TempDir()
	opts.StateFile = filepath.Join(dir, "state.json")
	s := &stage{T: t, server: startHost(t, opts), hold: filepath.Join(dir, "hold")}
	s.must(os.WriteFile(s.hold, nil, 0o600))
	onHost(t, s.server, func(state *hyperv.State) {
		state.Host.Cluster = "CL01"
		if cmdlet == theWait {
			state.Behaviour.Guest.HeartbeatAfter = -1
			return
		}
		state.Behaviour.Calls = map[string]hyperv.Call{cmdlet: {Hold: s.hold, After: after}}
	})
	s.plant(filepath.Join(s.disks(), "web-01.vhdx"))
	s.plant(filepath.Join(s.disks(), "hypervvm", "web-01.vhdx"))
	s.plant(filepath.Join(s.disks(), "Images", "seed.iso"))
	return s
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) disks() string { return filepath.Join(s.server.StateFile()+".d", "disks") }

// plant puts a file where it is not the job's.
func (s *stage) plant(path string) {
	s.Helper()
	s.must(os.MkdirAll(filepath.Dir(path), 0o750))
	s.must(os.WriteFile(path, []byte("mine"), 0o600))
	s.foreign = append(s.foreign, path)
}

// reached waits until the job is held up, plants a file in its folder if it has one, and looks for secrets.
func (s *stage) reached() {
	s.Helper()
	ctx, stop := context.WithTimeout(s.Context(), patience)
	defer stop()
	until(ctx, s.T, "the job comes to the moment that holds it up", func() bool {
		if _, err := os.Stat(s.hold + ".reached"); err == nil {
			return true
		}
		state, err := s.server.Store().Read()
		return err == nil && state.Behaviour.Guest.HeartbeatAfter < 0 && len(state.VMs) > 0 && state.VMs[0].Looks > 0
	})
	folder := filepath.Join(s.disks(), "hypervvm", outliveJob)
	if _, err := os.Stat(folder); err == nil {
		s.plant(filepath.Join(folder, "notes.txt"))
	}
	s.keepsSecrets()
}

func (s *stage) release() {
	s.Helper()
	s.must(os.Remove(s.hold))
	onHost(s.T, s.server, func(state *hyperv.State) {
		if state.Behaviour.Guest.HeartbeatAfter < 0 {
			state.Behaviour.Guest.HeartbeatAfter = 1 // at the next look
		}
	})
}

func (s *stage) values() map[string]any {
	v := values("web-01")
	maps.Copy(v, map[string]any{
		"vlan_id": 7, "vm_clustered": true, "mac_address": "00-15-5D-00-10-20", "tpm": true, "gb_ram_min": 1.0, "gb_ram_max": 8.0,
		"network_adapters": []any{map[string]any{"name": "storage", "switch_name": "External", "vlan_id": 8}},
		"media_name":       "seed", "wait_for": "heartbeat", "wait_seconds": 300,
		"disk_size_gb": 1, "data_disks": []any{dataDisk("data", 1), dataDisk("logs", 1)},
	})
	return v
}

func dataDisk(name string, size int) map[string]any {
	return map[string]any{"name": name, "size_gb": size, "type": "dynamic"}
}

// tells looks for the secret in an event.
func (s *stage) tells(e job.Event) {
	s.Helper()
	text, err := json.Marshal(e)
	if err != nil || bytes.Contains(text, []byte(secret)) {
		s.Errorf("an event holds the secret: %s, %v", text, err)
	}
}

// start begins the job in a service of its own, and returns when it is held up.
func (s *stage) start() *hvprov.Job {
	s.Helper()
	s.service = oneOfSeveral(s.T, s.server, nil)
	j, err := s.service.Submit(s.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: s.values(), JobID: outliveJob, OnEvent: s.tells,
	})
	s.must(err)
	s.reached()
	return j
}

// asFields gives a value as a definition has it: objects are fields.
func asFields(value any) any {
	switch v := value.(type) {
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = asFields(item)
		}
		return items
	case map[string]any:
		var f job.Fields
		for _, id := range slices.Sorted(maps.Keys(v)) {
			f = append(f, job.Field{ID: id, Value: asFields(v[id])})
		}
		return f
	}
	return value
}

// startAndGo begins the job, and leaves once it is held up.
func (s *stage) startAndGo() {
	s.Helper()
	client := newAgent(s.T, s.server)
	def := job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 1}, Operation: job.OperationProvision}
	for _, name := range slices.Sorted(maps.Keys(s.values())) {
		def.Fields = append(def.Fields, job.Field{ID: name, Value: asFields(s.values()[name])})
	}
	def.Fields = append(def.Fields, job.Field{ID: "gb_ram", Value: 2}, job.Field{ID: "cpu_cores", Value: 2})
	_, err := client.Submit(s.Context(), hostagent.Submission{Job: outliveJob, Definition: def, Secrets: []string{"guest_la_pw"}})
	s.must(err)
	s.reached()
	s.must(client.Close(s.Context()))
}

// whole looks whether there is one machine, with all that belongs to it.
func (s *stage) whole() {
	s.Helper()
	state, err := s.server.Store().Read()
	s.must(err)
	if len(state.VMs) != 1 || state.VMs[0].State != "Running" || !state.VMs[0].Clustered || len(state.VMs[0].Drives) != 3 ||
		len(state.VMs[0].Adapters) != 2 || len(state.VMs[0].DVDs) != 0 {
		s.Errorf("the host holds %+v", state.VMs)
	} else if vm := state.VMs[0]; !vm.TPM || !vm.DynamicMemory || vm.SecureBoot != "On" {
		s.Errorf("the machine is not whole: %+v", vm)
	}
	s.keepsForeign()
}

// bare looks whether there is no machine, and no file but those that were there before.
func (s *stage) bare() {
	s.Helper()
	state, err := s.server.Store().Read()
	s.must(err)
	if len(state.VMs) > 0 {
		s.Errorf("left: %+v", state.VMs)
	}
	s.must(filepath.WalkDir(s.disks(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !slices.Contains(s.foreign, path) && filepath.Base(filepath.Dir(path)) != "Images" {
			s.Errorf("left: %s", path)
		}
		return err
	}))
	s.keepsForeign()
}

func (s *stage) keepsForeign() {
	s.Helper()
	for _, path := range s.foreign {
		if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
			s.Errorf("a file that is not the job's: %q, %v", text, err)
		}
	}
}

// again submits the same machine under another id.
func (s *stage) again(wantTaken bool) {
	s.Helper()
	if s.service == nil {
		s.service = oneOfSeveral(s.T, s.server, nil)
	}
	j, err := s.service.Submit(s.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: s.values(), OnEvent: s.tells})
	if err == nil {
		_, err = j.Wait(s.Context())
	}
	if wantTaken != errors.Is(err, hvprov.ErrNameTaken) || !wantTaken && err != nil {
		s.Errorf("a second job of the same name: %v", err)
	}
	s.whole()
}

// keepsSecrets looks for the secret in all that the host keeps, and in the command lines and variables of all processes.
func (s *stage) keepsSecrets() {
	s.Helper()
	root := filepath.Dir(s.server.StateFile())
	s.must(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just gone
		}
		if err != nil || entry.IsDir() {
			return err
		}
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
			s.Errorf("%s holds the secret", path)
		}
		return nil
	}))
	for _, name := range []string{"cmdline", "environ"} {
		paths, _ := filepath.Glob("/proc/[0-9]*/" + name)
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
				s.Errorf("a process has the secret in its %s: %q", name, text)
			}
		}
	}
}

// ways are what can go wrong in the middle of a job. Each returns when the job has ended.
var ways = map[string]func(s *stage){
	"the worker is killed": func(s *stage) {
		j := s.start()
		s.must(s.server.KillWorker(j.ID()))
		s.release()
		_, err := j.Wait(s.Context())
		var died *hvprov.JobError
		if !errors.As(err, &died) || !errors.Is(err, hvprov.ErrJobFailed) || died.Failure.Code != job.CodeWorkerDied {
			s.Errorf("got %v", err)
		}
		s.bare()
		s.again(false)
	},
	"the shell is deleted": func(s *stage) {
		j := s.start()
		s.server.DropShells()
		s.release()
		if _, err := j.Wait(s.Context()); err != nil {
			s.Error(err)
		}
		s.whole()
		s.again(true)
	},
	"the connection is cut": func(s *stage) {
		j := s.start()
		s.server.DropConnections()
		s.release()
		if _, err := j.Wait(s.Context()); err != nil {
			s.Error(err)
		}
		s.whole()
		s.again(true)
	},
	"the client is killed": func(s *stage) {
		s.startAndKill()
		s.release()
		second := newAgent(s.T, s.server)
		run, err := second.Attach(s.Context(), outliveJob, 0)
		s.must(err)
		for seq := int64(1); ; seq++ {
			e, err := run.Next(s.Context())
			s.must(err)
			if e.Seq != seq {
				s.Errorf("event %d, want %d", e.Seq, seq)
			}
			s.tells(e)
			if e.Kind == job.KindResult {
				if e.Outcome != job.Succeeded {
					s.Errorf("the job %s: %+v", e.Outcome, e.Error)
				}
				break
			}
		}
		jobs, err := second.Jobs(s.Context())
		if err != nil || len(jobs) != 1 || jobs[0].Job != outliveJob || jobs[0].Status != protocol.StatusEnded || jobs[0].VMID == "" {
			s.Errorf("the jobs are %+v, %v", jobs, err)
		}
		s.whole()
		s.again(true)
	},
}

func newAgent(t *testing.T, server *simhost.Server) *hostagent.Agent {
	t.Helper()
	client, err := wsman.NewClient(reach(server).config())
	if err != nil {
		t.Fatal(err)
	}
	a := hostagent.New(hostagent.Options{Connect: client.Start, Bundle: agent.Bundle()})
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
		client.Close()
	})
	return a
}

// TestAJobOutlivesAllButItsWorker walks through all calls of a provision, and has each thing go wrong in each: afterwards
// the machine is whole and known, or nothing is left of it.
func TestAJobOutlivesAllButItsWorker(t *testing.T) {
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			walked := 0
			t.Cleanup(func() {
				t.Logf("%d moments of a provision walked through, in each of %d steps", walked, len(stepCalls))
			})
			for way, happen := range ways {
				for _, cmdlet := range provisionCalls {
					for _, after := range []bool{false, true} {
						if side == "real" && !full && (after || !slices.Contains(stepCalls, cmdlet)) || after && cmdlet == theWait {
							continue // the real one takes its time: one moment of each step
						}
						t.Run(fmt.Sprintf("%s in %s, acted %t", way, cmdlet, after), func(t *testing.T) {
							t.Parallel()
							s := setStage(t, opts, cmdlet, after)
							happen(s)
							s.keepsSecrets()
							mu.Lock()
							walked++
							mu.Unlock()
						})
					}
				}
			}
		})
	}
}

// TestTwoClientsThatWantOneName lets two services submit the same name at once, again and again.
func TestTwoClientsThatWantOneName(t *testing.T) {
	t.Parallel()
	for side, opts := range sides(t) {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			rounds := 50
			if side == "real" && !full {
				rounds = 10
			}
			server := startHost(t, opts)
			services := []*hvprov.Service{oneOfSeveral(t, server, nil), oneOfSeveral(t, server, nil)}
			for round := range rounds {
				name := fmt.Sprintf("web-%02d", round)
				var both sync.WaitGroup
				errs := make([]error, len(services))
				for i, service := range services {
					both.Go(func() { _, errs[i] = provision(t, service, name, nil) })
				}
				both.Wait()
				made := 0
				for _, err := range errs {
					if err == nil {
						made++
					} else if !errors.Is(err, hvprov.ErrNameTaken) {
						t.Errorf("%s: %v", name, err)
					}
				}
				state, err := server.Store().Read()
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, vm := range state.VMs {
					if strings.EqualFold(vm.Name, name) {
						n++
					}
				}
				if made != 1 || n != 1 {
					t.Errorf("%s: %d jobs succeeded, %d machines", name, made, n)
				}
				onHost(t, server, func(s *hyperv.State) { s.VMs = nil }) // memory for the next
			}
		})
	}
}
