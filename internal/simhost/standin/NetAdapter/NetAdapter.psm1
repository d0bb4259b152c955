# A stand-in for the NetAdapter module: the network adapters of the host in the state file. The properties are those of
# https://learn.microsoft.com/windows/win32/fwp/wmi/netadaptercimprov/msft-netadapter

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($PSScriptRoot), 'Hyper-V', 'State.ps1'))
. ([System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($PSScriptRoot), 'Hyper-V', 'HostNetwork.ps1'))

function Get-NetAdapter {
    [CmdletBinding(DefaultParameterSetName = 'ByName')]
    param()

    Invoke-StandIn -Cmdlet 'Get-NetAdapter' -Action {
        param($state)
        foreach ($item in @(Get-StandInInterface -State $state)) {
            [pscustomobject]@{
                PSTypeName = 'Microsoft.Management.Infrastructure.CimInstance#ROOT/StandardCimv2/MSFT_NetAdapter'; Name = $item.Name
                InterfaceDescription = $item.Description; InterfaceIndex = [uint32]$item.Index; InterfaceGuid = $item.Guid; Virtual = -not $item.Physical
            }
        }
    }
}
