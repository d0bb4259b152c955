# Network adapters. One is known by its virtual machine and its place there, which its Id tells.

function Update-StandInAddress {
    # Gives the adapters the addresses that a guest reports: one each while it runs and is connected, else none.
    param([Parameter(Mandatory)] $VM)

    foreach ($adapter in $VM.adapters) {
        $addresses = @()
        if ($VM.state -eq 'Running' -and $adapter.switch_name) {
            $number = [System.Convert]::ToInt32($adapter.mac_address.Substring(6), 16)
            $addresses = @('192.0.2.' + (10 + $number % 200))
        }
        $adapter.ip_addresses = [object[]]$addresses
    }
}

function Get-VMNetworkAdapter {
    [CmdletBinding(DefaultParameterSetName = 'VMName')]
    param(
        [Parameter(ParameterSetName = 'VMObject', Mandatory, Position = 0, ValueFromPipeline)] [object[]] $VM,
        [Parameter(ParameterSetName = 'VMName', Mandatory, Position = 0, ValueFromPipeline)] [string[]] $VMName,
        [Parameter(Position = 1)] [Alias('VMNetworkAdapterName')] [string] $Name = '*'
    )

    process {
        $given = $PSBoundParameters
        $pattern = $Name
        Invoke-StandIn -Cmdlet 'Get-VMNetworkAdapter' -Action {
            param($state)
            foreach ($item in @(Select-StandInVM -State $state -Cmdlet 'Get-VMNetworkAdapter' -VM $given['VM'] -Name $given['VMName'])) {
                for ($index = 0; $index -lt $item.adapters.Count; $index++) {
                    if ($item.adapters[$index].name -like $pattern) { ConvertTo-StandInAdapter -VM $item -Index $index }
                }
            }
        }
    }
}

function Edit-StandInAdapter {
    # Changes the adapters that objects stand for: Edit gets the adapter's state.
    param([Parameter(Mandatory)] [string] $Cmdlet, [Parameter(Mandatory)] [object[]] $Adapters, [Parameter(Mandatory)] [scriptblock] $Edit)

    Invoke-StandIn -Cmdlet $Cmdlet -Change -Action {
        param($state)
        foreach ($object in $Adapters) {
            $vm = Find-StandInVM -State $state -Cmdlet $Cmdlet -Id $object.VMId.ToString()
            & $Edit $vm.adapters[[int]$object.Id.Split('\')[1]]
            Update-StandInAddress -VM $vm
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
                ConvertTo-StandInVlan -VM $vm -Index ([int]$object.Id.Split('\')[1])
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
        [Alias('AccessVlanId')] [int] $VlanId
    )

    process {
        if (-not $PSCmdlet.ShouldProcess('VLAN')) { return }
        if ($Access -eq $Untagged) { throw (New-StandInError -Cmdlet 'Set-VMNetworkAdapterVlan' -Message 'Give either Access or Untagged.') }
        $mode = 'Untagged'
        $number = 0
        if ($Access) {
            $mode = 'Access'
            $number = $VlanId
        }
        Edit-StandInAdapter -Cmdlet 'Set-VMNetworkAdapterVlan' -Adapters $VMNetworkAdapter -Edit {
            param($adapter)
            $adapter.vlan_mode = $mode
            $adapter.vlan_id = $number
        }
    }
}
