# Checks of network adapters: names, switches and MAC addresses.

function Get-AdapterFinding {
    # Returns the findings about additional adapters and all MAC addresses.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [AllowEmptyString()] [string] $VMId)

    $specs = @(Get-AdapterSpec -Value $Fields['network_adapters'])
    if ($specs.Count -eq 0 -and -not $Fields['mac_address']) { return }
    Get-AdapterNameFinding -Specs $specs -VMId $VMId
    for ($index = 0; $index -lt $specs.Count; $index++) {
        Get-SwitchFinding -Machine $Machine -Name $specs[$index].SwitchName -VMId $VMId -Field "network_adapters[$index].switch_name" -Adapter $specs[$index].Name
    }
    Get-MacFinding -Fields $Fields -Specs $specs -VMId $VMId
}

function Get-AdapterNameFinding {
    # Returns the findings about names of additional adapters.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs, [AllowEmptyString()] [string] $VMId)

    for ($index = 0; $index -lt $Specs.Count; $index++) {
        if (Test-SameName -Left $Specs[$index].Name -Right $script:AgentFirstAdapterName) {
            New-JobFinding -Field "network_adapters[$index].name" -MessageId 'adapter_name_first' -Values @{ name = $script:AgentFirstAdapterName }
        }
    }
    if (-not $VMId -or $Specs.Count -eq 0) { return }
    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm) { return }
    $manifest = Find-JobManifest -VM $vm
    if ($null -eq $manifest) {
        return Get-ForeignAdapterFinding -VM $vm -Specs $Specs
    }
    $recorded = @(Get-RecordedAdapter -Manifest $manifest)
    $adapters = @($vm.NetworkAdapters)
    for ($index = 0; $index -lt $Specs.Count; $index++) {
        $name = $Specs[$index].Name
        if ((Test-SameName -Left $name -Right $script:AgentFirstAdapterName) -or $null -ne (Find-AdapterSpec -Specs $recorded -Name $name) -or
            $null -eq (Find-AdditionalAdapter -Adapters $adapters -First $null -Name $name)) { continue }
        New-JobFinding -Field "network_adapters[$index].name" -MessageId 'adapter_name_taken' -Values @{ vm = $vm.Name; name = $name }
    }
}

function Get-MacFinding {
    # Returns the findings about MAC addresses that another virtual machine uses, or that the definition uses twice.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs, [AllowEmptyString()] [string] $VMId)

    $wanted = [ordered]@{}
    if ($Fields['mac_address']) { $wanted['mac_address'] = $Fields['mac_address'] }
    for ($index = 0; $index -lt $Specs.Count; $index++) {
        if ($Specs[$index].Mac) { $wanted["network_adapters[$index].mac_address"] = $Specs[$index].Mac }
    }
    if ($wanted.Count -eq 0) { return }
    $holders = Get-MacHolder -ExceptId $VMId
    $given = @{}
    foreach ($field in $wanted.Keys) {
        $mac = $wanted[$field]
        if ($given.ContainsKey($mac)) {
            New-JobFinding -Field $field -MessageId 'mac_duplicate' -Values @{ mac = $mac; field = $given[$mac] }
            continue
        }
        $given[$mac] = $field
        $digits = Get-MacDigit -Mac $mac
        if ($holders.ContainsKey($digits)) {
            New-JobFinding -Field $field -MessageId 'mac_taken' -Values @{ mac = $mac; adapter = $holders[$digits].Adapter; vm = $holders[$digits].VM }
        }
    }
}

function Get-SwitchFinding {
    # Returns a finding when the virtual switch does not exist, or is not unique. Field is the field that names the switch, and Adapter the
    # name of the additional adapter that is connected to it.
    param(
        [Parameter(Mandatory)] $Machine,
        [AllowNull()] [AllowEmptyString()] [string] $Name,
        [AllowEmptyString()] [string] $VMId = '',
        [string] $Field = 'switch_name',
        [string] $Adapter = ''
    )

    $switches = @(Get-VMSwitch)
    $names = [string[]]@($switches | ForEach-Object -Process { $_.Name })
    $known = Join-AgentName -Name $names
    if ($names.Count -eq 0) {
        New-JobFinding -Field $Field -MessageId 'switch_none' -Values @{ host = $Machine.Name }
    } elseif ($Name) {
        $same = @($switches | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $Name })
        if ($same.Count -eq 1) { return }
        if ($same.Count -gt 1) {
            # An adapter that is connected to one of them is not connected again.
            $vm = $null
            if ($VMId) { $vm = Find-HostVM -Id $VMId }
            if ($null -ne $vm -and @($vm.NetworkAdapters | Where-Object -FilterScript {
                        (Test-SameName -Left $_.SwitchName -Right $Name) -and (-not $Adapter -or (Test-SameName -Left $_.Name -Right $Adapter))
                    }).Count -gt 0) { return }
            $values = @{ name = $Name; count = $same.Count; switches = (Get-SwitchText -Switches $same) }
            New-JobFinding -Field $Field -MessageId 'switch_name_ambiguous' -Values $values
            return
        }
        New-JobFinding -Field $Field -MessageId 'switch_missing' -Values @{ name = $Name; host = $Machine.Name; switches = $known }
    } elseif ($names.Count -gt 1) {
        New-JobFinding -Field $Field -MessageId 'switch_ambiguous' -Values @{ host = $Machine.Name; count = $names.Count; switches = $known }
    }
}

function Get-AdapterPowerCycleField {
    # Returns the fields whose change requires the virtual machine to be off: MAC addresses, and adapters to add or remove where the
    # virtual machine does not support that while it runs. Call it within @( ).
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Manifest, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Changed)

    $adapters = @($VM.NetworkAdapters)
    $recorded = @(Get-RecordedAdapter -Manifest $Manifest)
    $first = Find-PrimaryAdapter -Adapters $adapters -Recorded $recorded
    if ($Changed -contains 'mac_address' -and $null -ne $first -and (Get-StaticMac -Adapter $first -Manifest $Manifest) -ne [string]$Fields['mac_address']) { 'mac_address' }
    if ($Changed -notcontains 'network_adapters') { return }
    $hot = $VM.Generation -eq 2 -and (ConvertTo-PowerState -State $VM.State) -eq 'running'
    $specs = @(Get-AdapterSpec -Value $Fields['network_adapters'])
    $needed = $false
    foreach ($spec in $specs) {
        $adapter = Find-AdditionalAdapter -Adapters $adapters -First $first -Name $spec.Name
        if ($null -eq $adapter) { $needed = $needed -or -not $hot } else { $needed = $needed -or (Get-StaticMac -Adapter $adapter -Manifest $Manifest) -ne $spec.Mac }
    }
    foreach ($spec in $recorded) {
        if ($null -eq (Find-AdapterSpec -Specs $specs -Name $spec.Name) -and $null -ne (Find-AdditionalAdapter -Adapters $adapters -First $first -Name $spec.Name)) {
            $needed = $needed -or -not $hot
        }
    }
    if ($needed) { 'network_adapters' }
}
