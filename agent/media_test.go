// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
)

// generation1Media attaches an ISO file to a generation 1 virtual machine, and ejects it while the virtual machine runs.
const generation1Media = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
Import-Module -Name Hyper-V
$vm = New-VM -Name old -Generation 1 -NoVHD
$context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
$job = New-AgentJob -Id 'x' -Definition @{ Operation = 'provision'; Fields = [ordered]@{} }
$job.Steps = 'media', 'eject'
$plan = @{ Media = '%iso%' }
Invoke-ProvisionMedia -Context $context -Job $job -Plan $plan -VM $vm -Drive @{}
[System.Console]::WriteLine("attached: $((Get-VMDvdDrive -VM $vm).Path)")
[System.IO.File]::Copy('%iso%', '%iso%.guest')
Add-JobDvd -VM $vm -Path '%iso%.guest' -Drive @{}
[System.Console]::WriteLine("both: $(@(Get-VMDvdDrive -VM $vm | ForEach-Object -Process { $_.Path }))")
Start-VM -VM $vm
Invoke-ProvisionEject -Context $context -Job $job -Plan $plan -VM $vm
Remove-JobDvd -VM $vm -Path '%iso%.guest'
`

func TestAGeneration1VirtualMachineUsesItsIDEDriveForAnISOFile(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	f := newFixture(t)
	iso := filepath.Join(f.dir, "seed.iso")
	f.must(os.WriteFile(iso, []byte("CD001"), 0o600))
	output, code := f.runScript(generation1Media, "%iso%", iso)
	path := values{"path": iso}
	f.wantOutput(output, code, 0, "[1/2] media: "+f.message("step_media", path), "attached: "+iso, "both: "+iso+" "+iso+".guest", "[2/2] eject: "+f.message("step_eject", path))
	vms := f.vms()
	if len(vms) != 1 || len(vms[0].DVDs) != 2 || vms[0].DVDs[0].ControllerType != "IDE" || vms[0].DVDs[0].Path+vms[0].DVDs[1].Path != "" ||
		!slices.Equal(vms[0].StartupOrder, []string{"IDE", "CD", "LegacyNetworkAdapter", "Floppy"}) {
		t.Errorf("virtual machines on the host: %+v", vms)
	}
}
