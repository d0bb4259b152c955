# Updating an existing virtual machine: only the changed fields, in place where Hyper-V supports it.

function Invoke-UpdateJob {
    <#
    .SYNOPSIS
    Runs the steps of an update job.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    # The plan determines the number of steps, so it is made before the event of the first step.
    $Job.Steps = @('preflight')
    $plan = $null
    $problem = $null
    try { $plan = Get-UpdatePlan -Context $Context -Job $Job } catch { $problem = $_ }
    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -MessageId 'step_find_vm' -Values @{ id = $Job.VMId }
    if ($null -ne $problem) { throw $problem }
    Write-GuestWarning -Context $Context -Job $Job -Names $Job.Changed
    $vm = $plan.VM

    if ($plan.Stop) {
        if ($plan.Cycle.Count -gt 0) {
            Enter-JobStep -Context $Context -Job $Job -Name 'stop' -MessageId 'step_stop_to_change' -Values @{ fields = (Join-AgentText -Text $plan.Cycle) }
        } else {
            Enter-JobStep -Context $Context -Job $Job -Name 'stop' -MessageId 'step_stop'
        }
        $Job.Journal.Stopped = $plan.Start
        Save-JobState -Context $Context -Job $Job
        Stop-JobVM -Context $Context -Job $Job -VM $vm -State $plan.State
    }
    if ($plan.Configure.Count -gt 0) {
        Enter-JobStep -Context $Context -Job $Job -Name 'configure' -MessageId 'step_configure' -Values @{ fields = (Join-AgentText -Text $plan.Configure) }
        foreach ($name in $plan.Configure) { Set-JobField -Context $Context -Job $Job -Plan $plan -Name $name }
    }
    if ($plan.Start) {
        Enter-StartStep -Context $Context -Job $Job -State $plan.State
        $from = $plan.State
        if ($plan.Stop) { $from = 'off' }
        Start-JobVM -VM $vm -State $from
        $Job.Journal.Stopped = $false
    }
    if ($null -ne $plan.Manifest) { # last, so that a job that fails leaves the record as it was
        $plan.Manifest.Recorded = Merge-JobRecord -Recorded $plan.Manifest.Recorded -Job $Job
        Save-JobManifest -Manifest $plan.Manifest
    }
    Add-DetachedDiskLeftover -Context $Context -Job $Job -Manifest $plan.Manifest
}

function Get-UpdatePlan {
    # Finds the virtual machine, checks the changes, and sets the job's steps.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $machine = Get-AgentHost
    $vm = Get-HostVM -Machine $machine -Id $Job.VMId
    if (-not $Job.Fields.Contains('vm_name')) { $Job.Fields['vm_name'] = $vm.Name }
    $state = ConvertTo-PowerState -State $vm.State
    $wanted = [ordered]@{}
    foreach ($name in $Job.Changed) {
        Assert-ChangeableField -Job $Job -Name $name
        if ($Job.Fields.Contains($name)) { $wanted[$name] = $Job.Fields[$name] }
        elseif ($name -eq 'data_disks') { $wanted[$name] = [object[]]@() }
    }
    Assert-NoFinding -Findings @(Get-JobFinding -Context $Context -Machine $machine -Definition @{ Operation = 'update'; Fields = $wanted } -VMId $Job.VMId)
    if ($Job.Changed -ccontains 'switch_name' -and -not $wanted['switch_name']) {
        Assert-NoFinding -Findings @(Get-SwitchFinding -Machine $machine -Name '')
    }

    $manifest = Find-JobManifest -VM $vm
    $hardware = Get-HardwarePlan -VM $vm -Job $Job -State $state
    $cycle = @(Get-PowerCycleField -VM $vm -Manifest $manifest -Hardware $hardware -Fields $wanted -Changed $Job.Changed)
    $off = $wanted['power_state'] -eq 'off' -and $state -ne 'off'
    if ($cycle.Count -gt 0 -and $state -ne 'off' -and -not $off) {
        $values = @{ fields = (Join-AgentText -Text $cycle); vm = $vm.Name; state = $state }
        if ($state -ne 'running') { throw (New-AgentError -Field $cycle[0] -MessageId 'power_cycle_not_running' -Values $values) }
        if (-not $Job.AllowPowerCycle) { throw (New-AgentError -Field $cycle[0] -MessageId 'power_cycle_refused' -Values $values) }
    } elseif ($state -eq 'off' -or $off) {
        $cycle = @()
    }

    $plan = @{
        Machine = $machine; VM = $vm; State = $state; Cycle = $cycle; Hardware = $hardware; Manifest = $manifest
        Stop    = $off -or $cycle.Count -gt 0
        Start   = $cycle.Count -gt 0 -or ($wanted['power_state'] -eq 'running' -and $state -ne 'running')
    }
    # The secure boot template cannot be set any more once the virtual machine has a TPM.
    $plan.Configure = @($Job.Changed | Where-Object -FilterScript { $_ -ne 'power_state' -and $_ -ne 'tpm' }) +
    @($Job.Changed | Where-Object -FilterScript { $_ -eq 'tpm' })
    if ($plan.Stop) { $Job.Steps += 'stop' }
    if ($plan.Configure.Count -gt 0) { $Job.Steps += 'configure' }
    if ($plan.Start) { $Job.Steps += 'start' }
    return $plan
}

function Assert-ChangeableField {
    # Throws when a field cannot be changed, or cannot be removed.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Name)

    # Fields that the agent does not apply are only recorded, so they can change.
    if (@('image_name', 'image_path', 'vm_path', 'os_family', 'generation', 'disk_type') -ccontains $Name) {
        throw (New-AgentError -Field $Name -MessageId 'field_not_changeable' -Values @{ field = $Name })
    }
    if (@('vm_name', 'gb_ram', 'cpu_cores') -contains $Name -and -not $Job.Fields.Contains($Name)) {
        throw (New-AgentError -Field $Name -MessageId 'field_not_removable' -Values @{ field = $Name })
    }
}

function Set-JobField {
    # Changes one field of a virtual machine to its value, or to its default, and writes an event.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $vm = $Plan.VM
    $value = $Job.Fields[$Name]
    $text = switch ($Name) {
        'vm_name' {
            $before = $vm.Name
            $lock = Lock-VMName -Context $Context -Job $Job
            try {
                Assert-NoFinding -Findings @(Get-NameFinding -Machine $Plan.Machine -Name $value -VMId $Job.VMId)
                Rename-VM -VM $vm -NewName $value
            } finally {
                Unlock-VMName -Lock $lock
            }
            (Get-AgentMessage -Id 'change' -Values @{ after = (Format-QuotedText -Text $value); before = (Format-SwitchName -Name $before) }).Message
        }
        'cpu_cores' {
            $before = $vm.ProcessorCount
            if ($value -ne $before) { Set-VMProcessor -VM $vm -Count $value }
            (Get-AgentMessage -Id 'change' -Values @{ after = (Format-AgentNumber -Value $value); before = $before }).Message
        }
        'notes' {
            Set-VM -VM $vm -Notes ([string]$value)
            (Get-AgentMessage -Id 'change_notes').Message
        }
        'switch_name' { Set-JobSwitch -Plan $Plan -Name $value }
        'vlan_id' { Set-JobVlan -Plan $Plan -Id ([int]$value) }
        'mac_address' { Set-JobMac -Plan $Plan -Mac ([string]$value) }
        'network_adapters' { Set-JobAdapter -Context $Context -Job $Job -Plan $Plan }
        'disk_size_gb' { Set-JobDiskSize -Context $Context -Job $Job -Plan $Plan -Value $value }
        'data_disks' { Set-JobDataDisk -Context $Context -Job $Job -Plan $Plan -Value $value }
        'vm_clustered' { Set-JobCluster -Context $Context -VM $vm -Clustered ($value -eq $true) }
        default {
            $hardware = Set-JobHardware -VM $vm -Job $Job -Plan $Plan.Hardware -Name $Name
            if ($hardware) { $hardware } else { (Get-AgentMessage -Id 'change_recorded').Message }
        }
    }
    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'field_changed' -Values @{ field = $Name; change = $text }
}
