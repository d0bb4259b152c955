# Network adapters. The Id of an adapter consists of the ids of its virtual machine and of the adapter.

function Get-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [Parameter(ParameterSetName = 'ManagementOS', Mandatory)] [switch] $ManagementOS,
        [Parameter(Position = 1)] [Alias('VMNetworkAdapterName')] [string] $Name = '*'
    )

    process {
        $given = $PSBoundParameters
        $pattern = $Name
        if ($ManagementOS) { return Get-StandInHostAdapter -Pattern $pattern }
        Invoke-StandIn -Cmdlet 'Get-VMNetworkAdapter' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMNetworkAdapter' -VM $given['VM'] -Name $given['VMName'])) {
                Add-StandInGroupCost -Latency (Get-StandInLatency -State $state) -Id $item.id -Group 'adapters'
                foreach ($adapter in $item.adapters) {
                    if ($adapter.name -like $pattern) { ConvertTo-StandInAdapter -VM $item -Adapter $adapter }
                }
            }
        }
    }
}

function Get-StandInHostAdapter {
    # Returns the host's own network adapters on virtual switches.
    param([Parameter(Mandatory)] [string] $Pattern)

    Invoke-StandIn -Cmdlet 'Get-VMNetworkAdapter' -Action {
        param($state)
        foreach ($item in $state.switches) {
            if (-not $item.management_os -or $item.name -notlike $Pattern) { continue }
            [pscustomobject]@{
                PSTypeName = 'Microsoft.HyperV.PowerShell.VMInternalNetworkAdapter'; Name = $item.name; SwitchName = $item.name; SwitchId = [guid]$item.id
                IsManagementOs = $true; DeviceId = "{$($item.id.ToUpperInvariant())}"
            }
        }
    }
}

function Find-StandInAdapter {
    # Returns the state of the adapter of an object.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] $Object)

    $id = $Object.Id.Split('\')[1]
    foreach ($adapter in $VM.adapters) { if ($adapter.id -eq $id) { return $adapter } }
    throw (New-StandInError -Cmdlet $Cmdlet -Id 'ObjectNotFound' -Category ObjectNotFound -Message "Virtual machine '$($VM.name)' has no such network adapter.")
}

function Assert-StandInTakesAdapter {
    # Throws when an adapter cannot be added or removed: the virtual machine must be off, or running in generation 2.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $What)

    if ($VM.state -eq 'Off' -or ($VM.state -eq 'Running' -and $VM.generation -eq 2)) { return }
    throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidState' -Category InvalidOperation `
            -Message "A network adapter cannot be $What virtual machine '$($VM.name)' while it is $($VM.state).")
}

# The address of an adapter to which the host has assigned none.
$script:StandInNoMac = '000000000000'

function New-StandInMac {
    <#
    .SYNOPSIS
    Returns a dynamic MAC address: the next one of the host's range that no adapter has.
    .DESCRIPTION
    The range has its first bytes in common: https://learn.microsoft.com/troubleshoot/windows-server/virtualization/default-limit-256-dynamic-mac-addresses
    #>
    param([Parameter(Mandatory)] $State)

    $first = [System.Convert]::ToInt32($State.host.mac_address_minimum.Substring(6), 16)
    $last = [System.Convert]::ToInt32($State.host.mac_address_maximum.Substring(6), 16)
    $used = @{}
    foreach ($vm in $State.vms) { foreach ($adapter in $vm.adapters) { $used[$adapter.mac_address] = $true } }
    $number = [System.Math]::Max([int]$State.next_mac, $first)
    for ($tries = 0; $tries -le $last - $first; $tries++) {
        if ($number -gt $last) { $number = $first }
        $mac = $State.host.mac_address_minimum.Substring(0, 6) + $number.ToString('X6')
        $number++
        if ($used.ContainsKey($mac)) { continue }
        $State.next_mac = $number
        return $mac
    }
    throw (New-StandInError -Cmdlet 'Start-VM' -Message 'The range of dynamic MAC addresses of the host has no free address.')
}

function Set-StandInMac {
    # Assigns an address to each adapter with a dynamic one that has none, as the host does when a virtual machine starts.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    foreach ($adapter in $VM.adapters) {
        if ($adapter.dynamic_mac -and $adapter.mac_address -eq $script:StandInNoMac) { $adapter.mac_address = New-StandInMac -State $State }
    }
}

function ConvertTo-StandInMac {
    # Converts a MAC address to the form in which the host stores it. Throws when it is invalid.
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [string] $Address)

    $digits = $Address.Replace('-', '').ToUpperInvariant()
    if ($digits -notmatch '^[0-9A-F][02468ACE][0-9A-F]{10}\z') {
        throw (New-StandInError -Cmdlet $Cmdlet -Id 'InvalidParameter' -Category InvalidArgument -Message "'$Address' is not a valid MAC address.")
    }
    return $digits
}

function Add-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'VMName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [Alias('VMNetworkAdapterName')] [string] $Name = 'Network Adapter',
        [string] $StaticMacAddress,
        [switch] $Passthru
    )

    process {
        if (-not $PSCmdlet.ShouldProcess($Name)) { return }
        $given = $PSBoundParameters
        $called = $Name
        $show = $Passthru
        Invoke-StandIn -Cmdlet 'Add-VMNetworkAdapter' -Change -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Add-VMNetworkAdapter' -VM $given['VM'] -Name $given['VMName'])) {
                Assert-StandInTakesAdapter -VM $item -Cmdlet 'Add-VMNetworkAdapter' -What 'added to'
                $dynamic = -not $given.ContainsKey('StaticMacAddress')
                $mac = $script:StandInNoMac
                if (-not $dynamic) { $mac = ConvertTo-StandInMac -Cmdlet 'Add-VMNetworkAdapter' -Address $given['StaticMacAddress'] }
                $adapter = [pscustomobject]@{
                    id = [guid]::NewGuid().ToString(); name = $called; switch_name = ''; mac_address = $mac; dynamic_mac = $dynamic
                    vlan_mode = 'Untagged'; vlan_id = 0; ip_addresses = [object[]]@()
                }
                $item.adapters = [object[]](@($item.adapters) + $adapter)
                if ($item.state -eq 'Running') { Set-StandInMac -State $state -VM $item }
                if ($show) { ConvertTo-StandInAdapter -VM $item -Adapter $adapter }
            }
        }
    }
}

function Remove-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'ResourceObject', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'ResourceObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMNetworkAdapter)

    process {
        if (-not $PSCmdlet.ShouldProcess('network adapter')) { return }
        $objects = $VMNetworkAdapter
        Invoke-StandIn -Cmdlet 'Remove-VMNetworkAdapter' -Change -Action {
            param($state)
            foreach ($object in $objects) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Remove-VMNetworkAdapter' -Id $object.VMId.ToString()
                Assert-StandInTakesAdapter -VM $vm -Cmdlet 'Remove-VMNetworkAdapter' -What 'removed from'
                $adapter = Find-StandInAdapter -VM $vm -Cmdlet 'Remove-VMNetworkAdapter' -Object $object
                $vm.adapters = [object[]]@($vm.adapters | Where-Object -FilterScript { $_.id -ne $adapter.id })
            }
        }
    }
}

function Set-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'ResourceObject', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'ResourceObject', Mandatory, Position = 0, ValueFromPipeline)] [object] $VMNetworkAdapter,
        [switch] $DynamicMacAddress,
        [string] $StaticMacAddress,
        [ValidateSet('On', 'Off')] [string] $MacAddressSpoofing,
        [long] $MaximumBandwidth,
        [long] $MinimumBandwidthAbsolute,
        [ValidateRange(0, 100)] [int] $MinimumBandwidthWeight
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('network adapter')) { return }
        $given = $PSBoundParameters
        $address = $StaticMacAddress
        $dynamic = $DynamicMacAddress
        Edit-StandInAdapter -Cmdlet 'Set-VMNetworkAdapter' -Adapters $VMNetworkAdapter -Edit {
            param($adapter, $state, $vm)
            foreach ($name in 'MacAddressSpoofing', 'MaximumBandwidth', 'MinimumBandwidthAbsolute', 'MinimumBandwidthWeight') {
                if ($given.ContainsKey($name)) { Set-StandInSetting -Of $adapter -Name $name -Value $given[$name] }
            }
            if (-not $given.ContainsKey('DynamicMacAddress') -and -not $given.ContainsKey('StaticMacAddress')) { return }
            Assert-StandInOff -VM $vm -Cmdlet 'Set-VMNetworkAdapter' -What 'MAC address'
            $adapter.dynamic_mac = [bool]$dynamic
            if ($dynamic) {
                $adapter.mac_address = $script:StandInNoMac
            } else {
                $adapter.mac_address = ConvertTo-StandInMac -Cmdlet 'Set-VMNetworkAdapter' -Address $address
            }
        }
    }
}

function Edit-StandInAdapter {
    # Changes the adapters of objects: Edit receives the states of the adapter, the host and the virtual machine.
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [object[]] $Adapters, [Parameter(Mandatory)] [scriptblock] $Edit)

    Invoke-StandIn -Cmdlet $Cmdlet -Change -Action {
        param($state)
        foreach ($object in $Adapters) {
            $vm = Find-StandInVM -State $state -Cmdlet $Cmdlet -Id $object.VMId.ToString()
            & $Edit (Find-StandInAdapter -VM $vm -Cmdlet $Cmdlet -Object $object) $state $vm
            Update-StandInGuest -State $state -VM $vm
        }
    }
}

function Connect-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'Object_SwitchName', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'Object_SwitchName', Mandatory, Position = 0, ValueFromPipeline)]
        [Parameter(ParameterSetName = 'Object_SwitchObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMNetworkAdapter,
        [Parameter(ParameterSetName = 'Object_SwitchName', Mandatory, Position = 1)] [string] $SwitchName,
        [Parameter(ParameterSetName = 'Object_SwitchObject', Mandatory, Position = 2)] [object] $VMSwitch
    )

    process {
        if ($null -ne $VMSwitch) { $SwitchName = $VMSwitch.Name }
        if (-not $PSCmdlet.ShouldProcess($SwitchName)) { return }
        $target = $SwitchName
        Edit-StandInAdapter -Cmdlet 'Connect-VMNetworkAdapter' -Adapters $VMNetworkAdapter -Edit {
            param($adapter)
            $adapter.switch_name = $target
        }
    }
}

function Disconnect-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'Obj', SupportsShouldProcess)]
    param([Parameter(ParameterSetName = 'Obj', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMNetworkAdapter)

    process {
        if (-not $PSCmdlet.ShouldProcess('network adapter')) { return }
        Edit-StandInAdapter -Cmdlet 'Disconnect-VMNetworkAdapter' -Adapters $VMNetworkAdapter -Edit {
            param($adapter)
            $adapter.switch_name = ''
        }
    }
}

function Get-VMNetworkAdapterVlan {
    [CmdletBinding(DefaultParameterSetName = 'ResourceObject')]
    param([Parameter(ParameterSetName = 'ResourceObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMNetworkAdapter)

    process {
        $objects = $VMNetworkAdapter
        Invoke-StandIn -Cmdlet 'Get-VMNetworkAdapterVlan' -Action {
            param($state)
            foreach ($object in $objects) {
                $vm = Find-StandInVM -State $state -Cmdlet 'Get-VMNetworkAdapterVlan' -Id $object.VMId.ToString()
                ConvertTo-StandInVlan -VM $vm -Adapter (Find-StandInAdapter -VM $vm -Cmdlet 'Get-VMNetworkAdapterVlan' -Object $object)
            }
        }
    }
}

function Set-VMNetworkAdapterVlan {
    [CmdletBinding(DefaultParameterSetName = 'ResourceObject', SupportsShouldProcess)]
    param(
        [Parameter(ParameterSetName = 'ResourceObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VMNetworkAdapter,
        [Alias('a')] [switch] $Access,
        [Alias('u')] [switch] $Untagged,
        [Alias('AccessVlanId')] [int] $VlanId,
        [Alias('t')] [switch] $Trunk,
        [string] $AllowedVlanIdList,
        [int] $NativeVlanId
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('VLAN')) { return }
        $modes = @(@{ Access = $Access; Untagged = $Untagged; Trunk = $Trunk }.GetEnumerator() | Where-Object -FilterScript { $_.Value })
        if ($modes.Count -ne 1) { throw (New-StandInError -Cmdlet 'Set-VMNetworkAdapterVlan' -Message 'Specify one of Access, Trunk and Untagged.') }
        $mode = $modes[0].Key
        $number = if ($Access) { $VlanId } else { 0 }
        $trunkSettings = @{}
        if ($Trunk) { $trunkSettings = @{ AllowedVlanIdList = $AllowedVlanIdList.Replace(' ', ''); NativeVlanId = $NativeVlanId } }
        Edit-StandInAdapter -Cmdlet 'Set-VMNetworkAdapterVlan' -Adapters $VMNetworkAdapter -Edit {
            param($adapter)
            $adapter.vlan_mode = $mode
            $adapter.vlan_id = $number
            foreach ($name in $trunkSettings.Keys) { Set-StandInSetting -Of $adapter -Name $name -Value $trunkSettings[$name] }
        }
    }
}
