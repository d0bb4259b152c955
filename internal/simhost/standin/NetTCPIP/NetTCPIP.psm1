# A stand-in for the NetTCPIP module: the addresses, default routes and WinRM connections of the host in the state file. The properties are
# those of https://learn.microsoft.com/windows/win32/fwp/wmi/nettcpipprov/msft-netipaddress, of msft-netroute and of msft-nettcpconnection.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

. ([System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($PSScriptRoot), 'Hyper-V', 'State.ps1'))
. ([System.IO.Path]::Combine([System.IO.Path]::GetDirectoryName($PSScriptRoot), 'Hyper-V', 'HostNetwork.ps1'))

function Get-NetIPAddress {
    [CmdletBinding(DefaultParameterSetName = 'Default')]
    param()

    Invoke-StandIn -Cmdlet 'Get-NetIPAddress' -Action {
        param($state)
        [pscustomobject]@{ IPAddress = '127.0.0.1'; InterfaceIndex = [uint32]1; InterfaceAlias = 'Loopback Pseudo-Interface 1' }
        foreach ($item in @(Get-StandInInterface -State $state)) {
            foreach ($address in @($item.Addresses)) { [pscustomobject]@{ IPAddress = [string]$address; InterfaceIndex = [uint32]$item.Index; InterfaceAlias = $item.Name } }
        }
    }
}

function Get-NetRoute {
    [CmdletBinding(DefaultParameterSetName = 'Default')]
    param()

    Invoke-StandIn -Cmdlet 'Get-NetRoute' -Action {
        param($state)
        [pscustomobject]@{ DestinationPrefix = '127.0.0.0/8'; NextHop = '0.0.0.0'; InterfaceIndex = [uint32]1 }
        foreach ($item in @(Get-StandInInterface -State $state)) {
            if ($item.Gateway) { [pscustomobject]@{ DestinationPrefix = '0.0.0.0/0'; NextHop = '192.0.2.1'; InterfaceIndex = [uint32]$item.Index } }
        }
    }
}

function Get-NetTCPConnection {
    [CmdletBinding(DefaultParameterSetName = 'Default')]
    param()

    Invoke-StandIn -Cmdlet 'Get-NetTCPConnection' -Action {
        param($state)
        [pscustomobject]@{ LocalAddress = '::'; LocalPort = [uint16]5985; RemoteAddress = '::'; RemotePort = [uint16]0; State = 'Listen' }
        $address = [string]$state.host.connection_address
        if ($address) { [pscustomobject]@{ LocalAddress = $address; LocalPort = [uint16]5985; RemoteAddress = '203.0.113.9'; RemotePort = [uint16]50123; State = 'Established' } }
    }
}
