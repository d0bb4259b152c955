# The network interfaces of the host, as the physical network adapters and the virtual switches of the state make them.

function Get-StandInInterface {
    <#
    .SYNOPSIS
    Returns the interfaces: Index, Name, Description, Guid, Physical, Addresses and Gateway.
    .DESCRIPTION
    A physical adapter that an external switch uses has no addresses: those of a shared one move to the host's virtual adapter, which is
    named vEthernet: https://learn.microsoft.com/windows-server/virtualization/hyper-v/get-started/create-a-virtual-switch-for-hyper-v-virtual-machines
    #>
    param([Parameter(Mandatory)] $State)

    $index = 3
    foreach ($adapter in $State.host.net_adapters) {
        $bound = @($State.switches | Where-Object -FilterScript { $_.net_adapters -contains $adapter.name }).Count -gt 0
        $index++
        @{
            Index = $index; Name = $adapter.name; Description = (Get-StandInDescription -State $State -Name $adapter.name); Physical = $true
            Guid = '{00000000-0000-4000-8000-' + $index.ToString('X12') + '}'
            Addresses = [object[]]@($adapter.addresses | Where-Object -FilterScript { -not $bound }); Gateway = ([bool]$adapter.gateway -and -not $bound)
        }
    }
    foreach ($item in $State.switches) {
        $index++
        if (-not $item.management_os) { continue }
        $below = @($State.host.net_adapters | Where-Object -FilterScript { $item.net_adapters -contains $_.name })
        @{
            Index = $index; Name = "vEthernet ($($item.name))"; Description = "Hyper-V Virtual Ethernet Adapter #$index"; Physical = $false; Guid = "{$($item.id.ToUpperInvariant())}"
            Addresses = [object[]]@($below | ForEach-Object -Process { $_.addresses }); Gateway = @($below | Where-Object -FilterScript { $_.gateway }).Count -gt 0
        }
    }
}

function Get-StandInDescription {
    # Returns the description of a physical network adapter, which is unique, or nothing when the host has none of that name.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Name)

    $position = 0
    foreach ($adapter in $State.host.net_adapters) {
        $position++
        if ($adapter.name -eq $Name) { return "Simulated Gigabit Network Connection #$position" }
    }
}
