// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// oldMedia puts an ISO file into a machine of generation 1, and takes it out again while that runs.
const oldMedia = `
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
[System.Console]::WriteLine("in it: $((Get-VMDvdDrive -VM $vm).Path)")
Start-VM -VM $vm
Invoke-ProvisionEject -Context $context -Job $job -Plan $plan -VM $vm
`

func TestAMachineOfGeneration1HasADriveForAnISOFile(t *testing.T) {
	t.Parallel()
	h := byHand(t)
	bundle, script, iso := filepath.Join(h.dir, "bundle.ps1"), filepath.Join(h.dir, "media.ps1"), filepath.Join(h.dir, "seed.iso")
	h.must(os.WriteFile(iso, []byte("CD001"), 0o600))
	h.must(os.WriteFile(bundle, agent.Bundle(), 0o600))
	h.must(os.WriteFile(script, []byte(strings.NewReplacer("%agent%", bundle, "%iso%", iso).Replace(oldMedia)), 0o600))
	output, code := h.run("", "-File", script)
	h.holds(output, code, 0, "[1/2] media: attach ISO file "+iso, "in it: "+iso, "[2/2] eject: take out ISO file "+iso)
	vms := h.vms()
	if len(vms) != 1 || len(vms[0].DVDs) != 1 || vms[0].DVDs[0].ControllerType != "IDE" || vms[0].DVDs[0].Path != "" ||
		!slices.Equal(vms[0].StartupOrder, []string{"IDE", "CD", "LegacyNetworkAdapter", "Floppy"}) {
		t.Errorf("the host holds %+v", vms)
	}
}
