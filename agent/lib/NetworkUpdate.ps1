# Changing the network adapters of an existing virtual machine.

function Get-PrimaryAdapter {
    # Returns the primary adapter. Throws when there is none.
    param([Parameter(Mandatory)] $Plan)

    $first = Find-PrimaryAdapter -Adapters @(Get-VMNetworkAdapter -VM $Plan.VM) -Recorded @(Get-RecordedAdapter -Manifest $Plan.Manifest)
    if ($null -eq $first) {
        throw (New-AgentError -MessageId 'adapter_missing' -Values @{ vm = $Plan.VM.Name })
    }
    return $first
}

function Format-SwitchName {
    # Returns the name of a switch as text.
    param([AllowNull()] [AllowEmptyString()] [string] $Name)

    if ($Name) { return Format-QuotedText -Text $Name }
    return (Get-AgentMessage -Id 'value_not_connected').Message
}

function Set-JobSwitch {
    # Connects the primary adapter to a switch, without a name to the only one of the host, as for a new virtual machine: an adapter is
    # never disconnected. Returns the change as text.
    param([Parameter(Mandatory)] $Plan, [AllowNull()] [AllowEmptyString()] [string] $Name)

    $adapter = Get-PrimaryAdapter -Plan $Plan
    $before = Format-SwitchName -Name $adapter.SwitchName
    $virtualSwitch = Find-HostSwitch -Name $Name
    Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -VMSwitch $virtualSwitch
    return (Get-AgentMessage -Id 'change' -Values @{ after = (Format-SwitchName -Name $virtualSwitch.Name); before = $before }).Message
}

function Set-JobVlan {
    # Sets the VLAN of the primary adapter. Returns the change as text.
    param([Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [int] $Id)

    $adapter = Get-PrimaryAdapter -Plan $Plan
    $before = Format-Vlan -Id (Get-AdapterVlan -Adapters @($adapter))
    Set-AdapterVlan -Adapter $adapter -Id $Id
    return (Get-AgentMessage -Id 'change' -Values @{ after = (Format-Vlan -Id $Id); before = $before }).Message
}

function Set-AdapterVlan {
    # Sets the VLAN of an adapter; 0 means untagged, unless the adapter is a trunk.
    param([Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] [int] $Id)

    if ($Id -gt 0) {
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Access -VlanId $Id
    } elseif ([string]$Adapter.VlanSetting.OperationMode -ne 'Trunk') {
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Untagged
    }
}

function Set-JobMac {
    # Sets a static MAC address of the primary adapter, or a dynamic one. Returns the change as text.
    param([Parameter(Mandatory)] $Plan, [AllowEmptyString()] [string] $Mac)

    $adapter = Get-PrimaryAdapter -Plan $Plan
    $before = Get-StaticMac -Adapter $adapter -Manifest $Plan.Manifest
    if ($before -ne $Mac) { Set-AdapterMac -Adapter $adapter -Mac $Mac }
    return (Get-AgentMessage -Id 'change' -Values @{ after = (Format-AdapterMac -Mac $Mac); before = (Format-AdapterMac -Mac $before) }).Message
}

function Set-AdapterMac {
    # Sets a static MAC address of an adapter, or a dynamic one.
    param([Parameter(Mandatory)] $Adapter, [AllowEmptyString()] [string] $Mac)

    if ($Mac) {
        Set-VMNetworkAdapter -VMNetworkAdapter $Adapter -StaticMacAddress (Get-MacDigit -Mac $Mac)
    } else {
        Set-VMNetworkAdapter -VMNetworkAdapter $Adapter -DynamicMacAddress
    }
}

function Set-JobAdapter {
    # Adds, changes and removes additional adapters, in this order. Returns the changes as text.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $adapters = @(Get-VMNetworkAdapter -VM $Plan.VM)
    $wanted = @(Get-AdapterSpec -Value $Job.Fields['network_adapters'])
    $recorded = @(Get-RecordedAdapter -Manifest $Plan.Manifest)
    $first = Find-PrimaryAdapter -Adapters $adapters -Recorded $recorded
    $added = 0
    $changed = 0
    $removed = 0
    foreach ($spec in $wanted) {
        if ($null -ne (Find-AdditionalAdapter -Adapters $adapters -First $first -Name $spec.Name)) { continue }
        $null = $Job.Journal.Adapters.Add($spec.Name)
        Save-JobState -Context $Context -Job $Job
        Add-JobAdapter -Context $Context -Job $Job -VM $Plan.VM -Spec $spec
        $added++
    }
    foreach ($spec in $wanted) {
        $adapter = Find-AdditionalAdapter -Adapters $adapters -First $first -Name $spec.Name
        if ($null -eq $adapter) { continue }
        $texts = [string[]]@(Edit-JobAdapter -VM $Plan.VM -Adapter $adapter -Spec $spec -Manifest $Plan.Manifest)
        if ($texts.Count -eq 0) { continue }
        $changed++
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'adapter_changed' -Values @{ adapter = $spec.Name; changes = [string]::Join('; ', $texts) }
    }
    foreach ($spec in $recorded) {
        $adapter = Find-AdditionalAdapter -Adapters $adapters -First $first -Name $spec.Name
        if ($null -eq $adapter -or $null -ne (Find-AdapterSpec -Specs $wanted -Name $spec.Name)) { continue }
        Remove-VMNetworkAdapter -VMNetworkAdapter $adapter
        $removed++
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'adapter_removed' -Values @{ adapter = $spec.Name }
    }
    return (Get-AgentMessage -Id 'change_adapters' -Values @{ added = $added; changed = $changed; removed = $removed }).Message
}

function Edit-JobAdapter {
    # Changes the settings of an adapter that differ. Returns the changes as texts. Call it within @( ).
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] $Spec, [AllowNull()] $Manifest)

    if (-not (Test-SameName -Left $Adapter.SwitchName -Right $Spec.SwitchName)) {
        $virtualSwitch = Find-HostSwitch -Name $Spec.SwitchName -Field "$($Spec.Field).switch_name"
        Connect-VMNetworkAdapter -VMNetworkAdapter $Adapter -VMSwitch $virtualSwitch
        (Get-AgentMessage -Id 'change_switch' -Values @{
            after = (Format-SwitchName -Name $virtualSwitch.Name); before = (Format-SwitchName -Name $Adapter.SwitchName)
        }).Message
    }
    $vlan = Get-AdapterVlan -Adapters @($Adapter)
    if ($vlan -ne $Spec.Vlan) {
        Set-AdapterVlan -Adapter $Adapter -Id $Spec.Vlan
        (Get-AgentMessage -Id 'change' -Values @{ after = (Format-Vlan -Id $Spec.Vlan); before = (Format-Vlan -Id $vlan) }).Message
    }
    $mac = Get-StaticMac -Adapter $Adapter -Manifest $Manifest
    if ($mac -ne $Spec.Mac) {
        Set-AdapterMac -Adapter $Adapter -Mac $Spec.Mac
        (Get-AgentMessage -Id 'change_mac' -Values @{ after = (Format-AdapterMac -Mac $Spec.Mac); before = (Format-AdapterMac -Mac $mac) }).Message
    }
    Edit-AdapterSetting -VM $VM -Adapter $Adapter -Spec $Spec -Recorded (Find-AdapterSpec -Specs @(Get-RecordedAdapter -Manifest $Manifest) -Name $Spec.Name)
}

function Undo-JobAdapter {
    # Removes the adapters that an update added. No adapter had the name before the job added it, so it belongs to the job.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $names = @($Job.Journal.Adapters)
    [System.Array]::Reverse($names)
    foreach ($name in $names) {
        $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $Job.VMId
        if ($null -eq $vm) { return }
        $recorded = @(Get-RecordedAdapter -Manifest (Find-JobManifest -VM $vm)) + @{ Name = $name }
        $adapters = @(Get-VMNetworkAdapter -VM $vm)
        $adapter = Find-AdditionalAdapter -Adapters $adapters -First (Find-PrimaryAdapter -Adapters $adapters -Recorded $recorded) -Name $name
        if ($null -eq $adapter) { continue }
        $item = (Get-AgentMessage -Id 'item_adapter' -Values @{ adapter = $name }).Message
        $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_adapter_removed' -Values @{ adapter = $name } -Item $item -Action {
            Remove-VMNetworkAdapter -VMNetworkAdapter $adapter
        }
    }
}
