# A stand-in for the CimCmdlets module: method Create of Win32_Process, for command lines that start powershell.exe. It starts the
# program in HYPERVVM_STANDIN_POWERSHELL instead.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine($PSScriptRoot, 'Rights.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Process.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'State.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'Shapes.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'Latency.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Instance.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'Guest.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, '..', 'Hyper-V', 'Power.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'Shutdown.ps1'))
. ([System.IO.Path]::Combine($PSScriptRoot, 'KeyValue.ps1'))

function Invoke-CimMethod {
    [CmdletBinding(DefaultParameterSetName = 'ClassNameComputerSet', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'CimInstanceComputerSet', Mandatory, Position = 0, ValueFromPipeline)] [object] $InputObject,
        [Parameter(ParameterSetName = 'ClassNameComputerSet', Mandatory, Position = 0)] [string] $ClassName,
        [Parameter(ParameterSetName = 'ClassNameComputerSet')] [string] $Namespace = 'root/cimv2',
        [Parameter(Mandatory, Position = 1)] [string] $MethodName,
        [Parameter(Position = 2)] [System.Collections.IDictionary] $Arguments
    )

    if (-not $PSCmdlet.ShouldProcess($MethodName)) { return }
    if ($PSCmdlet.ParameterSetName -eq 'CimInstanceComputerSet') { return Invoke-StandInShutdown -Component $InputObject -MethodName $MethodName -Arguments $Arguments }
    Assert-StandInNamespace -ClassName $ClassName -Namespace $Namespace
    if ("$ClassName.$MethodName" -eq '__SystemSecurity.GetCallerAccessRights') { return [pscustomobject]@{ ReturnValue = [uint32]0; rights = 393279 } }
    if ($Namespace -ne 'root/cimv2' -or $ClassName -ne 'Win32_Process' -or $MethodName -ne 'Create') {
        throw "the stand-in for CimCmdlets supports only Win32_Process.Create, not $ClassName.$MethodName of $Namespace"
    }
    return New-StandInProcess -Arguments $Arguments
}
