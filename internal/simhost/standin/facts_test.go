// SPDX-License-Identifier: MPL-2.0

package standin_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

// readFacts returns the rows of a file of facts, by the names of the columns.
func readFacts(t *testing.T, name string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("facts", name))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for n, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != len(head) {
			t.Fatalf("%s:%d: %d columns, want %d", name, n+2, len(cells), len(head))
		}
		row := map[string]string{}
		for i, cell := range cells {
			if cell == "" {
				t.Errorf("%s:%d: column %q is empty", name, n+2, head[i])
			}
			row[head[i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func TestFactsNameTheirSources(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("facts", "*.tsv"))
	if err != nil || len(files) == 0 {
		t.Fatal("no facts", err)
	}
	for _, file := range files {
		for n, row := range readFacts(t, filepath.Base(file)) {
			source, ok := row["source"]
			if !ok && filepath.Base(file) == "unknown.tsv" {
				continue
			}
			if source != "unknown" && !strings.HasPrefix(source, "https://") {
				t.Errorf("%s:%d: the source is %q, want an address or unknown", file, n+2, source)
			}
		}
	}
}

// observation is what the script of TestTheStandInBehavesAsTheFacts reports of the stand-in.
type observation struct {
	Classes  map[string][]string  `json:"classes"`
	Aliases  map[string]string    `json:"aliases"`
	Errors   map[string][2]string `json:"errors"`
	Outputs  map[string]string    `json:"outputs"`
	Defaults map[string]string    `json:"defaults"`
	Changes  map[string]string    `json:"changes"`
}

const observe = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name 'Hyper-V', 'FailoverClusters'
$seen = @{ classes = @{}; aliases = @{}; errors = @{}; outputs = @{}; defaults = @{}; changes = @{} }
function Add-Class {
    param($Object)
    foreach ($item in $Object) {
        $names = [string[]]@($item.PSObject.Properties | ForEach-Object -Process { $_.Name })
        $class = $item.PSObject.TypeNames[0]
        if (-not $seen.classes.ContainsKey($class)) { $seen.classes[$class] = $names }
    }
}
function Add-Error {
    param([string] $Case, [scriptblock] $Action)
    try { $null = & $Action; $seen.errors[$Case] = @('none', 'none') } catch {
        $seen.errors[$Case] = @($_.FullyQualifiedErrorId.Split(',')[0], [string]$_.CategoryInfo.Category)
    }
}
function Add-Change {
    param([string] $Case, [scriptblock] $Action)
    try { $null = & $Action; $seen.changes[$Case] = 'accepted' } catch { $seen.changes[$Case] = 'refused' }
}
foreach ($alias in @(Get-Alias | Where-Object -FilterScript { $_.ModuleName -eq 'Hyper-V' })) { $seen.aliases[$alias.Name] = $alias.Definition }
$second = New-VM -Name 'second' -Generation 2 -NoVHD
foreach ($name in 'SecureBoot', 'SecureBootTemplate') { $seen.defaults[$name] = [string](Get-VMFirmware -VM $second).$name }
foreach ($name in 'CheckpointType', 'AutomaticStartAction', 'AutomaticStopAction', 'ProcessorCount') { $seen.defaults[$name] = [string]$second.$name }
$seen.defaults['BootOrder'] = [string](Get-VMFirmware -VM $second).BootOrder.BootType
$seen.defaults['NetworkAdapters'] = [string]$second.NetworkAdapters.Count
$first = New-VM -Name 'first' -NoVHD
$seen.defaults['Generation'] = [string]$first.Generation
$disk = [System.IO.Path]::Combine((Get-VMHost).VirtualHardDiskPath, 'facts.vhdx')
$null = New-VHD -Path $disk -SizeBytes 1GB
Add-VMHardDiskDrive -VM $second -Path $disk
Add-VMDvdDrive -VM $second
Add-Class $second; Add-Class (Get-VMHost); Add-Class (Get-VMHostNumaNode); Add-Class (Get-VMSwitch); Add-Class (Get-VHD -Path $disk)
Add-Class (Get-VMIntegrationService -VM $second)
Add-Class (Get-VMProcessor -VM $second); Add-Class (Get-VMMemory -VM $second)
Add-Class (Get-VMNetworkAdapter -VM $second); Add-Class (Get-VMNetworkAdapter -VM $second).VlanSetting
Add-Class (Get-VMHardDiskDrive -VM $second); Add-Class (Get-VMDvdDrive -VM $second); Add-Class (Get-VMFirmware -VM $second); Add-Class (Get-VMSecurity -VM $second)
Add-Class (Get-VMFirmware -VM $second).BootOrder; Add-Class (Get-VMBios -VM $first)
$seen.defaults['StartupOrder'] = [string](Get-VMBios -VM $first).StartupOrder
Add-Change 'boot order, Off, 2' { Set-VMFirmware -VM $second -BootOrder @((Get-VMDvdDrive -VM $second)[0], (Get-VMFirmware -VM $second).BootOrder[0]) }
Add-Change 'boot order, Off, 1' { Set-VMBios -VM $first -StartupOrder @('Floppy', 'LegacyNetworkAdapter', 'CD', 'IDE') }
Add-Class (Get-VMSnapshot -VM (Get-VM | Where-Object -FilterScript { $_.Name -eq 'checked' }))
Add-Class (Get-ClusterGroup); Add-Class (Get-ClusterSharedVolume); Add-Class (Get-ClusterResource); Add-Class (Get-Cluster)
$names = New-Object -TypeName System.Collections.Specialized.StringCollection
$null = $names.Add('VmID')
Add-Class (Get-ClusterResource | Get-ClusterParameter -Name $names)
$protector = @(Get-VMKeyProtector -VM $second)
$seen.outputs['Get-VMKeyProtector'] = if ($protector.Count -eq 1 -and $protector[0] -is [byte[]]) { 'one byte array' } else { "$($protector.Count) objects" }
foreach ($name in 'Get-VM', 'Get-VMHostNumaNode') {
    $objects = @(& $name)
    $seen.outputs[$name] = if ($objects[0] -is [array]) { 'one array' } else { 'one object each' }
}
Add-Error 'missing_by_id' { Get-VM -Id '00000000-0000-4000-8000-0000000000ff' }
Add-Error 'missing_by_name' { Get-VM -Name 'missing' }
Add-Error 'missing_by_object' { Set-VM -VM ([pscustomobject]@{ Id = [guid]'00000000-0000-4000-8000-0000000000ff' }) -Notes 'x' }
Add-Error 'missing_disk' { Get-VHD -Path ($disk + '.missing') }
Add-Change 'checkpoint location with checkpoints, Off, 2' { Set-VM -VM (Get-VM -Name 'checked') -SnapshotFileLocation '/checkpoints' }
$checkpoint = @(Get-VMSnapshot -VM (Get-VM | Where-Object -FilterScript { $_.Name -eq 'checked' }))[0]
Remove-VMSnapshot -VMSnapshot $checkpoint
Add-Error 'missing_checkpoint' { Remove-VMSnapshot -VMSnapshot $checkpoint }
Set-VMKeyProtector -VM $second -NewLocalKeyProtector
Enable-VMTPM -VM $second
Add-Error 'template_with_tpm' { Set-VMFirmware -VM $second -SecureBootTemplate 'MicrosoftUEFICertificateAuthority' }
Add-Change 'secure boot template with TPM, Off, 2' { Set-VMFirmware -VM $second -SecureBootTemplate 'MicrosoftUEFICertificateAuthority' }
Start-VM -VM $first
Start-VM -VM $second
Connect-VMNetworkAdapter -VMNetworkAdapter (Get-VMNetworkAdapter -VM $second) -SwitchName (Get-VMSwitch)[0].Name
Add-Error 'switch_in_use' { Remove-VMSwitch -VMSwitch (Get-VMSwitch)[0] -Force }
Add-Class (Get-VMNetworkAdapter -ManagementOS)
Add-Error 'firmware_while_running' { Set-VMFirmware -VM $second -EnableSecureBoot Off }
Add-Error 'processors_while_running' { Set-VMProcessor -VM $second -Count 2 }
Add-Error 'adapter_generation_1_while_running' { Add-VMNetworkAdapter -VM $first }
Add-Change 'firmware, Running, 2' { Set-VMFirmware -VM $second -EnableSecureBoot Off }
Add-Change 'boot order, Running, 2' { Set-VMFirmware -VM $second -BootOrder (Get-VMFirmware -VM $second).BootOrder }
Add-Change 'boot order, Running, 1' { Set-VMBios -VM $first -StartupOrder @('CD', 'IDE', 'LegacyNetworkAdapter', 'Floppy') }
Add-Change 'processors, Running, 2' { Set-VMProcessor -VM $second -Count 2 }
Add-Change 'nested virtualization, Running, 2' { Set-VMProcessor -VM $second -ExposeVirtualizationExtensions $true }
Add-Change 'processor compatibility, Running, 2' { Set-VMProcessor -VM $second -CompatibilityForMigrationEnabled $true }
Add-Change 'processor weight, Running, 2' { Set-VMProcessor -VM $second -RelativeWeight 200 -Reserve 10 -Maximum 90 }
Add-Change 'processor reserve above the limit, Running, 2' { Set-VMProcessor -VM $second -Reserve 95 }
Add-Change 'memory weight, Running, 2' { Set-VMMemory -VM $second -Priority 80 }
Add-Change 'MAC address spoofing, Running, 2' { Set-VMNetworkAdapter -VMNetworkAdapter (Get-VMNetworkAdapter -VM $second) -MacAddressSpoofing On }
Add-Change 'integration service, Running, 2' { Disable-VMIntegrationService -VMIntegrationService (Get-VMIntegrationService -VM $second)[1] }
Add-Change 'VLAN trunk, Running, 2' { Set-VMNetworkAdapterVlan -VMNetworkAdapter (Get-VMNetworkAdapter -VM $second) -Trunk -AllowedVlanIdList '10-12,20' -NativeVlanId 10 }
Add-Change 'bandwidth, Running, 2' { Set-VMNetworkAdapter -VMNetworkAdapter (Get-VMNetworkAdapter -VM $second) -MinimumBandwidthWeight 10 }
Add-Change 'smart paging file, Running, 2' { Set-VM -VM $second -SmartPagingFilePath '/paging' }
Add-Change 'checkpoint location, Running, 2' { Set-VM -VM $second -SnapshotFileLocation '/checkpoints' }
Add-Change 'add network adapter, Running, 2' { Add-VMNetworkAdapter -VM $second }
Add-Change 'add network adapter, Running, 1' { Add-VMNetworkAdapter -VM $first }
Add-Change 'startup memory, static, Running, 2' { Set-VMMemory -VM $second -StartupBytes 2GB }
Add-Change 'name, Running, 2' { Rename-VM -VM $second -NewName 'renamed' }
Add-Change 'notes, Running, 2' { Set-VM -VM $second -Notes 'x' }
[System.Console]::WriteLine((ConvertTo-Json -InputObject $seen -Depth 5 -Compress))
`

// TestTheStandInBehavesAsTheFacts compares the objects, errors, aliases, outputs, defaults and refused changes of the stand-in with the
// facts.
func TestTheStandInBehavesAsTheFacts(t *testing.T) {
	t.Parallel()
	seen := observeStandIn(t)
	classes := map[string][]string{}
	for _, row := range readFacts(t, "properties.tsv") {
		classes[row["class"]] = strings.Fields(row["properties"])
	}
	if len(seen.Classes) < 14 {
		t.Errorf("only %d classes of objects were seen", len(seen.Classes))
	}
	for class, properties := range seen.Classes {
		if classes[class] == nil {
			t.Errorf("properties.tsv lacks class %s", class)
			continue
		}
		for _, property := range properties {
			if !slices.Contains(classes[class], property) {
				t.Errorf("%s has a property %s, which the real class lacks", class, property)
			}
		}
	}
	aliases := map[string]string{}
	for _, row := range readFacts(t, "aliases.tsv") {
		aliases[row["alias"]] = row["command"]
	}
	equal(t, "alias", seen.Aliases, aliases)
	for _, row := range readFacts(t, "errors.tsv") {
		if got := seen.Errors[row["case"]]; got != [2]string{row["id"], row["category"]} {
			t.Errorf("error of %s: %v, want %s of category %s", row["case"], got, row["id"], row["category"])
		}
	}
	outputs, defaults, changes := map[string]string{}, map[string]string{}, map[string]string{}
	for _, row := range readFacts(t, "outputs.tsv") {
		outputs[row["cmdlet"]] = row["output"]
	}
	equal(t, "output of", seen.Outputs, outputs)
	for _, row := range readFacts(t, "defaults.tsv") {
		defaults[row["property"]] = row["value"]
	}
	equal(t, "default of", seen.Defaults, defaults)
	for _, row := range readFacts(t, "changes.tsv") {
		changes[row["change"]+", "+row["state"]+", "+row["generation"]] = row["result"]
	}
	equal(t, "change of", seen.Changes, changes)
}

// equal compares what was seen with what is a fact.
func equal(t *testing.T, what string, seen, facts map[string]string) {
	t.Helper()
	for key, value := range facts {
		if seen[key] != value {
			t.Errorf("%s %s: %q, want %q", what, key, seen[key], value)
		}
	}
	for key := range seen {
		if _, ok := facts[key]; !ok {
			t.Errorf("%s %s is not in the facts", what, key)
		}
	}
}

// observeStandIn runs the script with the stand-in.
func observeStandIn(t *testing.T) observation {
	t.Helper()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH is not set to a PowerShell that can run the stand-in")
	}
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(standin.WriteModules(filepath.Join(dir, "modules")))
	store, err := hyperv.Open(filepath.Join(dir, "state.json"))
	check(err)
	check(store.Update(func(s *hyperv.State) error {
		s.Host.Cluster = "CLUSTER1"
		s.Host.SharedVolumes = []hyperv.SharedVolume{{Path: filepath.Join(dir, "csv"), SizeBytes: 1 << 30}}
		s.VMs = append(s.VMs, hyperv.VM{
			ID: "00000000-0000-4000-8000-000000000001", Name: "checked", State: "Off", Generation: 2, MemoryStartupBytes: 1 << 30, Clustered: true,
			SecureBoot: "On", Checkpoints: []hyperv.Checkpoint{{ID: "00000000-0000-4000-8000-0000000000c1", Name: "before"}},
		})
		return nil
	}))
	script := filepath.Join(dir, "observe.ps1")
	check(os.WriteFile(script, []byte(observe), 0o600))
	cmd := exec.Command(pwsh, "-NoProfile", "-NonInteractive", "-File", script)
	cmd.Env = append(os.Environ(), standin.Environment(pwsh, filepath.Join(dir, "modules"), store.Path(), dir, filepath.Join(dir, "workers"))...)
	cmd.Env = append(cmd.Env, "HOME="+dir)
	raw, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	var seen observation
	if err := json.Unmarshal(raw, &seen); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return seen
}
