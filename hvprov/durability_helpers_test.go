// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// full makes the tests omit nothing.
var full = sample.Full()

const (
	fixedJobID    = "a0000000-0000-4000-8000-000000000001"
	deadlockGuard = 5 * time.Minute
)

// backends returns the hosts that jobs run on: one with the fake agent, and one with the real agent if there is a PowerShell.
func backends(t *testing.T) map[string]simhost.Options {
	t.Helper()
	all := map[string]simhost.Options{"fake agent": {}}
	if pwsh := os.Getenv("HYPERVVM_PWSH"); pwsh != "" {
		all["real agent"] = simhost.Options{PowerShell: pwsh}
	} else {
		t.Log("the real agent is omitted: HYPERVVM_PWSH is not set to the path of a PowerShell")
	}
	return all
}

// sampleRealAgent skips a test with the real agent, which takes seconds, unless it is its turn: one of six runs.
func sampleRealAgent(t *testing.T, opts simhost.Options) {
	t.Helper()
	if opts.PowerShell != "" {
		sample.OneOf(t, 6)
	}
}

// fixture is a host with a job that is held in one of its calls.
type fixture struct {
	*testing.T
	server  *simhost.Server
	service *hvprov.Service // nil until a test starts one
	hold    string
	real    bool     // the real agent answers, so that the job can use every feature
	foreign []string // files that do not belong to the job
}

// newFixture starts a host on which the calls of a cmdlet wait before, or after, they take effect.
func newFixture(t *testing.T, opts simhost.Options, cmdlet string, after bool) *fixture {
	t.Helper()
	dir := t.TempDir()
	opts.StateFile = filepath.Join(dir, "state.json")
	s := &fixture{T: t, server: startHost(t, opts), hold: filepath.Join(dir, "hold"), real: opts.PowerShell != ""}
	s.must(os.WriteFile(s.hold, nil, 0o600))
	updateHost(t, s.server, func(state *hyperv.State) {
		state.Host.Cluster = "CL01"
		if s.real { // the fake agent knows no roles
			state.Host.SharedVolumes = []hyperv.SharedVolume{{Path: state.Host.VirtualHardDiskPath, SizeBytes: 1 << 40}}
		}
		if cmdlet == guestWait {
			state.Behaviour.Guest.HeartbeatAfter = -1
			return
		}
		state.Behaviour.Calls = map[string]hyperv.Call{cmdlet: {Hold: s.hold, After: after}}
	})
	s.addForeignFile(filepath.Join(s.disks(), "web-01.vhdx"))
	s.addForeignFile(filepath.Join(s.disks(), "hypervvm", "web-01.vhdx"))
	s.addForeignFile(filepath.Join(s.disks(), "Images", "seed.iso"))
	return s
}

func (s *fixture) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *fixture) disks() string { return filepath.Join(s.server.StateFile()+".d", "disks") }

// addForeignFile creates a file that does not belong to the job.
func (s *fixture) addForeignFile(path string) {
	s.Helper()
	s.must(os.MkdirAll(filepath.Dir(path), 0o750))
	s.must(os.WriteFile(path, []byte("foreign"), 0o600))
	s.foreign = append(s.foreign, path)
}

// waitUntilHeld waits until the job is held, adds a file to the job's folder if there is one, and checks for secrets.
func (s *fixture) waitUntilHeld() {
	s.Helper()
	ctx, stop := context.WithTimeout(s.Context(), deadlockGuard)
	defer stop()
	simtest.WaitFor(ctx, s.T, "job is held", func() bool {
		if _, err := os.Stat(s.hold + ".reached"); err == nil {
			return true
		}
		state, err := s.server.Store().Read()
		return err == nil && state.Behaviour.Guest.HeartbeatAfter < 0 && len(state.VMs) > 0 && state.VMs[0].Looks > 0
	})
	folder := filepath.Join(s.disks(), "hypervvm", fixedJobID)
	if _, err := os.Stat(folder); err == nil {
		s.addForeignFile(filepath.Join(folder, "notes.txt"))
	}
	s.checkSecrets()
}

func (s *fixture) release() {
	s.Helper()
	s.must(os.Remove(s.hold))
	updateHost(s.T, s.server, func(state *hyperv.State) {
		if state.Behaviour.Guest.HeartbeatAfter < 0 {
			state.Behaviour.Guest.HeartbeatAfter = 1 // at the next check
		}
	})
}

// values returns a job that uses every feature of the agent. The fake agent has only the basic ones.
func (s *fixture) values() map[string]any {
	v := values("web-01")
	v["vlan_id"] = 7
	if !s.real {
		return v
	}
	maps.Copy(v, map[string]any{
		"vm_clustered": true, "mac_address": "00-15-5D-00-10-20", "tpm": true, "gb_ram_min": 1.0, "gb_ram_max": 8.0,
		"network_adapters": []any{map[string]any{"name": "storage", "switch_name": "External", "vlan_id": 8}},
		"media_name":       "seed", "wait_for": "setup", "wait_seconds": 300,
		"disk_size_gb": 1, "data_disks": []any{dataDisk("data", 1), dataDisk("logs", 1)},
	})
	return v
}

func dataDisk(name string, size int) map[string]any {
	return map[string]any{"name": name, "size_gb": size, "type": "dynamic"}
}

// checkEvent checks that an event does not contain the secret.
func (s *fixture) checkEvent(e job.Event) {
	s.Helper()
	text, err := json.Marshal(e)
	if err != nil || bytes.Contains(text, []byte(secret)) {
		s.Errorf("event contains the secret: %s, error %v", text, err)
	}
}

// start submits the job with a new service, and returns when the job is held.
func (s *fixture) start() *hvprov.Job {
	s.Helper()
	s.service = newSharedHostService(s.T, s.server, nil)
	j, err := s.service.Submit(s.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationProvision, Values: s.values(), JobID: fixedJobID, OnEvent: s.checkEvent,
	})
	s.must(err)
	s.waitUntilHeld()
	return j
}

// asFields returns a value in the form of a definition: objects are fields.
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

// startAndLeave submits the job, and disconnects when the job is held.
func (s *fixture) startAndLeave() {
	s.Helper()
	client := newAgent(s.T, s.server)
	def := job.Definition{Schema: job.SchemaRef{ID: "vm-provisioning", Version: 2}, Operation: job.OperationProvision}
	for _, name := range slices.Sorted(maps.Keys(s.values())) {
		def.Fields = append(def.Fields, job.Field{ID: name, Value: asFields(s.values()[name])})
	}
	def.Fields = append(def.Fields, job.Field{ID: "gb_ram", Value: 2}, job.Field{ID: "cpu_cores", Value: 2})
	_, err := client.Submit(s.Context(), hostagent.JobRequest{Job: fixedJobID, Definition: def, Secrets: []string{"guest_la_pw"}})
	s.must(err)
	s.waitUntilHeld()
	s.must(client.Close(s.Context()))
}

// wantVM checks that the host has one complete virtual machine.
func (s *fixture) wantVM() {
	s.Helper()
	state, err := s.server.Store().Read()
	s.must(err)
	drives, adapters := 1, 1
	if s.real {
		drives, adapters = 3, 2
	}
	if len(state.VMs) != 1 || state.VMs[0].State != "Running" || state.VMs[0].Clustered != s.real || len(state.VMs[0].Drives) != drives ||
		len(state.VMs[0].Adapters) != adapters || state.VMs[0].Adapters[0].VLANID != 7 || len(state.VMs[0].DVDs) != 0 {
		s.Errorf("virtual machines are %+v", state.VMs)
	} else if vm := state.VMs[0]; vm.TPM != s.real || vm.DynamicMemory != s.real || vm.SecureBoot != "On" {
		s.Errorf("virtual machine is not complete: %+v", vm)
	}
	s.checkForeignFiles()
}

// wantNothing checks that the host has no virtual machine and no new file.
func (s *fixture) wantNothing() {
	s.Helper()
	state, err := s.server.Store().Read()
	s.must(err)
	if len(state.VMs) > 0 {
		s.Errorf("virtual machines left: %+v", state.VMs)
	}
	s.must(filepath.WalkDir(s.disks(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !slices.Contains(s.foreign, path) && filepath.Base(filepath.Dir(path)) != "Images" {
			s.Errorf("file left: %s", path)
		}
		return err
	}))
	s.checkForeignFiles()
}

func (s *fixture) checkForeignFiles() {
	s.Helper()
	for _, path := range s.foreign {
		if text, err := os.ReadFile(path); err != nil || string(text) != "foreign" {
			s.Errorf("file that does not belong to the job: %q, error %v", text, err)
		}
	}
}

// submitAgain submits the same virtual machine under another id.
func (s *fixture) submitAgain(wantTaken bool) {
	s.Helper()
	if s.service == nil {
		s.service = newSharedHostService(s.T, s.server, nil)
	}
	j, err := s.service.Submit(s.Context(), hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: s.values(), OnEvent: s.checkEvent})
	if err == nil {
		_, err = j.Wait(s.Context())
	}
	if wantTaken != errors.Is(err, hvprov.ErrNameTaken) || !wantTaken && err != nil {
		s.Errorf("second job with the same name: %v", err)
	}
	s.wantVM()
}

// checkSecrets checks that the secret is in no file of the host, and in no command line or environment of a process.
func (s *fixture) checkSecrets() {
	s.Helper()
	root := filepath.Dir(s.server.StateFile())
	s.must(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil || entry.IsDir() {
			return err
		}
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
			s.Errorf("%s contains the secret", path)
		}
		return nil
	}))
	for _, name := range []string{"cmdline", "environ"} {
		paths, _ := filepath.Glob("/proc/[0-9]*/" + name)
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
				s.Errorf("%s of a process contains the secret: %q", name, text)
			}
		}
	}
}

func newAgent(t *testing.T, server *simhost.Server) *hostagent.Agent {
	t.Helper()
	client, err := wsman.NewClient(server.WinRM())
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
