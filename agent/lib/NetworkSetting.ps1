# Settings of additional network adapters: those of the table that a network adapter has.

function Get-AdapterSettingRequirement {
    # Returns Name and Requirement of the first invalid setting of an item of network_adapters, or nothing.
    param([Parameter(Mandatory)] $Item)

    foreach ($name in $script:AgentAdapterSettings) {
        $value = Get-AgentProperty -Value $Item -Name $name
        if ($null -eq $value) { continue }
        $requirement = Get-SettingRequirement -Name $name -Value $value
        if ($requirement) { return @{ Name = $name; Requirement = $requirement } }
    }
}

function Get-AdapterSetting {
    # Returns the settings of an item of network_adapters by name.
    param([Parameter(Mandatory)] $Item)

    $settings = @{}
    foreach ($name in $script:AgentAdapterSettings) {
        $value = Get-AgentProperty -Value $Item -Name $name
        if ($null -ne $value) { $settings[$name] = $value }
    }
    return $settings
}

function Edit-AdapterSetting {
    # Changes the settings of an adapter that differ. One that a job has set before and that the item has no more gets its default. Returns
    # the changes as texts. Call it within @( ).
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] $Spec, [AllowNull()] $Recorded)

    $names = @($Spec.Settings.Keys)
    if ($null -ne $Recorded) { $names += @($Recorded.Settings.Keys) }
    foreach ($part in 'adapter', 'trunk') {
        $values = @{}
        foreach ($name in @($names | Sort-Object -Unique)) {
            if ($script:AgentSettings[$name].Part -ne $part) { continue }
            $before = Get-SettingValue -Device $Adapter -Name $name
            $after = Get-JobSetting -VM $VM -Fields $Spec.Settings -Name $name
            if (Test-SameSetting -Name $name -Left $before -Right $after) { continue }
            $values[$name] = $after
            (Get-AgentMessage -Id 'field_changed' -Values @{
                field = $name
                change = (Get-AgentMessage -Id 'change' -Values @{ after = (Format-SettingValue -Value $after); before = (Format-SettingValue -Value $before) }).Message
            }).Message
        }
        Set-SettingDevice -VM $VM -Part $part -Device $Adapter -Values $values
    }
}

function Add-AdapterSetting {
    # Adds to the item of an adapter the current values of the settings that a job has set. Adapter is an object of the module: records do
    # not have the settings.
    param([Parameter(Mandatory)] $Item, [Parameter(Mandatory)] $Adapter, [Parameter(Mandatory)] $Spec)

    if ($null -eq (Get-OptionalProperty -Value $Adapter -Name 'MacAddressSpoofing')) { return }
    foreach ($name in @($Spec.Settings.Keys | Sort-Object)) {
        $value = Get-SettingValue -Device $Adapter -Name $name
        if ($value -is [string] -and (Test-SameSetting -Name $name -Left $value -Right $Spec.Settings[$name])) { $value = [string]$Spec.Settings[$name] }
        $Item[$name] = $value
    }
}
