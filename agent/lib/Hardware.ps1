# Memory, firmware, actions and settings of an update.

function Get-HardwarePlan {
    # Returns the plan of the changed fields, and in Cycle those that require the virtual machine to be off.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $State)

    $memory = Get-MemoryPlan -VM $VM -Job $Job -State $State
    $firmware = Get-FirmwarePlan -VM $VM -Job $Job
    $settings = Get-SettingPlan -VM $VM -Job $Job
    $cycle = @($memory.Cycle) + @($firmware.Cycle) + @($settings.Cycle)
    # Hyper-V accepts the other actions while the virtual machine runs.
    if ($Job.Changed -ccontains 'stop_action' -and (Test-ActionDiffers -VM $VM -Fields $Job.Fields -Name 'stop_action')) { $cycle += 'stop_action' }
    return @{ Memory = $memory; Firmware = $firmware; Settings = $settings; Cycle = $cycle }
}

function Set-JobHardware {
    # Changes one field. Returns the change as text, or nothing when the field is not one of these.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    switch -CaseSensitive ($Name) {
        { @('gb_ram', 'gb_ram_min', 'gb_ram_max') -ccontains $_ } { return Set-JobMemory -VM $VM -Plan $Plan.Memory -Name $Name }
        { @('secure_boot', 'tpm') -ccontains $_ } { return Set-JobSecurity -VM $VM -Job $Job -Plan $Plan.Firmware -Name $Name }
        { @('checkpoint_type', 'start_action', 'stop_action') -ccontains $_ } { return Set-JobAction -VM $VM -Fields $Job.Fields -Name $Name }
        { $script:AgentSettings.ContainsKey($_) } { return Set-JobSetting -VM $VM -Plan $Plan.Settings -Name $Name }
    }
}
