// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// clusterFixture is a fixture whose host HV01 is a cluster node with HV02, and the folder of their cluster shared volume.
type clusterFixture struct {
	*fixture
	other  *hyperv.Store
	volume string
}

func newClusterFixture(t *testing.T) *clusterFixture {
	t.Helper()
	f := &clusterFixture{fixture: newFixture(t)}
	f.volume = filepath.Join(f.dir, "Volume1")
	f.must(os.Mkdir(f.volume, 0o755))
	f.must(f.store.Update(func(s *hyperv.State) error { s.Host.Name = "HV01"; return nil }))
	var err error
	f.other, err = hyperv.Create(filepath.Join(f.dir, "other.json"), hyperv.Seed{Name: "HV02", Number: 1})
	f.must(err)
	f.must(hyperv.JoinCluster("CL01", hyperv.SharedVolume{Path: f.volume, SizeBytes: 1 << 40}, f.store, f.other))
	return f
}

// clustered is definition with a role in the cluster.
var clustered = strings.Replace(definition, `"gb_ram"`, `"vm_clustered": true, "gb_ram"`, 1)

// createMoved creates a clustered virtual machine on HV01, migrates it to HV02, and returns its GUID.
func (f *clusterFixture) createMoved() string {
	f.Helper()
	const id = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
	disk := filepath.Join(f.volume, "by-hand.vhdx")
	f.must(hyperv.WriteImage(disk, 1<<20))
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.VMs = append(s.VMs, hyperv.VM{
			ID: id, Name: "by-hand", State: "Running", Generation: 2, MemoryStartupBytes: 2 << 30, ProcessorCount: 1,
			Path: f.volume, Drives: []hyperv.Drive{{ControllerType: "SCSI", Path: disk}}, Clustered: true, ClusterRole: "by-hand",
		})
		return nil
	}))
	f.must(hyperv.LiveMigrate(f.store, f.other, id))
	return id
}

func (f *clusterFixture) behave(change func(*hyperv.ClusterFaults)) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error { change(&s.Behaviour.Cluster); return nil }))
}

// wantOnOther checks that HV02 has the virtual machine with its disk.
func (f *clusterFixture) wantOnOther(id string) {
	f.Helper()
	state, err := f.other.Read()
	f.must(err)
	if len(state.VMs) != 1 || state.VMs[0].ID != id {
		f.Fatalf("virtual machines on HV02: %+v", state.VMs)
	}
	if _, err := os.Stat(state.VMs[0].Drives[0].Path); err != nil {
		f.Errorf("disk: %v", err)
	}
}

// as returns definition with another operation.
func as(operation string) string {
	return strings.Replace(definition, `"provision"`, `"`+operation+`"`, 1)
}

// A virtual machine of a cluster moves between nodes, with its GUID and its files, by load balancing, which is on by default, and whenever a node is drained
// (https://learn.microsoft.com/previous-versions/windows/desktop/mscs/clusters-autobalancermode). Get-VM shows only those of its own host.
func TestAVirtualMachineThatMovedToAnotherNodeIsNotGone(t *testing.T) {
	t.Parallel()
	for name, missingFails := range map[string]bool{"Get-ClusterGroup -VMId returns nothing for others": false, "Get-ClusterGroup -VMId fails for others": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newClusterFixture(t)
			f.behave(func(b *hyperv.ClusterFaults) { b.MissingVMFails = missingFails })
			id := f.createMoved()
			moved := "virtual machine " + id + " is not on host HV01: cluster node HV02 owns it"
			output, code := f.runJob(as("delete"), "-VMId", id)
			f.wantOutput(output, code, 1, moved)
			output, code = f.runJob(strings.Replace(as("update"), `"gb_ram": 2`, `"gb_ram": 3`, 1), "-VMId", id, "-Changed", "gb_ram")
			f.wantOutput(output, code, 1, moved)
			f.wantOnOther(id)

			f.must(f.other.Update(func(s *hyperv.State) error { s.VMs = nil; return nil }))
			output, code = f.runJob(as("delete"), "-VMId", id)
			f.wantOutput(output, code, 0, f.message("result_vm_absent", values{"id": id, "host": "HV01"}))
		})
	}
}

// A cluster that does not answer may have moved the virtual machine: nothing is concluded from its absence on this host. The error ids are those of
// https://github.com/dpaulson45/HealthChecker/issues/195 (since Windows Server 2016) and of earlier versions.
func TestAClusterThatCannotBeAskedIsNoProofThatAVirtualMachineIsGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*hyperv.ClusterFaults)
		want   string
	}{
		"service stopped":                   {func(b *hyperv.ClusterFaults) { b.ServiceStopped = true }, "the cluster service of host HV01 is stopped"},
		"service stopped, earlier versions": {func(b *hyperv.ClusterFaults) { b.ServiceStopped, b.OldErrors = true, true }, "the cluster service of host HV01 is stopped"},
		"service stopped, another language": {func(b *hyperv.ClusterFaults) { b.ServiceStopped, b.OldErrors, b.Localized = true, true, true }, "the cluster service of host HV01 is stopped"},
		"access denied":                     {func(b *hyperv.ClusterFaults) { b.AccessDenied = true }, "run Grant-ClusterAccess"},
		"access denied, earlier versions":   {func(b *hyperv.ClusterFaults) { b.AccessDenied, b.OldErrors = true, true }, "run Grant-ClusterAccess"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newClusterFixture(t)
			id := f.createMoved()
			f.behave(test.change)
			output, code := f.runJob(as("delete"), "-VMId", id)
			f.wantOutput(output, code, 1, "is not on host HV01, and the cluster cannot be asked where it is", test.want)
			f.wantOnOther(id)
			output, code = f.runJob(strings.Replace(clustered, "by-hand", "another", 1), "-VMPath", "'"+f.volume+"'")
			f.wantOutput(output, code, 1, test.want)
			if strings.Contains(output, "is not a member of a failover cluster") {
				t.Error("the node was taken for a host without a cluster")
			}
		})
	}
}

func TestAHostWithoutAClusterConcludesThatAVirtualMachineIsGone(t *testing.T) {
	t.Parallel()
	absent := values{"id": "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", "host": "SIMHOST"}
	for name, module := range map[string]bool{"with the tools": true, "without the tools": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if !module {
				f.must(os.RemoveAll(filepath.Join(f.dir, "modules", "FailoverClusters")))
			}
			output, code := f.runJob(as("delete"), "-VMId", absent["id"].(string))
			f.wantOutput(output, code, 0, f.message("result_vm_absent", absent))
			output, code = f.runJob(clustered)
			f.wantOutput(output, code, 1, f.message("host_not_clustered", values{"host": "SIMHOST"}))
		})
	}
}

// Other nodes cannot run a virtual machine whose files are on a disk of one host
// (https://learn.microsoft.com/windows-server/failover-clustering/failover-cluster-csvs).
func TestAClusteredVirtualMachineIsKeptOnASharedVolume(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newClusterFixture(t)
	output, code := f.runJob(clustered)
	f.wantOutput(output, code, 1, "disks is neither on a cluster shared volume nor on a share", f.volume)
	output, code = f.runJob(strings.Replace(clustered, `"gb_ram"`, `"disk_type": "differencing", "gb_ram"`, 1), "-VMPath", "'"+f.volume+"'")
	f.wantOutput(output, code, 1, "disks/Images is neither on a cluster shared volume nor on a share")
	if vms := f.vms(); len(vms) != 0 {
		t.Fatalf("virtual machines: %+v", vms)
	}
	output, code = f.runJob(definition)
	f.wantOutput(output, code, 0)
	id := f.vms()[0].ID
	update := strings.Replace(clustered, `"provision"`, `"update"`, 1)
	output, code = f.runJob(update, "-VMId", id, "-Changed", "vm_clustered")
	f.wantOutput(output, code, 1, "is neither on a cluster shared volume nor on a share")
}

func TestANameOfAVirtualMachineOnAnotherNodeIsTaken(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newClusterFixture(t)
	id := f.createMoved()
	taken := f.message("vm_name_taken_cluster", values{"name": "by-hand", "cluster": "CL01", "node": "HV02", "id": id})
	for _, text := range []string{clustered, definition} {
		output, code := f.runJob(text, "-VMPath", "'"+f.volume+"'")
		f.wantOutput(output, code, 1, taken)
	}
	if vms := f.vms(); len(vms) != 0 {
		t.Errorf("virtual machines on HV01: %+v", vms)
	}
}

// A role can move as soon as it exists, so also before the job that added it ends.
func TestAnUndoKeepsTheFilesOfAVirtualMachineThatMoved(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newClusterFixture(t)
	hold := filepath.Join(f.dir, "hold")
	f.must(os.WriteFile(hold, nil, 0o600))
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Get-ClusterResource": {Hold: hold, Fail: "no answer", Times: 1}}
		return nil
	}))
	type result struct {
		output string
		code   int
	}
	done := make(chan result, 1)
	go func() {
		output, code := f.runJob(clustered, "-VMPath", "'"+f.volume+"'")
		done <- result{output, code}
	}()
	for {
		if _, err := os.Stat(hold + ".reached"); err == nil {
			break
		}
		select {
		case r := <-done:
			f.Fatalf("the job ended early: %s", r.output)
		case <-time.After(5 * time.Millisecond):
		}
	}
	id := f.vms()[0].ID
	f.must(hyperv.LiveMigrate(f.store, f.other, id))
	f.must(os.Remove(hold))
	r := <-done
	f.wantOutput(r.output, r.code, 1, "no answer", "left ", "virtual machine "+id+" is not on host HV01: cluster node HV02 owns it")
	f.wantOnOther(id)
}

// completeDelete ends a delete job whose worker process died before it knew whether the virtual machine was removed.
const completeDelete = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
$job = New-AgentJob -Id 'a0000000-0000-4000-8000-000000000001' -Definition @{ Operation = 'delete'; Fields = @{} } -VMId '%vm%'
$job.Journal.Removing = [pscustomobject]@{ name = 'by-hand'; folder = '%folder%'; job = $job.Id; files = @('%folder%/by-hand.vhdx'); disks = @('%folder%/by-hand.vhdx') }
"completed: $(Complete-OrphanedJob -Context $context -Job $job)"
`

func TestADeleteThatDiedKeepsTheFilesOfAVirtualMachineThatMoved(t *testing.T) {
	t.Parallel()
	f := newClusterFixture(t)
	id := f.createMoved()
	output, code := f.runScript(completeDelete, "%vm%", id, "%folder%", f.volume)
	f.wantOutput(output, code, 0, "cluster node HV02 owns it", "completed: False")
	f.wantOnOther(id)
}
