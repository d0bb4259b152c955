# The network adapters of the host, and which of them carry the connection to it.

# The ports of WinRM: https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management
$script:AgentWinRMPorts = 5985, 5986

function Get-HostNetAdapter {
    <#
    .SYNOPSIS
    Returns the network adapters of the host: their Name, Description and Id, a GUID. Call it within @( ).
    .DESCRIPTION
    Carries is set for those with the address that clients of WinRM are connected to, and for those of the default routes: a listener on
    another port is not recognised by its connections.
    #>
    param()

    $connected = @{}
    foreach ($item in @(Get-NetTCPConnection)) {
        if ($script:AgentWinRMPorts -contains [int]$item.LocalPort -and [string]$item.State -eq 'Established') { $connected[[string]$item.LocalAddress] = $true }
    }
    $used = @{}
    foreach ($item in @(Get-NetIPAddress)) { if ($connected.ContainsKey([string]$item.IPAddress)) { $used[[long]$item.InterfaceIndex] = $true } }
    foreach ($item in @(Get-NetRoute)) { if ('0.0.0.0/0', '::/0' -contains [string]$item.DestinationPrefix) { $used[[long]$item.InterfaceIndex] = $true } }
    foreach ($item in @(Get-NetAdapter)) {
        @{
            Name = [string]$item.Name; Description = [string]$item.InterfaceDescription; Id = (Get-AgentGuid -Text ([string]$item.InterfaceGuid).Trim('{', '}'))
            Carries = $used.ContainsKey([long]$item.InterfaceIndex)
        }
    }
}

function Get-ConnectionAdapter {
    # Returns all network adapters of the host, or nothing when they cannot be read and Needed is not set. Throws when they cannot be
    # read and the connection to the host depends on it.
    param([switch] $Needed)

    try {
        return [object[]]@(Get-HostNetAdapter)
    } catch {
        if ($Needed) { throw (New-AgentError -MessageId 'host_connection_unknown' -Values @{ reason = $_.Exception.GetBaseException().Message.Trim() }) }
    }
}

function Assert-NewSwitchAdapter {
    # Throws when the network adapters of a new external switch do not exist or are used, or when it would cut the connection to the host.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Switches)

    $cuts = $Fields['allow_management_os'] -eq $false -and -not $Fields['allow_host_disconnect']
    $adapters = @(Get-ConnectionAdapter -Needed:$cuts | Where-Object -FilterScript { $null -ne $_ })
    if ($adapters.Count -eq 0) { return } # New-VMSwitch reports what is wrong
    foreach ($name in @($Fields['net_adapter_names'])) {
        $adapter = @($adapters | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $name }) | Select-Object -First 1
        if ($null -eq $adapter) {
            $known = [string[]]@($adapters | ForEach-Object -Process { $_.Name })
            throw (New-AgentError -Field 'net_adapter_names' -MessageId 'net_adapter_missing' -Values @{ name = $name; host = $Machine.Name; adapters = (Join-AgentName -Name $known) })
        }
        foreach ($item in $Switches) {
            if (@($item.NetAdapterInterfaceDescriptions) -contains $adapter.Description) {
                throw (New-AgentError -Field 'net_adapter_names' -MessageId 'net_adapter_used' -Values @{ name = $adapter.Name; switch = $item.Name })
            }
        }
        if ($cuts -and $adapter.Carries) {
            throw (New-AgentError -Field 'allow_management_os' -MessageId 'host_connection_adapter' -Values @{ adapter = $adapter.Name; host = $Machine.Name })
        }
    }
}

function Assert-SwitchConnection {
    # Throws when the host's virtual network adapter on a switch carries the connection to the host, which loses it.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] $Switch, [Parameter(Mandatory)] [string] $Field)

    if ($Fields['allow_host_disconnect'] -or -not $Switch.AllowManagementOS) { return }
    $own = @(Get-VMNetworkAdapter -ManagementOS | Where-Object -FilterScript { Test-SameName -Left $_.SwitchName -Right $Switch.Name } |
            ForEach-Object -Process { Get-AgentGuid -Text ([string]$_.DeviceId).Trim('{', '}') })
    foreach ($adapter in @(Get-ConnectionAdapter -Needed)) {
        if ($adapter.Carries -and $own -contains $adapter.Id) {
            throw (New-AgentError -Field $Field -MessageId 'host_connection_switch' -Values @{ adapter = $adapter.Name; name = $Switch.Name; host = $Machine.Name })
        }
    }
}
