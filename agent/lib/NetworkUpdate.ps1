# Changing the network adapters of a virtual machine that exists.

function Get-FirstAdapter {
    # Gives the adapter that the machine was made with, or an error.
    param([Parameter(Mandatory)] $Plan)

    $first = Find-FirstAdapter -Adapters @(Get-VMNetworkAdapter -VM $Plan.VM) -Ours @(Get-RecordedAdapter -Manifest $Plan.Manifest)
    if ($null -eq $first) {
        throw (New-AgentError -Code 'step_failed' -Message "virtual machine '$($Plan.VM.Name)' has no network adapter")
    }
    return $first
}

function Set-JobSwitch {
    param([Parameter(Mandatory)] $Plan, [AllowNull()] [AllowEmptyString()] [string] $Name)

    $adapter = Get-FirstAdapter -Plan $Plan
    $before = 'not connected'
    if ($adapter.SwitchName) { $before = "'$($adapter.SwitchName)'" }
    if (-not $Name) {
        Disconnect-VMNetworkAdapter -VMNetworkAdapter $adapter
        return "not connected, was $before"
    }
    $virtualSwitch = Find-HostSwitch -Name $Name
    Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -VMSwitch $virtualSwitch
    return "'$($virtualSwitch.Name)', was $before"
}

function Set-JobVlan {
    param([Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [int] $Id)

    $adapter = Get-FirstAdapter -Plan $Plan
    $before = Format-Vlan -Id (Get-AdapterVlan -Adapters @($adapter))
    Set-AdapterVlan -Adapter $adapter -Id $Id
    return "$(Format-Vlan -Id $Id), was $before"
}

function Set-AdapterVlan {
    param([Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] [int] $Id)

    if ($Id -gt 0) {
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Access -VlanId $Id
    } else {
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Untagged
    }
}

function Set-JobMac {
    # Gives the first adapter an address of its own, or has the host choose.
    param([Parameter(Mandatory)] $Plan, [AllowEmptyString()] [string] $Mac)

    $adapter = Get-FirstAdapter -Plan $Plan
    $before = Get-StaticMac -Adapter $adapter
    if ($before -ne $Mac) { Set-AdapterMac -Adapter $adapter -Mac $Mac }
    return "$(Format-AdapterMac -Mac $Mac), was $(Format-AdapterMac -Mac $before)"
}

function Set-AdapterMac {
    param([Parameter(Mandatory)] $Adapter, [AllowEmptyString()] [string] $Mac)

    if ($Mac) {
        Set-VMNetworkAdapter -VMNetworkAdapter $Adapter -StaticMacAddress (Get-MacDigit -Mac $Mac)
    } else {
        Set-VMNetworkAdapter -VMNetworkAdapter $Adapter -DynamicMacAddress
    }
}

function Set-JobAdapter {
    # Makes the further adapters what is asked for: first those that are new, and last those that are to go.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $adapters = @(Get-VMNetworkAdapter -VM $Plan.VM)
    $wanted = @(Get-AdapterSpec -Value $Job.Fields['network_adapters'])
    $ours = @(Get-RecordedAdapter -Manifest $Plan.Manifest)
    $first = Find-FirstAdapter -Adapters $adapters -Ours $ours
    $added = 0
    $changed = 0
    $removed = 0
    foreach ($spec in $wanted) {
        if ($null -ne (Find-FurtherAdapter -Adapters $adapters -First $first -Name $spec.Name)) { continue }
        $null = $Job.Made.Adapters.Add($spec.Name)
        Save-JobState -Context $Context -Job $Job
        Add-JobAdapter -Context $Context -Job $Job -VM $Plan.VM -Spec $spec
        $added++
    }
    foreach ($spec in $wanted) {
        $adapter = Find-FurtherAdapter -Adapters $adapters -First $first -Name $spec.Name
        if ($null -eq $adapter) { continue }
        $texts = [string[]]@(Edit-JobAdapter -Adapter $adapter -Spec $spec)
        if ($texts.Count -eq 0) { continue }
        $changed++
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "network adapter '$($spec.Name)': $([string]::Join('; ', $texts))"
    }
    foreach ($spec in $ours) {
        $adapter = Find-FurtherAdapter -Adapters $adapters -First $first -Name $spec.Name
        if ($null -eq $adapter -or $null -ne (Find-AdapterSpec -Specs $wanted -Name $spec.Name)) { continue }
        Remove-VMNetworkAdapter -VMNetworkAdapter $adapter
        $removed++
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "network adapter '$($spec.Name)': removed"
    }
    return "$added added, $changed changed, $removed removed"
}

function Edit-JobAdapter {
    # Gives an adapter the settings that it has not, and says which. Call it within @( ).
    param([Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] $Spec)

    if (-not (Test-SameName -Left $Adapter.SwitchName -Right $Spec.SwitchName)) {
        $virtualSwitch = Find-HostSwitch -Name $Spec.SwitchName
        Connect-VMNetworkAdapter -VMNetworkAdapter $Adapter -VMSwitch $virtualSwitch
        $before = 'not connected'
        if ($Adapter.SwitchName) { $before = "'$($Adapter.SwitchName)'" }
        "switch '$($virtualSwitch.Name)', was $before"
    }
    $vlan = Get-AdapterVlan -Adapters @($Adapter)
    if ($vlan -ne $Spec.Vlan) {
        Set-AdapterVlan -Adapter $Adapter -Id $Spec.Vlan
        "$(Format-Vlan -Id $Spec.Vlan), was $(Format-Vlan -Id $vlan)"
    }
    $mac = Get-StaticMac -Adapter $Adapter
    if ($mac -ne $Spec.Mac) {
        Set-AdapterMac -Adapter $Adapter -Mac $Spec.Mac
        "MAC address $(Format-AdapterMac -Mac $Spec.Mac), was $(Format-AdapterMac -Mac $mac)"
    }
}

function Undo-JobAdapter {
    # Takes back the adapters that an update added. Each was looked for before it was added, so one of that name is the job's.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $names = @($Job.Made.Adapters)
    [System.Array]::Reverse($names)
    foreach ($name in $names) {
        $vm = Find-HostVM -Id $Job.VMId
        if ($null -eq $vm) { return }
        $ours = @(Get-RecordedAdapter -Manifest (Find-JobManifest -VM $vm)) + @{ Name = $name }
        $adapters = @(Get-VMNetworkAdapter -VM $vm)
        $adapter = Find-FurtherAdapter -Adapters $adapters -First (Find-FirstAdapter -Adapters $adapters -Ours $ours) -Name $name
        if ($null -eq $adapter) { continue }
        $null = Undo-JobPart -Context $Context -Job $Job -Done "removed network adapter '$name'" -What "network adapter '$name'" -Action {
            Remove-VMNetworkAdapter -VMNetworkAdapter $adapter
        }
    }
}
