# What stands in the way of network adapters, their names, switches and addresses.

function Find-AdapterFinding {
    # Gives the findings about the further adapters and all MAC addresses.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [AllowEmptyString()] [string] $VMId)

    $specs = @(Get-AdapterSpec -Value $Fields['network_adapters'])
    if ($specs.Count -eq 0 -and -not $Fields['mac_address']) { return }
    Find-AdapterNameFinding -Specs $specs -VMId $VMId
    for ($index = 0; $index -lt $specs.Count; $index++) {
        Find-SwitchFinding -Machine $Machine -Name $specs[$index].SwitchName -Field "network_adapters[$index].switch_name"
    }
    Find-MacFinding -Fields $Fields -Specs $specs -VMId $VMId
}

function Find-AdapterNameFinding {
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs, [AllowEmptyString()] [string] $VMId)

    for ($index = 0; $index -lt $Specs.Count; $index++) {
        if (Test-SameName -Left $Specs[$index].Name -Right $script:AgentFirstAdapterName) {
            New-JobFinding -Field "network_adapters[$index].name" -Code 'adapter_name' -Remedy 'choose another name' `
                -Message "the first network adapter has the name '$($script:AgentFirstAdapterName)'"
        }
    }
    if (-not $VMId -or $Specs.Count -eq 0) { return }
    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm) { return }
    $manifest = Find-JobManifest -VM $vm
    if ($null -eq $manifest) {
        New-JobFinding -Field 'network_adapters' -Code 'adapter_name' -Remedy 'leave network_adapters out' `
            -Message "no job is recorded for virtual machine '$($vm.Name)', so that its network adapters cannot be told apart"
        return
    }
    $ours = @(Get-RecordedAdapter -Manifest $manifest)
    $adapters = @($vm.NetworkAdapters)
    for ($index = 0; $index -lt $Specs.Count; $index++) {
        $name = $Specs[$index].Name
        if ((Test-SameName -Left $name -Right $script:AgentFirstAdapterName) -or $null -ne (Find-AdapterSpec -Specs $ours -Name $name) -or
            $null -eq (Find-FurtherAdapter -Adapters $adapters -First $null -Name $name)) { continue }
        New-JobFinding -Field "network_adapters[$index].name" -Code 'adapter_name' -Remedy 'choose another name, or remove that adapter' `
            -Message "virtual machine '$($vm.Name)' has a network adapter '$name' that no job made"
    }
}

function Find-MacFinding {
    # Gives the findings about addresses that another virtual machine of the host has, or that are given twice.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs, [AllowEmptyString()] [string] $VMId)

    $wanted = [ordered]@{}
    if ($Fields['mac_address']) { $wanted['mac_address'] = $Fields['mac_address'] }
    for ($index = 0; $index -lt $Specs.Count; $index++) {
        if ($Specs[$index].Mac) { $wanted["network_adapters[$index].mac_address"] = $Specs[$index].Mac }
    }
    if ($wanted.Count -eq 0) { return }
    $holders = @{}
    foreach ($vm in @(Get-VM)) {
        if ($vm.Id.ToString() -eq $VMId) { continue }
        foreach ($adapter in @($vm.NetworkAdapters)) {
            $digits = Get-MacDigit -Mac ([string]$adapter.MacAddress)
            if (-not $holders.ContainsKey($digits)) { $holders[$digits] = "network adapter '$($adapter.Name)' of virtual machine '$($vm.Name)'" }
        }
    }
    $given = @{}
    foreach ($field in $wanted.Keys) {
        $mac = $wanted[$field]
        if ($given.ContainsKey($mac)) {
            New-JobFinding -Field $field -Code 'mac_taken' -Remedy 'choose another address' -Message "MAC address $mac is given in $($given[$mac]) already"
            continue
        }
        $given[$mac] = $field
        $digits = Get-MacDigit -Mac $mac
        if ($holders.ContainsKey($digits)) {
            New-JobFinding -Field $field -Code 'mac_taken' -Remedy 'choose another address' -Message "$($holders[$digits]) has MAC address $mac already"
        }
    }
}

function Find-SwitchFinding {
    # Field is the one that names the switch.
    param([Parameter(Mandatory)] $Machine, [AllowNull()] [AllowEmptyString()] [string] $Name, [string] $Field = 'switch_name')

    $names = [string[]]@(Get-VMSwitch | ForEach-Object -Process { $_.Name })
    [System.Array]::Sort($names, [System.StringComparer]::OrdinalIgnoreCase)
    $known = [string]::Join(', ', $names)
    if ($names.Count -eq 0) {
        New-JobFinding -Field $Field -Code 'switch_missing' -Message "host $($Machine.Name) has no virtual switch" -Remedy 'create one with New-VMSwitch'
    } elseif ($Name) {
        foreach ($candidate in $names) { if (Test-SameName -Left $candidate -Right $Name) { return } }
        New-JobFinding -Field $Field -Code 'switch_missing' -Remedy "use one of: $known" `
            -Message "virtual switch '$Name' does not exist on host $($Machine.Name)"
    } elseif ($names.Count -gt 1) {
        New-JobFinding -Field $Field -Code 'switch_ambiguous' -Remedy "set switch_name to one of: $known" `
            -Message "host $($Machine.Name) has $($names.Count) virtual switches and none was named"
    }
}

function Find-AdapterCycle {
    # Names the fields whose change needs the machine to be off: those of MAC addresses, and of adapters that are added or removed
    # where the machine does not take that while it runs. Call it within @( ).
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Manifest, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Changed)

    $adapters = @($VM.NetworkAdapters)
    $ours = @(Get-RecordedAdapter -Manifest $Manifest)
    $first = Find-FirstAdapter -Adapters $adapters -Ours $ours
    if ($Changed -contains 'mac_address' -and $null -ne $first -and (Get-StaticMac -Adapter $first) -ne [string]$Fields['mac_address']) { 'mac_address' }
    if ($Changed -notcontains 'network_adapters') { return }
    $hot = $VM.Generation -eq 2 -and [string]$VM.State -eq 'Running'
    $specs = @(Get-AdapterSpec -Value $Fields['network_adapters'])
    $needed = $false
    foreach ($spec in $specs) {
        $adapter = Find-FurtherAdapter -Adapters $adapters -First $first -Name $spec.Name
        if ($null -eq $adapter) { $needed = $needed -or -not $hot } else { $needed = $needed -or (Get-StaticMac -Adapter $adapter) -ne $spec.Mac }
    }
    foreach ($spec in $ours) {
        if ($null -eq (Find-AdapterSpec -Specs $specs -Name $spec.Name) -and $null -ne (Find-FurtherAdapter -Adapters $adapters -First $first -Name $spec.Name)) {
            $needed = $needed -or -not $hot
        }
    }
    if ($needed) { 'network_adapters' }
}

function Find-CycleFinding {
    # Gives the findings about an update of a machine that runs, and that would have to be off. No changed field stands for all that
    # the definition has.
    param([Parameter(Mandatory)] $Definition, [AllowEmptyString()] [string] $VMId, [AllowEmptyCollection()] [string[]] $Changed = @())

    $fields = $Definition.Fields
    if ($Definition.Operation -ne 'update' -or -not $VMId -or $fields['power_state'] -eq 'off') { return }
    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm -or [string]$vm.State -eq 'Off') { return }
    if ($Changed.Count -eq 0) { $Changed = @($fields.Keys) }
    foreach ($name in @(Find-AdapterCycle -VM $vm -Manifest (Find-JobManifest -VM $vm) -Fields $fields -Changed $Changed)) {
        New-JobFinding -Field $name -Code 'power_cycle_refused' -Remedy 'allow the power cycle, or turn it off first' `
            -Message "changing $name needs virtual machine '$($vm.Name)' to be off, and it is $(ConvertTo-PowerState -State $vm.State)"
    }
}
