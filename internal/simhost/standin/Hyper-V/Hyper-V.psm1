# A stand-in for the Hyper-V module: functions with the names, parameters and output shapes of the real cmdlets, over the state file
# in the environment variable HYPERVVM_STANDIN_STATE. It contains only the commands that the agent calls.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, 'State.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Eventing.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Shapes.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Latency.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Computer.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'HostNetwork.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Switch.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Machine.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Hardware.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Memory.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Integration.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Security.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Network.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Media.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Boot.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Guest.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Direct.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Export.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Volume.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Disk.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Locks.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Power.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Checkpoint.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'PowerState.ps1'))

# Version 1 of the module has no security commands.
if ((ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Get-StandInPath)))).host.hyperv_version -like '1.*') {
    foreach ($name in 'Get-VMSecurity', 'Get-VMKeyProtector', 'Set-VMKeyProtector', 'Enable-VMTPM', 'Disable-VMTPM') { Remove-Item -LiteralPath "Function:$name" }
}
