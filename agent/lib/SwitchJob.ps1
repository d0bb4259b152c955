# Switch jobs: create, change or remove one virtual switch.

$script:AgentSwitchActionNames = 'create', 'update', 'remove'
$script:AgentSwitchTypeNames = 'external', 'internal', 'private'
$script:AgentBandwidthModeNames = 'absolute', 'weight', 'none'

function Assert-SwitchField {
    # Throws when the fields of a switch job do not name what to do.
    param([Parameter(Mandatory)] $Fields)

    $needed = @('switch_action')
    if ($Fields['switch_action'] -cne 'create') { $needed += 'switch_id' } else { $needed += 'switch_name', 'switch_type' }
    if ($Fields['switch_type'] -ceq 'external') { $needed += 'net_adapter_names' }
    foreach ($name in $needed) {
        if (-not $Fields.Contains($name)) { throw (New-AgentError -Field $name -MessageId 'field_missing' -Values @{ field = $name }) }
    }
}

function Get-SwitchRequirement {
    # Returns what a value of a switch job must be, or an empty string when it is valid or the field is another one.
    param([Parameter(Mandatory)] [string] $Name, [AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    switch -CaseSensitive ($Name) {
        'switch_action' { return Get-ChoiceRequirement -Value $Value -Choices $script:AgentSwitchActionNames }
        'switch_type' { return Get-ChoiceRequirement -Value $Value -Choices $script:AgentSwitchTypeNames }
        'switch_id' { if ($Value -isnot [string] -or -not (Get-AgentGuid -Text $Value)) { return (Get-AgentMessage -Id 'requirement_guid').Message } }
        'minimum_bandwidth_mode' { return Get-ChoiceRequirement -Value $Value -Choices $script:AgentBandwidthModeNames }
        'net_adapter_names' {
            $names = @($Value)
            $wrong = @($names | Where-Object -FilterScript { Get-VMNameRequirement -Value $_ })
            if ($Value -isnot [array] -or $names.Count -eq 0 -or $wrong.Count -gt 0) { return (Get-AgentMessage -Id 'requirement_names').Message }
        }
        'allow_management_os' { return Get-BooleanRequirement -Value $Value }
        'enable_embedded_teaming' { return Get-BooleanRequirement -Value $Value }
        'enable_iov' { return Get-BooleanRequirement -Value $Value }
        'allow_host_disconnect' { return Get-BooleanRequirement -Value $Value }
    }
    return ''
}

function Invoke-SwitchJob {
    <#
    .SYNOPSIS
    Runs the steps of a switch job.
    .DESCRIPTION
    The session may lose its connection while the network of the host changes. The job continues in its worker process, and the client
    reads its events when the host answers again.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $subject = [string]$Job.Fields['switch_id']
    if (-not $subject) { $subject = [string]$Job.Fields['switch_name'] }
    $plan = Enter-PreflightStep -Context $Context -Job $Job -MessageId 'step_find_switch' -Values @{ switch = $subject } -Plan {
        Get-SwitchJobPlan -Job $Job
    }
    switch ($plan.Action) {
        'create' { $plan.Id = New-JobSwitch -Context $Context -Job $Job -Plan $plan }
        'update' {
            Enter-JobStep -Context $Context -Job $Job -Name 'switch' -MessageId 'step_switch_update' -Values @{ name = $plan.Name }
            $Job.Journal.Switch = [ordered]@{
                name = $plan.Name; id = $plan.Id; notes = [string]$plan.Switch.Notes; management_os = [bool]$plan.Switch.AllowManagementOS
            }
            Save-JobState -Context $Context -Job $Job
            $changes = $plan.Changes
            Set-VMSwitch -VMSwitch $plan.Switch @changes
            Assert-JobNotCancelled -Context $Context -Job $Job
        }
        'remove' {
            Enter-JobStep -Context $Context -Job $Job -Name 'switch' -MessageId 'step_switch_remove' -Values @{ name = $plan.Name }
            $Job.Committed = $true # it does not come back
            Remove-VMSwitch -VMSwitch $plan.Switch -Force
        }
        'absent' { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'switch_absent' -Values @{ id = $subject } }
    }
    if ('remove', 'absent' -contains $plan.Action) { return }
    $found = Find-SwitchById -Switches @(Get-VMSwitch) -Id $plan.Id
    if ($null -ne $found) { $Job.Switch = ConvertTo-AgentSwitch -Switch $found -Names (Get-NetAdapterName -Switches @($found)) }
}

function Find-SwitchById {
    # Returns the virtual switch with a GUID, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Switches, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Id)

    foreach ($item in $Switches) { if ($item.Id.ToString() -eq $Id) { return $item } }
}

function Get-SwitchJobPlan {
    # Checks what a switch job is to do, and sets its steps. Action is none when there is nothing to change, and absent when there is no
    # switch to remove.
    param([Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $machine = Get-AgentHost
    $all = @(Get-VMSwitch)
    $plan = @{ Action = [string]$fields['switch_action']; Id = ''; Name = [string]$fields['switch_name']; Switch = $null; Changes = @{}; Before = [object[]]@() }
    if ($plan.Action -eq 'create') {
        $plan.Before = [object[]]@($all | ForEach-Object -Process { $_.Id.ToString() })
        # Hyper-V allows several switches of one name, but then none can be found by it.
        if (@($all | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $plan.Name }).Count -gt 0) {
            throw (New-AgentError -Field 'switch_name' -MessageId 'switch_exists' -Values @{ name = $plan.Name; host = $machine.Name })
        }
        if ($fields['switch_type'] -eq 'external') { Assert-NewSwitchAdapter -Machine $machine -Fields $fields -Switches $all }
    } else {
        $plan.Id = Get-AgentGuid -Text $fields['switch_id']
        $plan.Switch = Find-SwitchById -Switches $all -Id $plan.Id
        if ($null -ne $plan.Switch) { $plan.Name = [string]$plan.Switch.Name }
        if ($plan.Action -eq 'remove') { Initialize-SwitchRemoval -Machine $machine -Fields $fields -Plan $plan } else { Initialize-SwitchUpdate -Machine $machine -Fields $fields -Plan $plan }
    }
    if ('absent', 'none' -notcontains $plan.Action) { $Job.Steps += 'switch' }
    return $plan
}

function Initialize-SwitchUpdate {
    # Sets the changes of a plan.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] $Plan)

    $item = $Plan.Switch
    if ($null -eq $item) { throw (New-AgentError -Field 'switch_id' -MessageId 'switch_gone' -Values @{ id = $Plan.Id; host = $Machine.Name }) }
    if ($Fields.Contains('notes') -and [string]$item.Notes -cne $Fields['notes']) { $Plan.Changes['Notes'] = $Fields['notes'] }
    if ($Fields.Contains('allow_management_os') -and [bool]$item.AllowManagementOS -ne $Fields['allow_management_os']) {
        if ([string]$item.SwitchType -ne 'External') {
            throw (New-AgentError -Field 'allow_management_os' -MessageId 'switch_not_external' -Values @{ name = $item.Name; type = (ConvertTo-SnakeCase -Value $item.SwitchType) })
        }
        if (-not $Fields['allow_management_os']) { Assert-SwitchConnection -Machine $Machine -Fields $Fields -Switch $item -Field 'allow_management_os' }
        $Plan.Changes['AllowManagementOS'] = $Fields['allow_management_os']
    }
    if ($Plan.Changes.Count -eq 0) { $Plan.Action = 'none' }
}

function Initialize-SwitchRemoval {
    # Sets the plan to absent when there is no switch. Throws when it must stay. Hyper-V itself refuses to remove one only while a virtual
    # machine runs on it, and disconnects the others: https://github.com/AutomatedLab/AutomatedLab/issues/164
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] $Fields, [Parameter(Mandatory)] $Plan)

    $item = $Plan.Switch
    if ($null -eq $item) { $Plan.Action = 'absent'; return }
    $users = [string[]]@(foreach ($vm in @(Get-HostVMList)) {
            foreach ($adapter in @(Get-VMProperty -VM $vm -Name 'NetworkAdapters')) { if (Test-SameName -Left $adapter.SwitchName -Right $item.Name) { $vm.Name; break } }
        })
    if ($users.Count -gt 0) {
        throw (New-AgentError -Field 'switch_id' -MessageId 'switch_used' -Values @{ name = $item.Name; vms = (Join-AgentName -Name $users) })
    }
    Assert-SwitchConnection -Machine $Machine -Fields $Fields -Switch $item -Field 'switch_id'
}

function New-JobSwitch {
    # Creates the switch of a switch job, which is recorded in the journal first: by its name and the GUIDs of those before it. Returns its
    # GUID.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $fields = $Job.Fields
    Enter-JobStep -Context $Context -Job $Job -Name 'switch' -MessageId 'step_switch_create' -Values @{ type = $fields['switch_type']; name = $Plan.Name }
    $arguments = @{ Name = $Plan.Name }
    $names = [ordered]@{ Notes = 'notes'; MinimumBandwidthMode = 'minimum_bandwidth_mode' }
    if ($fields['switch_type'] -eq 'external') {
        $arguments['NetAdapterName'] = [string[]]@($fields['net_adapter_names'])
        $arguments['AllowManagementOS'] = $fields['allow_management_os'] -ne $false
        $names['EnableEmbeddedTeaming'] = 'enable_embedded_teaming'
        $names['EnableIov'] = 'enable_iov'
    } else {
        $arguments['SwitchType'] = $fields['switch_type']
    }
    foreach ($parameter in $names.Keys) { if ($fields.Contains($names[$parameter])) { $arguments[$parameter] = $fields[$names[$parameter]] } }
    $Job.Journal.Switch = [ordered]@{ name = $Plan.Name; id = ''; before = $Plan.Before }
    Save-JobState -Context $Context -Job $Job
    $made = @(New-VMSwitch @arguments)[0]
    Assert-JobNotCancelled -Context $Context -Job $Job
    return $made.Id.ToString()
}

function Undo-SwitchJob {
    # Removes the switch that a switch job created, or restores the one that it changed. Actions see the parameters of Undo-JobItem, so that
    # no variable here has the name of one.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $entry = $Job.Journal.Switch
    if ($null -eq $entry) { return }
    $text = (Get-AgentMessage -Id 'item_switch' -Values @{ name = $entry.name }).Message
    $all = @(Get-VMSwitch)
    if ($entry.id) {
        $virtualSwitch = Find-SwitchById -Switches $all -Id $entry.id
        if ($null -eq $virtualSwitch) { return }
        $changes = @{}
        if ([string]$virtualSwitch.Notes -cne $entry.notes) { $changes['Notes'] = $entry.notes }
        if ([bool]$virtualSwitch.AllowManagementOS -ne $entry.management_os) { $changes['AllowManagementOS'] = $entry.management_os }
        if ($changes.Count -eq 0) { return }
        $restored = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_switch_restored' -Values @{ name = $entry.name } -Item $text -Action {
            Set-VMSwitch -VMSwitch $virtualSwitch @changes
        }
        if ($restored -and $changes['AllowManagementOS']) {
            Add-JobLeftover -Context $Context -Job $Job -Item $text -Reason (Get-AgentMessage -Id 'leftover_switch_addresses').Message
        }
        return
    }
    foreach ($virtualSwitch in $all) {
        if (-not (Test-SameName -Left $virtualSwitch.Name -Right $entry.name) -or @($entry.before) -contains $virtualSwitch.Id.ToString()) { continue }
        $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_switch_removed' -Values @{ name = $entry.name } -Item $text -Action {
            Remove-VMSwitch -VMSwitch $virtualSwitch -Force
        }
    }
}
