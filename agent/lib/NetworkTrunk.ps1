# VLAN trunks: network adapters with several VLANs, which the guest tags itself.

function ConvertTo-VlanId {
    # Returns the VLAN IDs of text such as 10-12,20 in ascending order, or nothing when it is not such text. Call it within @( ).
    param([AllowNull()] [AllowEmptyString()] [string] $Text)

    $ids = @{}
    foreach ($part in $Text.Split(',')) {
        if ($part -notmatch '^ *([0-9]{1,4})(?: *- *([0-9]{1,4}))? *\z') { return }
        $first = [int]$Matches[1]
        $last = if ($Matches.ContainsKey(2)) { [int]$Matches[2] } else { $first }
        if ($first -lt 1 -or $last -gt 4094 -or $first -gt $last) { return }
        for ($id = $first; $id -le $last; $id++) { $ids[$id] = $true }
    }
    $ids.Keys | Sort-Object
}

function Format-VlanList {
    # Returns VLAN IDs as text, with a range for neighbours: 10-12,20.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Ids)

    $parts = New-Object -TypeName System.Collections.ArrayList
    $first = 0
    $last = 0
    foreach ($id in @($Ids | Sort-Object -Unique) + 0) {
        if ($first -gt 0 -and $id -eq $last + 1) {
            $last = $id
            continue
        }
        if ($first -gt 0) { $null = $parts.Add($(if ($first -eq $last) { "$first" } else { "$first-$last" })) }
        $first = $id
        $last = $id
    }
    return [string]::Join(',', [string[]]$parts.ToArray())
}

function Get-VlanListRequirement {
    # The value must be a list of VLAN IDs and ranges of them, or an empty string for none.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [string] -and ($Value -eq '' -or @(ConvertTo-VlanId -Text $Value).Count -gt 0)) { return '' }
    return (Get-AgentMessage -Id 'requirement_vlan_list').Message
}

function Set-AdapterTrunk {
    # Makes an adapter a trunk with the VLANs and the native VLAN of Values, which are as they were where Values lack them. One without
    # VLANs is untagged.
    param([Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] $Values)

    $current = Get-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter # vlan_id may have changed since the adapter was read
    $trunk = @{}
    foreach ($name in 'vlan_trunk', 'vlan_native_id') {
        $trunk[$name] = if ($Values.ContainsKey($name)) { $Values[$name] } else { Get-SettingValue -Device ([pscustomobject]@{ VlanSetting = $current }) -Name $name }
    }
    if ($trunk['vlan_trunk']) {
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Trunk -AllowedVlanIdList $trunk['vlan_trunk'] -NativeVlanId ([int]$trunk['vlan_native_id'])
    } elseif ([string]$current.OperationMode -eq 'Trunk') {
        Set-VMNetworkAdapterVlan -VMNetworkAdapter $Adapter -Untagged
    }
}
