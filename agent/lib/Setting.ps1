# Settings of the hardware that one parameter of a cmdlet sets: a field is one row.

# The fields: Part is the device, Name the parameter and the property of the device, Default what Hyper-V sets for a new virtual machine.
# Off means that the virtual machine must be off: the settings that DSC restarts a virtual machine for,
# https://github.com/dsccommunity/HyperVDsc/blob/main/source/DSCResources/DSC_VMProcessor/DSC_VMProcessor.psm1, and firmware. A number has
# limits, and Unit is that of the parameter. Holder is the property of the device that has the property, and Words are the values of
# Hyper-V by those of the field. A service is named by its GUID, since its name depends on the language of Windows:
# https://github.com/taliesins/terraform-provider-hyperv/blob/master/api/hyperv-winrm/vm_integration_service.go. Kind is path or vlans for
# text that is such a thing, or boot for the boot order.
$script:AgentSettings = @{
    nested_virtualization               = @{ Part = 'processor'; Name = 'ExposeVirtualizationExtensions'; Default = $false; Off = $true }
    processor_compatibility             = @{ Part = 'processor'; Name = 'CompatibilityForMigrationEnabled'; Default = $false; Off = $true }
    processor_weight                    = @{ Part = 'processor'; Name = 'RelativeWeight'; Default = 100; Minimum = 1; Maximum = 10000 }
    processor_reserve                   = @{ Part = 'processor'; Name = 'Reserve'; Default = 0; Minimum = 0; Maximum = 100 }
    processor_limit                     = @{ Part = 'processor'; Name = 'Maximum'; Default = 100; Minimum = 1; Maximum = 100 }
    memory_weight                       = @{ Part = 'memory'; Name = 'Priority'; Default = 50; Minimum = 1; Maximum = 100 }
    smart_paging_path                   = @{ Part = 'vm'; Name = 'SmartPagingFilePath'; Default = ''; Kind = 'path'; Off = $true }
    checkpoint_path                     = @{ Part = 'vm'; Name = 'SnapshotFileLocation'; Default = ''; Kind = 'path' }
    secure_boot_template                = @{
        Part = 'firmware'; Name = 'SecureBootTemplate'; Default = 'microsoft_windows'; Off = $true
        Words = @{
            microsoft_windows                    = 'MicrosoftWindows'
            microsoft_uefi_certificate_authority = 'MicrosoftUEFICertificateAuthority'
            open_source_shielded_vm              = 'OpenSourceShieldedVM'
        }
    }
    boot_order                          = @{ Part = 'boot'; Name = 'BootOrder'; Default = @('disk'); Kind = 'boot'; Off = $true }
    mac_spoofing                        = @{ Part = 'adapter'; Name = 'MacAddressSpoofing'; Default = $false; Words = @{ $true = 'On'; $false = 'Off' } }
    bandwidth_limit_mbps                = @{ Part = 'adapter'; Name = 'MaximumBandwidth'; Holder = 'BandwidthSetting'; Default = 0; Minimum = 0; Maximum = 1000000; Unit = 1000000 }
    bandwidth_reserve_mbps              = @{ Part = 'adapter'; Name = 'MinimumBandwidthAbsolute'; Holder = 'BandwidthSetting'; Default = 0; Minimum = 0; Maximum = 1000000; Unit = 1000000 }
    bandwidth_weight                    = @{ Part = 'adapter'; Name = 'MinimumBandwidthWeight'; Holder = 'BandwidthSetting'; Default = 0; Minimum = 0; Maximum = 100 }
    vlan_trunk                          = @{ Part = 'trunk'; Name = 'AllowedVlanIdList'; Holder = 'VlanSetting'; Default = ''; Kind = 'vlans' }
    vlan_native_id                      = @{ Part = 'trunk'; Name = 'NativeVlanId'; Holder = 'VlanSetting'; Default = 0; Minimum = 0; Maximum = 4094 }
    integration_guest_service_interface = @{ Part = 'service'; Name = '6C09BB55-D683-4DA0-8931-C9BF705F6480'; Default = $false }
    integration_heartbeat               = @{ Part = 'service'; Name = '84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47'; Default = $true }
    integration_key_value_pair_exchange = @{ Part = 'service'; Name = '2A34B1C2-FD73-4043-8A5B-DD2159BC743F'; Default = $true }
    integration_shutdown                = @{ Part = 'service'; Name = '9F8233AC-BE49-4C79-8EE3-E7E1985B2077'; Default = $true }
    integration_time_synchronization    = @{ Part = 'service'; Name = '2497F4DE-E9FA-4204-80E4-4B75C46419C0'; Default = $true }
    integration_vss                     = @{ Part = 'service'; Name = '5CED1297-4598-4915-A5FC-AD21BB4D02A4'; Default = $true }
}

# The cmdlet that sets each device whose parameters depend on the version of Windows.
$script:AgentSettingCmdlets = @{ processor = 'Set-VMProcessor'; memory = 'Set-VMMemory'; vm = 'Set-VM'; firmware = 'Set-VMFirmware'; adapter = 'Set-VMNetworkAdapter' }

# The settings that additional network adapters can have as well.
$script:AgentAdapterSettings = @($script:AgentSettings.Keys | Where-Object -FilterScript { @('adapter', 'trunk') -ccontains $script:AgentSettings[$_].Part } | Sort-Object)

function Get-SettingRequirement {
    # Returns what a setting must be, or an empty string when its value is valid.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] $Value)

    $row = $script:AgentSettings[$Name]
    if ($null -eq $row) { return '' }
    if ($row.Default -is [bool]) { return Get-BooleanRequirement -Value $Value }
    if ($row.ContainsKey('Words')) { return Get-ChoiceRequirement -Value $Value -Choices @($row.Words.Keys | Sort-Object) }
    switch ([string]$row['Kind']) {
        'path' { return Get-FolderRequirement -Value $Value }
        'vlans' { return Get-VlanListRequirement -Value $Value }
        'boot' { return Get-BootOrderRequirement -Value $Value }
    }
    return Get-WholeNumberRequirement -Value $Value -Minimum $row.Minimum -Maximum $row.Maximum
}

function Get-JobSetting {
    # Returns the value of a setting, or its default: the secure boot template of the operating system family, the folder of the virtual
    # machine, or that of the table.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Name)

    if ($null -ne $Fields[$Name]) { return $Fields[$Name] }
    $row = $script:AgentSettings[$Name]
    if ($Name -ceq 'secure_boot_template' -and $Fields['os_family'] -eq 'linux') { return 'microsoft_uefi_certificate_authority' }
    if ($row['Kind'] -eq 'path') { return [string]$VM.Path }
    return $row.Default
}

function Get-SettingDevice {
    # Returns the device of a virtual machine that has the settings of a part; nothing when there is none.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Part, [AllowNull()] $Manifest)

    switch ($Part) {
        'processor' { return Get-VMProcessor -VM $VM }
        'memory' { return Get-VMMemory -VM $VM }
        'vm' { return $VM }
        'firmware' {
            if ([int]$VM.Generation -eq 2) { return Get-VMFirmware -VM $VM }
            return
        }
        'service' { return Get-ServiceSetting -VM $VM }
        'boot' { return Get-BootDevice -VM $VM }
    }
    return Find-PrimaryAdapter -Adapters @(Get-VMNetworkAdapter -VM $VM) -Recorded @(Get-RecordedAdapter -Manifest $Manifest)
}

function Get-ServiceSetting {
    # Returns whether each integration service of a virtual machine is enabled, as an object with a property for each GUID.
    param([Parameter(Mandatory)] $VM)

    $enabled = @{}
    foreach ($service in @(Get-VMIntegrationService -VM $VM)) { $enabled[(Get-ServiceGuid -Service $service)] = [bool]$service.Enabled }
    return New-Object -TypeName PSObject -Property $enabled
}

function Get-ServiceGuid {
    # Returns the GUID of an integration service, whose id is Microsoft:<virtual machine>\<service>.
    param([Parameter(Mandatory)] $Service)

    return ([string]$Service.Id -replace '^.*\\', '').ToUpperInvariant()
}

function Get-SettingValue {
    # Returns the current value of a setting of a device.
    param([Parameter(Mandatory)] $Device, [Parameter(Mandatory)] [string] $Name)

    $row = $script:AgentSettings[$Name]
    if ($row['Kind'] -eq 'boot') { return , (Get-BootOrder -Device $Device) }
    $value = $Device
    if ($row.ContainsKey('Holder')) { $value = Get-OptionalProperty -Value $Device -Name $row.Holder }
    if ($row.Part -eq 'trunk' -and ($null -eq $value -or [string]$value.OperationMode -ne 'Trunk')) { return $row.Default }
    if ($null -ne $value) { $value = Get-OptionalProperty -Value $value -Name $row.Name }
    if ($null -eq $value) { return $row.Default } # a version of the module that lacks it, or an adapter without such settings
    if ($row.Default -is [bool]) { return @('True', 'On') -contains [string]$value }
    if ($row['Kind'] -eq 'vlans') { return Format-VlanList -Ids @($value) }
    if ($row.ContainsKey('Words')) {
        foreach ($word in $row.Words.Keys) { if ($row.Words[$word] -eq [string]$value) { return $word } }
        return [string]$value
    }
    if ($row.Default -is [string]) { return [string]$value }
    return [long]$value / $(if ($row.ContainsKey('Unit')) { $row.Unit } else { 1 })
}

function Test-SameSetting {
    # Reports whether the value of a device, Left, and another value of a setting mean the same.
    param(
        [Parameter(Mandatory)] [string] $Name,
        [Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Left,
        [Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Right
    )

    switch ([string]$script:AgentSettings[$Name]['Kind']) {
        'path' { return Test-SamePath -Left ([string]$Left).TrimEnd('\', '/') -Right ([string]$Right).TrimEnd('\', '/') }
        'vlans' { return (Format-VlanList -Ids @(ConvertTo-VlanId -Text $Left)) -eq (Format-VlanList -Ids @(ConvertTo-VlanId -Text $Right)) }
        'boot' { return Test-SameBootOrder -Kinds @($Left) -Wanted @($Right) }
    }
    return $Left -eq $Right
}

function Set-SettingDevice {
    # Sets values, by field, of one device at once: a reserve must not exceed the limit at any time.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Part, [Parameter(Mandatory)] $Device, [Parameter(Mandatory)] $Values)

    if ($Values.Count -eq 0) { return }
    $parameters = @{}
    foreach ($name in $Values.Keys) {
        $row = $script:AgentSettings[$name]
        $value = $Values[$name]
        if ($row.ContainsKey('Words')) { $value = $row.Words[$value] }
        if ($row.ContainsKey('Unit')) { $value = [long]($value * $row.Unit) }
        if ($row['Kind'] -eq 'path') { $value = Get-CanonicalPath -Path $value }
        $parameters[$row.Name] = $value
    }
    switch ($Part) {
        'processor' { Set-VMProcessor -VM $VM @parameters }
        'memory' { Set-VMMemory -VM $VM @parameters }
        'vm' { Set-VM -VM $VM @parameters }
        'firmware' { Set-VMFirmware -VM $VM @parameters }
        'adapter' { Set-VMNetworkAdapter -VMNetworkAdapter $Device @parameters }
        'boot' { Set-BootOrder -VM $VM -Kinds @($Values['boot_order']) }
        'trunk' { Set-AdapterTrunk -Adapter $Device -Values $Values }
        'service' {
            foreach ($service in @(Get-VMIntegrationService -VM $VM)) {
                $wanted = $parameters[(Get-ServiceGuid -Service $service)]
                if ($null -eq $wanted) { continue }
                if ($wanted) { Enable-VMIntegrationService -VMIntegrationService $service } else { Disable-VMIntegrationService -VMIntegrationService $service }
            }
        }
    }
}

function Initialize-JobSetting {
    # Sets the settings of one device of a new virtual machine that are not Hyper-V's defaults.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] [string] $Part, [Parameter(Mandatory)] $Device)

    $values = @{}
    foreach ($name in $script:AgentSettings.Keys) {
        $row = $script:AgentSettings[$name]
        if ($row.Part -eq $Part -and $null -ne $Fields[$name] -and $Fields[$name] -ne $row.Default) { $values[$name] = $Fields[$name] }
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
        if ($null -eq $device -and $row.Part -eq 'firmware') { continue } # generation 1, which a finding is about
        if ($null -eq $device) { throw (New-AgentError -Field $name -MessageId 'adapter_missing' -Values @{ vm = $VM.Name }) }
        $before = Get-SettingValue -Device $device -Name $name
        $after = Get-JobSetting -VM $VM -Fields $Job.Fields -Name $name
        if ($row['Kind'] -eq 'boot') { $after = @($after) }
        $plan.Values[$name] = @{ Before = $before; After = $after }
        if ($row.ContainsKey('Off') -and -not (Test-SameSetting -Name $name -Left $before -Right $after)) { $plan.Cycle += $name }
    }
    return $plan
}

function Set-JobSetting {
    # Changes the settings of the device of one field, all at once. Returns the change of the field as text.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $pair = $Plan.Values[$Name]
    if ($null -eq $pair) { return } # the virtual machine does not have it
    $part = $script:AgentSettings[$Name].Part
    if (-not $Plan.Done.ContainsKey($part)) {
        $values = @{}
        foreach ($key in $Plan.Values.Keys) {
            $other = $Plan.Values[$key]
            if ($script:AgentSettings[$key].Part -ne $part -or (Test-SameSetting -Name $key -Left $other.Before -Right $other.After)) { continue }
            $values[$key] = $other.After
        }
        Set-SettingDevice -VM $VM -Part $part -Device $Plan.Devices[$part] -Values $values
        $Plan.Done[$part] = $true
    }
    return (Get-AgentMessage -Id 'change' -Values @{ after = (Format-SettingValue -Value $pair.After); before = (Format-SettingValue -Value $pair.Before) }).Message
}

function Format-SettingValue {
    # Returns the value of a setting as text.
    param([Parameter(Mandatory)] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [array]) { return Join-AgentText -Text $Value }
    if ($Value -is [string]) { return Format-QuotedText -Text $Value }
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
        if (-not $cmdlet -or (Get-Command -Name $cmdlet -Module 'Hyper-V').Parameters.ContainsKey($row.Name)) { continue }
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
    # Returns the settings by GUID: of the virtual machines whose job has set some, those, and of a few that no job created, which may be
    # imported, all. Others need no further calls. What cannot be read is missing, and Partial says why. Adds to Adapters those of the virtual machines of records whose additional adapters have settings.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM, [Parameter(Mandatory)] $Manifests, [Parameter(Mandatory)] $Partial, [Parameter(Mandatory)] $Adapters)

    $wanted = @{}
    foreach ($item in $VM) {
        $id = $item.Id.ToString()
        if ($null -eq $Manifests[$id] -and $VM.Count -le $script:AgentSingleReads) { $wanted[$id] = @($script:AgentSettings.Keys) }
        if ($null -eq $Manifests[$id] -or $null -eq $Manifests[$id].Recorded) { continue }
        if ((Test-HostRecord -VM $item) -and @(Get-RecordedAdapter -Manifest $Manifests[$id] | Where-Object -FilterScript { $_.Settings.Count -gt 0 }).Count -gt 0) {
            $wanted[$id] = @()
            $Adapters[$id] = @()
        }
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
            if ($Adapters.ContainsKey($id)) { $Adapters[$id] = @(Get-VMNetworkAdapter -VM $item) }
            foreach ($name in $wanted[$id]) {
                $part = $script:AgentSettings[$name].Part
                if (-not $devices.ContainsKey($part)) { $devices[$part] = Get-SettingDevice -VM $item -Part $part -Manifest $Manifests[$id] }
                if ($null -eq $devices[$part]) { continue }
                $value = Get-SettingValue -Device $devices[$part] -Name $name
                # Text keeps the spelling of the definition.
                $recorded = if ($null -ne $Manifests[$id]) { Get-AgentProperty -Value $Manifests[$id].Recorded -Name $name }
                if ($value -is [string] -and $recorded -and (Test-SameSetting -Name $name -Left $value -Right $recorded)) { $value = [string]$recorded }
                if ($value -isnot [array] -or $value.Count -gt 0) { $detail[$id][$name] = $value }
            }
        } catch {
            if (Test-MissingError -ErrorRecord $_) { continue }
            $null = $Partial.Add((Get-AgentMessage -Id 'partial_settings' -Values @{ vm = $item.Name; reason = (Get-FailureMessage -ErrorRecord $_) }).Message)
        }
    }
    return $detail
}
