// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// inventoryScript asks the agent for an inventory and writes the answer to a file. Its clock runs with the simulated costs of the host,
// so that limits of time apply although nothing waits.
const inventoryScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
foreach ($file in [System.IO.Directory]::GetFiles('%lib%', '*.ps1')) { . $file }
if ([System.IO.File]::Exists('%messages%')) { $script:AgentMessageText = [System.IO.File]::ReadAllText('%messages%') }
function Get-AgentTime {
    $sum = 0
    if ([System.IO.File]::Exists($env:HYPERVVM_STANDIN_STATE + '.costs')) {
        foreach ($line in [System.IO.File]::ReadAllLines($env:HYPERVVM_STANDIN_STATE + '.costs')) { $sum += [int]$line.Split(' ')[3] }
    }
    return $sum / 1000
}
$options = @{ Settings = $null }
if ('%vms%' -and (Get-Command -Name 'Get-AgentInventory').Parameters.ContainsKey('Wanted')) { $options['Wanted'] = '%vms%'.Split(',') }
[System.IO.File]::WriteAllText('%out%', (ConvertTo-AgentJson -Value (Get-AgentInventory @options)))
`

// answer is the part of an inventory that the tests look at.
type answer struct {
	VMs     []map[string]any `json:"vms"`
	Partial []string         `json:"partial"`
}

// inventory returns the agent's inventory of all virtual machines, or of some, and what it cost.
func (f *fixture) inventory(ids ...string) (answer, hyperv.Costs) {
	f.Helper()
	f.must(f.store.ResetCosts())
	out, script := filepath.Join(f.dir, "inventory.json"), filepath.Join(f.dir, "inventory.ps1")
	folder := filepath.Dir(f.entry)
	text := strings.NewReplacer("%lib%", filepath.Join(folder, "lib"), "%messages%", filepath.Join(folder, "messages.json"),
		"%vms%", strings.Join(ids, ","), "%out%", out).Replace(inventoryScript)
	f.must(os.WriteFile(script, []byte(text), 0o600))
	if output, code := f.run("", "-File", script); code != 0 {
		f.Fatalf("inventory: %s", output)
	}
	raw, err := os.ReadFile(out)
	f.must(err)
	var a answer
	f.must(json.Unmarshal(raw, &a))
	costs, err := f.store.Costs()
	f.must(err)
	return a, costs
}

// crowd fills the host with virtual machines of two disks each, the first of which are managed, and makes its calls cost what they cost on
// a busy host. It returns their GUIDs.
func (f *fixture) crowd(vms, managed int) (ids []string) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error {
		for i := range vms {
			name := fmt.Sprintf("vm-%03d", i)
			folder := filepath.Join(s.Host.VirtualHardDiskPath, name)
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
			vm := hyperv.VM{
				ID: id, Name: name, State: []string{"Running", "Off"}[i%2], Generation: 2 - i%3/2, MemoryStartupBytes: 2 << 30, MemoryMinimumBytes: 512 << 20,
				MemoryMaximumBytes: 1 << 40, ProcessorCount: 1 + i%4, Path: folder, CreationTime: time.Unix(0, 0).UTC(), CheckpointType: "Production",
				AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save", SecureBoot: "On",
				Adapters: []hyperv.Adapter{{Name: "Network Adapter", SwitchName: "External", MACAddress: fmt.Sprintf("00155D%06X", i), DynamicMAC: true, VLANMode: "Untagged"}},
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			for d := range 2 {
				path := filepath.Join(folder, fmt.Sprintf("%s-%d.vhdx", name, d))
				if err := hyperv.WriteDisk(path, hyperv.Disk{Type: "Dynamic", SizeBytes: 10 << 30, FileBytes: 3 << 20, Open: vm.State == "Running"}); err != nil {
					return err
				}
				vm.Drives = append(vm.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: d, Path: path})
			}
			if i < managed {
				text := fmt.Sprintf(`{"format":1,"job_id":"j","vm_id":%q,"files":[%q,%q],"disk":%q,"data_disks":[],"recorded":{}}`,
					id, vm.Drives[0].Path, vm.Drives[1].Path, vm.Drives[0].Path)
				if err := os.WriteFile(filepath.Join(folder, "hypervvm.json"), []byte(text), 0o600); err != nil {
					return err
				}
			}
			s.VMs, ids = append(s.VMs, vm), append(ids, id)
		}
		s.Host.MemoryBytes = int64(vms+8) << 32
		s.Behaviour.Latency = hyperv.BusyHost()
		return nil
	}))
	return ids
}

// wantCost checks that what was asked for cost at most limit on the simulated host.
func (f *fixture) wantCost(what string, costs hyperv.Costs, limit time.Duration) {
	f.Helper()
	f.Logf("%s: %v simulated; %d lists of all virtual machines, %d read by properties, %d disks, %d instances; %v",
		what, costs.Simulated, costs.Lists, costs.VMs, costs.Disks, costs.Instances, costs.Calls)
	if costs.Simulated > limit {
		f.Errorf("%s costs %v, at most %v are allowed", what, costs.Simulated, limit)
	}
}

// full makes the host as large as the limits say. By default it is smaller, with the same limits for each virtual machine.
var full = sample.Full()

// sized returns a size and a limit of time of a host, a fifth of them by default.
func sized(count int, limit time.Duration) (int, time.Duration) {
	if full {
		return count, limit
	}
	return count / 5, limit / 5
}

// The limits are those with which a client of a host with hundreds of virtual machines can work. What calls cost is documented at
// hyperv.BusyHost.
func TestARefreshCostsWhatItAsksFor(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f := newFixture(t)
	vms, _ := sized(300, 0)
	managed, limit := sized(100, time.Minute)
	ids := f.crowd(vms, managed)

	a, costs := f.inventory(ids[7])
	f.wantCost(fmt.Sprintf("a refresh of one managed virtual machine of %d", vms), costs, 10*time.Second)
	if len(a.VMs) != 1 || a.VMs[0]["id"] != ids[7] || costs.Lists != 0 || costs.VMs > 1 || costs.Disks != 2 {
		t.Errorf("%d virtual machines, costs %+v", len(a.VMs), costs)
	}
	a, costs = f.inventory(ids[:managed]...)
	f.wantCost(fmt.Sprintf("a refresh of %d managed virtual machines of %d", managed, vms), costs, limit)
	if len(a.VMs) != managed || costs.Lists != 0 || costs.VMs != 0 || costs.Disks != 2*managed || len(a.Partial) != 0 || len(costs.Calls) > 15 {
		t.Errorf("%d virtual machines, partial %v, costs %+v", len(a.VMs), a.Partial, costs)
	}
}

func TestAnInventoryOf500VirtualMachinesIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newFixture(t)
	vms, limit := sized(500, time.Minute)
	limit += 30 * time.Second // for the disks, however many they are
	f.crowd(vms, 20)
	a, costs := f.inventory()
	f.wantCost(fmt.Sprintf("an inventory of %d virtual machines", vms), costs, limit)
	if len(a.VMs) != vms || costs.Lists != 1 || costs.VMs != 0 || costs.Disks > 325 || full != (len(a.Partial) == 1) || len(costs.Calls) > 15 {
		t.Fatalf("%d virtual machines, partial %v, costs %+v", len(a.VMs), a.Partial, costs)
	}
	// The disks of managed virtual machines come first; the others follow with the next inventories, which know those that were read.
	for _, vm := range a.VMs[:20] {
		if vm["disk_size_gb"] == nil {
			t.Errorf("the disk of %v is not known", vm["name"])
		}
	}
}

// compareScript writes the inventory from queries, and then those that lack the answer of one class: the query fails, or has no instance.
const compareScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
foreach ($file in [System.IO.Directory]::GetFiles('%lib%', '*.ps1')) { . $file }
$script:AgentMessageText = [System.IO.File]::ReadAllText('%messages%')
$query = ${function:Get-HostInstance}
$broken = @{ Class = ''; Empty = $false }
function Get-HostInstance {
    param([string] $Class, [string[]] $Property, [string] $Where = '')
    if ($Class -ne $broken.Class) { return & $query -Class $Class -Property $Property -Where $Where }
    if (-not $broken.Empty) { throw 'the query failed' }
}
function Write-Inventory { [System.Console]::WriteLine((ConvertTo-AgentJson -Value (Get-AgentInventory -Settings $null))) }
Write-Inventory
foreach ($class in 'Msvm_VirtualSystemSettingData', 'Msvm_SummaryInformation', 'Msvm_MemorySettingData', 'Msvm_ResourceAllocationSettingData', 'Msvm_StorageAllocationSettingData',
    'Msvm_EthernetPortAllocationSettingData', 'Msvm_SyntheticEthernetPortSettingData', 'Msvm_KvpExchangeComponentSettingData', 'Msvm_SecuritySettingData') {
    foreach ($empty in $false, $true) {
        $broken.Class = $class
        $broken.Empty = $empty
        [System.Console]::WriteLine("$class, empty: $empty")
        Write-Inventory
    }
}
`

// TestQueriesAndCmdletsSayTheSame compares the inventory from queries of WMI with the one from the cmdlets: where the queries of a class
// fail, and where they return nothing, as they do for an account that lacks rights.
func TestQueriesAndCmdletsSayTheSame(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newFixture(t)
	f.crowd(4, 1)
	f.must(f.store.Update(func(s *hyperv.State) error {
		vm := &s.VMs[0]
		vm.TPM, vm.KeyProtector, vm.DynamicMemory, vm.Notes, vm.Heartbeat = true, true, true, "two\r\nlines", "OkApplicationsHealthy"
		vm.MemoryMaximumBytes, vm.MemoryAssignedBytes, vm.IntegrationServices = 4<<30, 1<<30, "Up to date"
		vm.Adapters[0].IPAddresses = []string{"192.0.2.10", "fe80::1"}
		vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "second", MACAddress: "00155DAABBCC", VLANMode: "Access", VLANID: 42})
		vm.CheckpointType, vm.AutomaticStartAction, vm.AutomaticStopAction = "Standard", "Nothing", "ShutDown"
		vm.Checkpoints = []hyperv.Checkpoint{{ID: "11111111-1111-4111-8111-111111111111", Name: "before"}}
		s.VMs[1].State, s.VMs[1].Clustered, s.VMs[1].CheckpointType, s.VMs[1].AutomaticStopAction = "Paused", true, "ProductionOnly", "TurnOff"
		s.Host.Cluster = "CLUSTER"
		s.VMs[2].State, s.VMs[2].SecureBoot, s.VMs[2].Drives[1].ControllerType = "Saved", "Off", "IDE"
		s.VMs[3].State, s.VMs[3].Drives[1].ControllerNumber, s.VMs[3].SecureBoot = "RunningCritical", 2, "Off"
		return nil
	}))
	f.must(f.store.ResetCosts())
	folder := filepath.Dir(f.entry)
	script := filepath.Join(f.dir, "compare.ps1")
	f.must(os.WriteFile(script, []byte(strings.NewReplacer("%lib%", filepath.Join(folder, "lib"), "%messages%", filepath.Join(folder, "messages.json")).Replace(compareScript)), 0o600))
	output, code := f.run("", "-File", script)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if code != 0 || len(lines) != 37 {
		t.Fatalf("%d lines, exit code %d:\n%s", len(lines), code, output)
	}
	var queried answer
	f.must(json.Unmarshal([]byte(lines[0]), &queried))
	for i := 1; i < len(lines); i += 2 {
		var called answer
		f.must(json.Unmarshal([]byte(lines[i+1]), &called))
		if len(queried.VMs) != 4 || len(called.VMs) != 4 {
			t.Fatalf("%s: %d virtual machines with all classes, %d without this one", lines[i], len(queried.VMs), len(called.VMs))
		}
		for j := range queried.VMs {
			for name, want := range queried.VMs[j] {
				if got := called.VMs[j][name]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %s of %v is %v, and %v with all classes", lines[i], name, queried.VMs[j]["name"], got, want)
				}
			}
		}
	}
	if costs, err := f.store.Costs(); err != nil || costs.Groups == 0 {
		t.Errorf("the cmdlets read nothing: %v, %v", costs, err)
	}
}

// TestAnAccountThatQueriesAnswerNothingSeesAllVirtualMachines has a provider that answers every query with no instances.
func TestAnAccountThatQueriesAnswerNothingSeesAllVirtualMachines(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	f := newFixture(t)
	ids := f.crowd(12, 1)
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.CIM = &hyperv.CIM{Empty: true}
		return nil
	}))
	for _, asked := range [][]string{nil, ids[:10], ids[:1]} {
		a, _ := f.inventory(asked...)
		want := len(asked)
		if asked == nil {
			want = 12
		}
		if len(a.VMs) != want || a.VMs[0]["name"] != "vm-000" {
			t.Errorf("%d virtual machines, asked for %d", len(a.VMs), want)
		}
	}
}

func TestADeleteReadsNoDiskOfOthers(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	f := newFixture(t)
	vms, _ := sized(300, 0)
	ids := f.crowd(vms, 2)
	vm := f.vms()[1] // it is off
	f.must(f.store.ResetCosts())
	output, code := f.runJob(edit("delete", vm.Name, ""), "-VMId", ids[1])
	f.wantOutput(output, code, 0, "succeeded: "+f.message("result_vm_removed", values{"vm": vm.Name}))
	costs, err := f.store.Costs()
	f.must(err)
	f.wantCost(fmt.Sprintf("a delete of one of %d virtual machines with %d disks", vms, 2*vms), costs, 15*time.Second)
	if costs.Lists > 1 || costs.VMs > 1 || costs.Disks > 2 {
		t.Errorf("costs %+v", costs)
	}
	if _, err := os.Stat(vm.Path); !os.IsNotExist(err) {
		t.Errorf("the folder of the virtual machine: %v", err)
	}
	if _, err := os.Stat(f.vms()[0].Drives[0].Path); err != nil || len(f.vms()) != vms-1 {
		t.Errorf("%d virtual machines, disk of another one: %v", len(f.vms()), err)
	}
}

// usageScript writes why disks cannot be deleted.
const usageScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Get-AgentTime { return 0 }
$null = Get-AgentHost
$own = [System.IO.Directory]::GetFiles('%own%', '*.vhdx')
$doubt = New-Object -TypeName System.Collections.ArrayList
$use = Get-DiskUsage -Disk @() -Own $own -Doubt $doubt
foreach ($file in $own | Sort-Object) { [System.Console]::WriteLine("$([System.IO.Path]::GetFileNameWithoutExtension($file)): $($use[$file])") }
[System.Console]::WriteLine("in doubt: $($doubt.Count)")
`

// TestADiskThatOthersNeedIsKept has disks that others need in different ways, and queries that say so, fail, or return nothing.
func TestADiskThatOthersNeedIsKept(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f := newFixture(t)
	own, others := filepath.Join(f.dir, "own"), filepath.Join(f.dir, "others")
	f.must(os.Mkdir(own, 0o755))
	f.must(os.Mkdir(others, 0o755))
	file := func(name string) string { return filepath.Join(own, name+".vhdx") }
	disk := func(name, parent string, size int64, open bool) string {
		path := filepath.Join(others, name+".vhdx")
		f.must(hyperv.WriteDisk(path, hyperv.Disk{Type: "Differencing", SizeBytes: 1 << 30, Parent: parent, FileBytes: size, Open: open}))
		return path
	}
	for _, name := range []string{"attached", "chained", "free", "in-log", "parent", "without-metadata"} {
		f.must(hyperv.WriteDisk(file(name), hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 3 << 20}))
	}
	for i, path := range []string{
		file("attached"), disk("a", disk("between", file("chained"), 3<<20, false), 3<<20, false), disk("b", file("in-log"), 3<<20, true),
		disk("c", file("parent"), 3<<20, false), disk("d", file("without-metadata"), 0, false),
		disk("e", filepath.Join(f.dir, "gone.vhdx"), 3<<20, false), filepath.Join(f.dir, "missing.vhdx"),
	} {
		f.addVM(i, fmt.Sprintf("vm-%d", i), func(vm *hyperv.VM) { vm.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: path}} })
	}
	want := []string{
		"attached: " + f.message("leftover_vm_uses", values{"vm": "vm-0"}), "chained: " + f.message("leftover_vm_parent", values{"vm": "vm-1"}), "free: ",
		"in-log: " + f.message("leftover_vm_parent", values{"vm": "vm-2"}), "parent: " + f.message("leftover_vm_parent", values{"vm": "vm-3"}),
		"without-metadata: " + f.message("leftover_vm_parent", values{"vm": "vm-4"}), "in doubt: 0",
	}
	for name, cim := range map[string]*hyperv.CIM{"queries": nil, "no instances": {Empty: true}, "no class": {Missing: []string{"Msvm_StorageAllocationSettingData"}}} {
		f.must(f.store.Update(func(s *hyperv.State) error {
			s.Behaviour.CIM, s.Behaviour.Latency = cim, hyperv.BusyHost()
			return nil
		}))
		f.must(f.store.ResetCosts())
		output, code := f.runScript(usageScript, "%own%", own)
		f.wantLines(output, code, want...)
		costs, err := f.store.Costs()
		f.must(err)
		if costs.Disks > 5 {
			t.Errorf("%s: costs %+v", name, costs)
		}
	}
	// A disk that is in use for another reason may depend on any file.
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Locks = &hyperv.Locks{Disks: []hyperv.BusyDisk{{Cmdlet: "Get-VHD", Path: "*/d.vhdx", BusyFor: 100}}}
		return nil
	}))
	output, code := f.runScript(usageScript, "%own%", own)
	f.wantOutput(output, code, 0, "free: "+f.message("leftover_parent_unknown", values{"path": filepath.Join(others, "d.vhdx")}), "in doubt: 2")
}

// TestADiskThatIsDeletedMeanwhileNeedsNoOther lets another job delete its disk, whose file does not tell its parent, when it is read.
func TestADiskThatIsDeletedMeanwhileNeedsNoOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	own, others := filepath.Join(f.dir, "own"), filepath.Join(f.dir, "others")
	f.must(os.Mkdir(own, 0o755))
	f.must(os.Mkdir(others, 0o755))
	path := filepath.Join(others, "other.vhdx")
	f.must(hyperv.WriteDisk(filepath.Join(own, "free.vhdx"), hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 3 << 20}))
	f.must(hyperv.WriteDisk(path, hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30}))
	f.addVM(0, "other", func(vm *hyperv.VM) { vm.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: path}} })
	const deletion = "function Get-DiskInfo { param($Path) foreach ($file in $Path) { [System.IO.File]::Delete($file) } return @{} }\n"
	output, code := f.runScript(strings.Replace(usageScript, ". '%agent%'\n", ". '%agent%'\n"+deletion, 1), "%own%", own)
	f.wantLines(output, code, "free: ", "in doubt: 0")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the disk was not read: %v", err)
	}
}
