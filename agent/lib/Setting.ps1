# Settings of the hardware that one parameter of a cmdlet sets: a field is one row.

# The fields: Part is the device, Name the parameter and the property of the device, Default what Hyper-V sets for a new virtual machine.
# Off means that the virtual machine must be off: the settings that DSC restarts a virtual machine for,
# https://github.com/dsccommunity/HyperVDsc/blob/main/source/DSCResources/DSC_VMProcessor/DSC_VMProcessor.psm1. A number has limits, and Unit is
# that of the parameter. Holder is the property of the device that has the property.
$script:AgentSettings = @{
    nested_virtualization   = @{ Part = 'processor'; Name = 'ExposeVirtualizationExtensions'; Default = $false; Off = $true }
    processor_compatibility = @{ Part = 'processor'; Name = 'CompatibilityForMigrationEnabled'; Default = $false; Off = $true }
    processor_weight        = @{ Part = 'processor'; Name = 'RelativeWeight'; Default = 100; Minimum = 1; Maximum = 10000 }
    processor_reserve       = @{ Part = 'processor'; Name = 'Reserve'; Default = 0; Minimum = 0; Maximum = 100 }
    processor_limit         = @{ Part = 'processor'; Name = 'Maximum'; Default = 100; Minimum = 1; Maximum = 100 }
    memory_weight           = @{ Part = 'memory'; Name = 'Priority'; Default = 50; Minimum = 1; Maximum = 100 }
    mac_spoofing            = @{ Part = 'adapter'; Name = 'MacAddressSpoofing'; Default = $false; Words = @{ $true = 'On'; $false = 'Off' } }
    bandwidth_limit_mbps    = @{ Part = 'adapter'; Name = 'MaximumBandwidth'; Holder = 'BandwidthSetting'; Default = 0; Minimum = 0; Maximum = 1000000; Unit = 1000000 }
}

# The cmdlet that sets each device.
$script:AgentSettingCmdlets = @{ processor = 'Set-VMProcessor'; memory = 'Set-VMMemory'; adapter = 'Set-VMNetworkAdapter' }

function Get-SettingRequirement {
    # Returns what a setting must be, or an empty string when its value is valid.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    $row = $script:AgentSettings[$Name]
    if ($null -eq $row) { return '' }
    if ($row.Default -is [bool]) { return Get-BooleanRequirement -Value $Value }
    return Get-WholeNumberRequirement -Value $Value -Minimum $row.Minimum -Maximum $row.Maximum
}

function Get-JobSetting {
    # Returns the value of a setting, or its default.
    param([Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    if ($null -ne $Fields[$Name]) { return $Fields[$Name] }
    return $script:AgentSettings[$Name].Default
}

function Get-SettingDevice {
    # Returns the device of a virtual machine that has the settings of a part; nothing when there is none.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Part, [AllowNull()] $Manifest)

    switch ($Part) {
        'processor' { return Get-VMProcessor -VM $VM }
        'memory' { return Get-VMMemory -VM $VM }
    }
    return Find-PrimaryAdapter -Adapters @(Get-VMNetworkAdapter -VM $VM) -Recorded @(Get-RecordedAdapter -Manifest $Manifest)
}

function Get-SettingValue {
    # Returns the current value of a setting of a device.
    param([Parameter(Mandatory)] $Device, [Parameter(Mandatory)] [string] $Name)

    $row = $script:AgentSettings[$Name]
    $value = $Device
    if ($row.ContainsKey('Holder')) { $value = Get-OptionalProperty -Value $Device -Name $row.Holder }
    if ($null -ne $value) { $value = Get-OptionalProperty -Value $value -Name $row.Name }
    if ($null -eq $value) { return $row.Default } # a version of the module that lacks it, or an adapter without such settings
    if ($row.Default -is [bool]) { return @('True', 'On') -contains [string]$value }
    return [long]$value / $(if ($row.ContainsKey('Unit')) { $row.Unit } else { 1 })
}

function Set-SettingDevice {
    # Sets values, by field, of one device at once: a reserve must not exceed the limit at any time.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Part, [Parameter(Mandatory)] $Device, [Parameter(Mandatory)] $Values)

    if ($Values.Count -eq 0) { return }
    $parameters = @{}
    foreach ($name in $Values.Keys) {
        $row = $script:AgentSettings[$name]
        $value = $Values[$name]
        if ($row.ContainsKey('Words')) { $value = $row.Words[[bool]$value] }
        if ($row.ContainsKey('Unit')) { $value = [long]($value * $row.Unit) }
        $parameters[$row.Name] = $value
    }
    switch ($Part) {
        'processor' { Set-VMProcessor -VM $VM @parameters }
        'memory' { Set-VMMemory -VM $VM @parameters }
        'adapter' { Set-VMNetworkAdapter -VMNetworkAdapter $Device @parameters }
    }
}

function Initialize-JobSetting {
    # Sets the settings of one device of a new virtual machine that are not Hyper-V's defaults.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Part, [Parameter(Mandatory)] $Device)

    $values = @{}
    foreach ($name in $script:AgentSettings.Keys) {
        $row = $script:AgentSettings[$name]
        if ($row.Part -eq $Part -and (Get-JobSetting -Fields $Fields -Name $name) -ne $row.Default) { $values[$name] = $Fields[$name] }
    }
    Set-SettingDevice -VM $VM -Part $Part -Device $Device -Values $values
}

function Get-SettingPlan {
    # Returns the current and the requested value of each changed setting, the devices, and in Cycle the settings that require the virtual
    # machine to be off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job)

    $plan = @{ Cycle = @(); Values = @{}; Devices = @{}; Done = @{} }
    foreach ($name in $Job.Changed) {
        $row = $script:AgentSettings[$name]
        if ($null -eq $row) { continue }
        if (-not $plan.Devices.ContainsKey($row.Part)) {
            $plan.Devices[$row.Part] = Get-SettingDevice -VM $VM -Part $row.Part -Manifest (Find-JobManifest -VM $VM)
        }
        $device = $plan.Devices[$row.Part]
        if ($null -eq $device) { throw (New-AgentError -Field $name -MessageId 'adapter_missing' -Values @{ vm = $VM.Name }) }
        $before = Get-SettingValue -Device $device -Name $name
        $after = Get-JobSetting -Fields $Job.Fields -Name $name
        $plan.Values[$name] = @{ Before = $before; After = $after }
        if ($row.ContainsKey('Off') -and $before -ne $after) { $plan.Cycle += $name }
    }
    return $plan
}

function Set-JobSetting {
    # Changes the settings of the device of one field, all at once. Returns the change of the field as text.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $part = $script:AgentSettings[$Name].Part
    if (-not $Plan.Done.ContainsKey($part)) {
        $values = @{}
        foreach ($key in $Plan.Values.Keys) {
            $pair = $Plan.Values[$key]
            if ($script:AgentSettings[$key].Part -eq $part -and $pair.Before -ne $pair.After) { $values[$key] = $pair.After }
        }
        Set-SettingDevice -VM $VM -Part $part -Device $Plan.Devices[$part] -Values $values
        $Plan.Done[$part] = $true
    }
    $pair = $Plan.Values[$Name]
    return (Get-AgentMessage -Id 'change' -Values @{ after = (Format-SettingValue -Value $pair.After); before = (Format-SettingValue -Value $pair.Before) }).Message
}

function Format-SettingValue {
    # Returns the value of a setting as text.
    param([Parameter(Mandatory)] $Value)

    if ($Value -isnot [bool]) { return Format-AgentNumber -Value $Value }
    return (Get-AgentMessage -Id $(if ($Value) { 'value_on' } else { 'value_off' })).Message
}

function Get-SettingFinding {
    # Returns the findings about settings that the module of the host lacks, and about a reserve above the limit.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields)

    foreach ($name in @($Fields.Keys)) {
        $row = $script:AgentSettings[$name]
        if ($null -eq $row -or $Fields[$name] -eq $row.Default) { continue }
        $cmdlet = $script:AgentSettingCmdlets[$row.Part]
        if ((Get-Command -Name $cmdlet -Module 'Hyper-V').Parameters.ContainsKey($row.Name)) { continue }
        New-JobFinding -Field $name -MessageId 'setting_not_supported' -Values @{ host = $Machine.Name; field = $name; cmdlet = $cmdlet; parameter = $row.Name }
    }
    $reserve = $Fields['processor_reserve']
    $limit = $Fields['processor_limit']
    if ($null -ne $reserve -and $null -ne $limit -and $reserve -gt $limit) {
        New-JobFinding -Field 'processor_reserve' -MessageId 'processor_reserve_exceeds_limit' -Values @{
            reserve = (Format-AgentNumber -Value $reserve); limit = (Format-AgentNumber -Value $limit)
        }
    }
}

function Get-VMSettingDetail {
    # Returns the settings by GUID of the virtual machines whose job has set some: others need no further calls. What cannot be read is
    # missing, and Partial says why.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM, [Parameter(Mandatory)] $Manifests, [Parameter(Mandatory)] $Partial)

    $wanted = @{}
    foreach ($item in $VM) {
        $id = $item.Id.ToString()
        if ($null -eq $Manifests[$id] -or $null -eq $Manifests[$id].Recorded) { continue }
        $names = @(Get-AgentPropertyName -Value $Manifests[$id].Recorded | Where-Object -FilterScript { $script:AgentSettings.ContainsKey($_) })
        if ($names.Count -gt 0) { $wanted[$id] = $names }
    }
    $detail = @{}
    if ($wanted.Count -eq 0) { return $detail }
    foreach ($item in @(Find-HostVMSet -Id ([string[]]@($wanted.Keys)))) {
        $id = $item.Id.ToString()
        $detail[$id] = [ordered]@{}
        $devices = @{}
        try {
            foreach ($name in $wanted[$id]) {
                $part = $script:AgentSettings[$name].Part
                if (-not $devices.ContainsKey($part)) { $devices[$part] = Get-SettingDevice -VM $item -Part $part -Manifest $Manifests[$id] }
                if ($null -ne $devices[$part]) { $detail[$id][$name] = Get-SettingValue -Device $devices[$part] -Name $name }
            }
        } catch {
            if (Test-MissingError -ErrorRecord $_) { continue }
            $null = $Partial.Add((Get-AgentMessage -Id 'partial_settings' -Values @{ vm = $item.Name; reason = (Get-FailureMessage -ErrorRecord $_) }).Message)
        }
    }
    return $detail
}
