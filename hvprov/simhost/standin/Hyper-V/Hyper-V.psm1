# A stand-in for the Hyper-V module: functions with the real names, parameters and shapes, over the state file that the
# environment variable HYPERVVM_STANDIN_STATE names. It knows what the agent calls, and no more.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, 'State.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Shapes.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Computer.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Machine.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Hardware.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Memory.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Security.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Network.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Media.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Guest.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Volume.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Disk.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Checkpoint.ps1'))

# Before version 2.0 the module had no commands about security.
if ((ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Get-StandInPath)))).host.hyperv_version -like '1.*') {
    foreach ($name in 'Get-VMSecurity', 'Get-VMKeyProtector', 'Set-VMKeyProtector', 'Enable-VMTPM', 'Disable-VMTPM') { Remove-Item -LiteralPath "Function:$name" }
}
