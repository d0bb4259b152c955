# Network adapters: the primary one, which Hyper-V creates with each virtual machine, and additional ones, which jobs add and the
# manifest records.

# The name of the primary adapter of a new virtual machine.
$script:AgentFirstAdapterName = 'Network Adapter'

function Invoke-ProvisionNetwork {
    # Step network: connects the primary adapter, and adds the additional ones.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $vlan = [int]$Job.Fields['vlan_id']
    $mac = [string]$Job.Fields['mac_address']
    $virtualSwitch = $Plan.Switch
    $vlanText = Format-Vlan -Id $vlan
    if ($mac) {
        Enter-JobStep -Context $Context -Job $Job -Name 'network' -MessageId 'step_network_mac' -Values @{ switch = $virtualSwitch.Name; vlan = $vlanText; mac = $mac }
    } else {
        Enter-JobStep -Context $Context -Job $Job -Name 'network' -MessageId 'step_network' -Values @{ switch = $virtualSwitch.Name; vlan = $vlanText }
    }
    $adapters = @(Get-VMNetworkAdapter -VM $VM)
    if ($adapters.Count -eq 0) {
        throw (New-AgentError -MessageId 'adapter_missing' -Values @{ vm = $Job.Fields['vm_name'] })
    }
    $first = $adapters[0]
    if ($mac) { Set-VMNetworkAdapter -VMNetworkAdapter $first -StaticMacAddress (Get-MacDigit -Mac $mac) }
    Connect-VMNetworkAdapter -VMNetworkAdapter $first -VMSwitch $virtualSwitch
    if ($vlan -gt 0) { Set-VMNetworkAdapterVlan -VMNetworkAdapter $first -Access -VlanId $vlan }
    foreach ($part in 'adapter', 'trunk') { Initialize-JobSetting -VM $VM -Fields $Job.Fields -Part $part -Device $first }
    foreach ($spec in @(Get-AdapterSpec -Value $Job.Fields['network_adapters'])) {
        if (Test-SameName -Left $spec.Name -Right $first.Name) { # its name depends on the language of Windows
            throw (New-AgentError -Field "$($spec.Field).name" -MessageId 'adapter_name_first' -Values @{ name = $first.Name })
        }
        Add-JobAdapter -Context $Context -Job $Job -VM $VM -Spec $spec
    }
}

function Add-JobAdapter {
    # Adds and configures an additional adapter.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Spec)

    $virtualSwitch = Find-HostSwitch -Name $Spec.SwitchName -Field "$($Spec.Field).switch_name"
    $options = @{}
    if ($Spec.Mac) { $options['StaticMacAddress'] = Get-MacDigit -Mac $Spec.Mac }
    $adapter = Add-VMNetworkAdapter -VM $VM -Name $Spec.Name -Passthru @options
    Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -VMSwitch $virtualSwitch
    if ($Spec.Vlan -gt 0) { Set-VMNetworkAdapterVlan -VMNetworkAdapter $adapter -Access -VlanId $Spec.Vlan }
    foreach ($part in 'adapter', 'trunk') { Initialize-JobSetting -VM $VM -Fields $Spec.Settings -Part $part -Device $adapter }
    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'adapter_added' -Values @{
        adapter = $Spec.Name; switch = $virtualSwitch.Name; vlan = (Format-Vlan -Id $Spec.Vlan); mac = (Format-AdapterMac -Mac $Spec.Mac)
    }
}

function Get-AdapterSpec {
    # Returns the additional adapters of a definition or a manifest; Field is the path of each in errors. Call it within @( ).
    param([AllowNull()] $Value)

    $index = 0
    foreach ($item in @($Value)) {
        if ($null -eq $item) { continue }
        @{
            Field = "network_adapters[$index]"
            Name = [string](Get-AgentProperty -Value $item -Name 'name'); SwitchName = [string](Get-AgentProperty -Value $item -Name 'switch_name')
            Vlan = [int](Get-AgentProperty -Value $item -Name 'vlan_id'); Mac = [string](Get-AgentProperty -Value $item -Name 'mac_address')
            Settings = (Get-AdapterSetting -Item $item)
        }
        $index++
    }
}

function Get-RecordedAdapter {
    # Returns the additional adapters that a manifest records. Call it within @( ).
    param([AllowNull()] $Manifest)

    if ($null -eq $Manifest -or $null -eq $Manifest.Recorded) { return }
    if ($Manifest.Recorded -is [System.Collections.IDictionary]) {
        Get-AdapterSpec -Value $Manifest.Recorded['network_adapters']
    } else {
        Get-AdapterSpec -Value (Get-AgentProperty -Value $Manifest.Recorded -Name 'network_adapters')
    }
}

function Find-AdapterSpec {
    # Returns the adapter with a name from a list, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Name)

    foreach ($spec in $Specs) { if (Test-SameName -Left $spec.Name -Right $Name) { return $spec } }
}

function Find-PrimaryAdapter {
    # Returns the primary adapter: the first that is not recorded as added by a job; nothing when there is none.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Recorded)

    foreach ($adapter in $Adapters) { if ($null -eq (Find-AdapterSpec -Specs $Recorded -Name $adapter.Name)) { return $adapter } }
}

function Find-AdditionalAdapter {
    # Returns the adapter with a name that is not the primary one, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters, [AllowNull()] $First, [Parameter(Mandatory)] [string] $Name)

    foreach ($adapter in $Adapters) {
        if (($null -eq $First -or $adapter.Id -ne $First.Id) -and (Test-SameName -Left $adapter.Name -Right $Name)) { return $adapter }
    }
}

function Get-MacDigit {
    # Returns the digits of a MAC address, without separators.
    param([AllowEmptyString()] [string] $Mac)

    return $Mac.Replace('-', '').Replace(':', '').ToUpperInvariant()
}

function Get-StaticMac {
    # Returns the static MAC address of an adapter, such as 00-15-5D-00-10-20, or an empty string when it is dynamic, or when a job
    # assigned it for the guest.
    param([Parameter(Mandatory)] $Adapter, [AllowNull()] $Manifest)

    $digits = Get-MacDigit -Mac ([string]$Adapter.MacAddress)
    if ($Adapter.DynamicMacAddressEnabled -or $digits.Length -ne 12 -or $digits -eq '000000000000') { return '' }
    if ($null -ne $Manifest -and $Manifest.AssignedMacs -contains $digits) { return '' }
    return Format-MacDigit -Digits $digits
}

function Format-AdapterMac {
    # Returns a MAC address as text.
    param([AllowEmptyString()] [string] $Mac)

    if ($Mac) { return $Mac }
    return (Get-AgentMessage -Id 'mac_dynamic').Message
}

function Format-Vlan {
    # Returns a VLAN as text.
    param([Parameter(Mandatory)] [int] $Id)

    if ($Id -gt 0) { return (Get-AgentMessage -Id 'vlan_access' -Values @{ id = $Id }).Message }
    return (Get-AgentMessage -Id 'vlan_untagged').Message
}

function ConvertTo-AdapterList {
    # Returns the additional adapters that are recorded and exist, in the order of the manifest; null without a manifest.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters, [AllowNull()] $First, [AllowNull()] $Manifest)

    if ($null -eq $Manifest) { return $null }
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($spec in @(Get-RecordedAdapter -Manifest $Manifest)) {
        $adapter = Find-AdditionalAdapter -Adapters $Adapters -First $First -Name $spec.Name
        if ($null -eq $adapter) { continue }
        $item = [ordered]@{ name = $spec.Name; switch_name = $null; vlan_id = $null; mac_address = $null }
        if ($adapter.SwitchName) {
            $item['switch_name'] = [string]$adapter.SwitchName
            if (Test-SameName -Left $adapter.SwitchName -Right $spec.SwitchName) { $item['switch_name'] = $spec.SwitchName }
        }
        $vlan = Get-AdapterVlan -Adapters @($adapter)
        if ($vlan -ne 0) { $item['vlan_id'] = $vlan }
        $mac = Get-StaticMac -Adapter $adapter -Manifest $Manifest
        if ($mac) { $item['mac_address'] = $mac }
        Add-AdapterSetting -Item $item -Adapter $adapter -Spec $spec
        $null = $list.Add($item)
    }
    return , [object[]]$list.ToArray()
}
