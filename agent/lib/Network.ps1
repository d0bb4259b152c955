# Network adapters: the first, which each machine is made with, and further ones, which jobs add and the manifest records.

# The name that Hyper-V gives a new machine's adapter.
$script:AgentFirstAdapterName = 'Network Adapter'

function Invoke-ProvisionNetwork {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $vlan = [int]$Job.Fields['vlan_id']
    $mac = [string]$Job.Fields['mac_address']
    $virtualSwitch = $Plan.Switch
    $message = "connect to switch '$($virtualSwitch.Name)', $(Format-Vlan -Id $vlan)"
    if ($mac) { $message += ", MAC address $(Format-AdapterMac -Mac $mac)" }
    Enter-JobStep -Context $Context -Job $Job -Name 'network' -Message $message
    $adapters = @(Get-VMNetworkAdapter -VM $VM)
    if ($adapters.Count -eq 0) {
        throw (New-AgentError -Code 'step_failed' -Message "virtual machine '$($Job.Fields['vm_name'])' has no network adapter")
    }
    $first = $adapters[0]
    if ($mac) { Set-VMNetworkAdapter -VMNetworkAdapter $first -StaticMacAddress (Get-MacDigit -Mac $mac) }
    Connect-VMNetworkAdapter -VMNetworkAdapter $first -VMSwitch $virtualSwitch
    if ($vlan -gt 0) { Set-VMNetworkAdapterVlan -VMNetworkAdapter $first -Access -VlanId $vlan }
    foreach ($spec in @(Get-AdapterSpec -Value $Job.Fields['network_adapters'])) {
        if (Test-SameName -Left $spec.Name -Right $first.Name) { # Windows in another language has another name for it
            throw (New-AgentError -Code 'adapter_name' -Field 'network_adapters' -Remedy 'choose another name' `
                    -Message "the first network adapter has the name '$($first.Name)'")
        }
        Add-JobAdapter -Context $Context -Job $Job -VM $VM -Spec $spec
    }
}

function Add-JobAdapter {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Spec)

    $virtualSwitch = Find-HostSwitch -Name $Spec.SwitchName
    $options = @{}
    if ($Spec.Mac) { $options['StaticMacAddress'] = Get-MacDigit -Mac $Spec.Mac }
    $adapter = Add-VMNetworkAdapter -VM $VM -Name $Spec.Name -Passthru @options
    Connect-VMNetworkAdapter -VMNetworkAdapter $adapter -VMSwitch $virtualSwitch
    if ($Spec.Vlan -gt 0) { Set-VMNetworkAdapterVlan -VMNetworkAdapter $adapter -Access -VlanId $Spec.Vlan }
    Write-JobEvent -Context $Context -Job $Job -Kind 'log' `
        -Message "network adapter '$($Spec.Name)': added, switch '$($virtualSwitch.Name)', $(Format-Vlan -Id $Spec.Vlan), MAC address $(Format-AdapterMac -Mac $Spec.Mac)"
}

function Get-AdapterSpec {
    # Gives the further adapters that a definition, or a record of one, asks for. Call it within @( ).
    param([AllowNull()] $Value)

    foreach ($item in @($Value)) {
        if ($null -eq $item) { continue }
        @{
            Name = [string](Get-AgentProperty -Value $item -Name 'name'); SwitchName = [string](Get-AgentProperty -Value $item -Name 'switch_name')
            Vlan = [int](Get-AgentProperty -Value $item -Name 'vlan_id'); Mac = [string](Get-AgentProperty -Value $item -Name 'mac_address')
        }
    }
}

function Get-RecordedAdapter {
    # Gives the further adapters that a machine's manifest records. Call it within @( ).
    param([AllowNull()] $Manifest)

    if ($null -eq $Manifest -or $null -eq $Manifest.Recorded) { return }
    if ($Manifest.Recorded -is [System.Collections.IDictionary]) {
        Get-AdapterSpec -Value $Manifest.Recorded['network_adapters']
    } else {
        Get-AdapterSpec -Value (Get-AgentProperty -Value $Manifest.Recorded -Name 'network_adapters')
    }
}

function Find-AdapterSpec {
    # Gives the adapter with a name, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Name)

    foreach ($spec in $Specs) { if (Test-SameName -Left $spec.Name -Right $Name) { return $spec } }
}

function Find-FirstAdapter {
    # Gives the adapter that a machine was made with: the first that no job added; nothing when it has none.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Ours)

    foreach ($adapter in $Adapters) { if ($null -eq (Find-AdapterSpec -Specs $Ours -Name $adapter.Name)) { return $adapter } }
}

function Find-FurtherAdapter {
    # Gives the adapter with a name that is not the first; nothing when there is none.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters, [AllowNull()] $First, [Parameter(Mandatory)] [string] $Name)

    foreach ($adapter in $Adapters) {
        if (($null -eq $First -or $adapter.Id -ne $First.Id) -and (Test-SameName -Left $adapter.Name -Right $Name)) { return $adapter }
    }
}

function Get-MacDigit {
    # Gives a MAC address without what joins its pairs.
    param([AllowEmptyString()] [string] $Mac)

    return $Mac.Replace('-', '').Replace(':', '').ToUpperInvariant()
}

function Get-StaticMac {
    # Gives the address of an adapter that has one of its own, as 00-15-5D-00-10-20; else empty text.
    param([Parameter(Mandatory)] $Adapter)

    $digits = Get-MacDigit -Mac ([string]$Adapter.MacAddress)
    if ($Adapter.DynamicMacAddressEnabled -or $digits.Length -ne 12 -or $digits -eq '000000000000') { return '' }
    return [System.Text.RegularExpressions.Regex]::Replace($digits, '(..)(?!\z)', '$1-')
}

function Format-AdapterMac {
    param([AllowEmptyString()] [string] $Mac)

    if ($Mac) { return $Mac }
    return 'chosen by the host'
}

function Format-Vlan {
    param([Parameter(Mandatory)] [int] $Id)

    if ($Id -gt 0) { return "VLAN $Id" }
    return 'untagged'
}

function ConvertTo-AdapterList {
    # Gives the further adapters that a manifest records and that are there, in the manifest's order; null without a manifest.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters, [AllowNull()] $First, [AllowNull()] $Manifest)

    if ($null -eq $Manifest) { return $null }
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($spec in @(Get-RecordedAdapter -Manifest $Manifest)) {
        $adapter = Find-FurtherAdapter -Adapters $Adapters -First $First -Name $spec.Name
        if ($null -eq $adapter) { continue }
        $item = [ordered]@{ name = $spec.Name; switch_name = $null; vlan_id = $null; mac_address = $null }
        if ($adapter.SwitchName) {
            $item['switch_name'] = [string]$adapter.SwitchName
            if (Test-SameName -Left $adapter.SwitchName -Right $spec.SwitchName) { $item['switch_name'] = $spec.SwitchName }
        }
        $vlan = Get-AdapterVlan -Adapters @($adapter)
        if ($vlan -ne 0) { $item['vlan_id'] = $vlan }
        $mac = Get-StaticMac -Adapter $adapter
        if ($mac) { $item['mac_address'] = $mac }
        $null = $list.Add($item)
    }
    return , [object[]]$list.ToArray()
}
