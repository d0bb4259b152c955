# Changing a virtual machine that exists: only the fields that are named, in place where Hyper-V can.

function Invoke-UpdateJob {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    # What is to be done decides how many steps there are, so it is found out before the first is told of.
    $Job.Steps = @('preflight')
    $plan = $null
    $problem = $null
    try { $plan = Get-UpdatePlan -Context $Context -Job $Job } catch { $problem = $_ }
    Enter-JobStep -Context $Context -Job $Job -Name 'preflight' -Message "find virtual machine $($Job.VMId)"
    if ($null -ne $problem) { throw $problem }
    Write-GuestWarning -Context $Context -Job $Job -Names $Job.Changed
    $vm = $plan.VM

    if ($plan.Stop) {
        if ($plan.Cycle.Count -gt 0) {
            Enter-JobStep -Context $Context -Job $Job -Name 'stop' -Message "shut down the virtual machine to change $([string]::Join(', ', $plan.Cycle))"
        } else {
            Enter-JobStep -Context $Context -Job $Job -Name 'stop' -Message 'shut down the virtual machine'
        }
        $Job.Made.Stopped = $plan.Start
        Save-JobState -Context $Context -Job $Job
        if ($plan.State -eq 'running') { Stop-VM -VM $vm -Force } else { Stop-VM -VM $vm -TurnOff -Force }
    }
    if ($plan.Configure.Count -gt 0) {
        Enter-JobStep -Context $Context -Job $Job -Name 'configure' -Message "change $([string]::Join(', ', $plan.Configure))"
        foreach ($name in $plan.Configure) { Set-JobField -Context $Context -Job $Job -Plan $plan -Name $name }
    }
    if ($null -ne $plan.Manifest) {
        $plan.Manifest.Recorded = Get-JobRecord -Job $Job
        Save-JobManifest -Manifest $plan.Manifest
    }
    if ($plan.Start) {
        Enter-JobStep -Context $Context -Job $Job -Name 'start' -Message 'start the virtual machine'
        Start-VM -VM $vm
        $Job.Made.Stopped = $false
    }
    Write-KeptDisk -Context $Context -Job $Job
}

function Get-UpdatePlan {
    # Finds the virtual machine, refuses what cannot be, and sets the job's steps.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $machine = Get-AgentHost
    $vm = Get-HostVM -Machine $machine -Id $Job.VMId
    $state = ConvertTo-PowerState -State $vm.State
    $wanted = [ordered]@{}
    foreach ($name in $Job.Changed) {
        Assert-ChangeableField -Job $Job -Name $name
        if ($Job.Fields.Contains($name)) { $wanted[$name] = $Job.Fields[$name] }
        elseif ($name -eq 'data_disks') { $wanted[$name] = [object[]]@() }
    }
    Assert-NoFinding -Findings @(Get-JobFinding -Context $Context -Machine $machine -Definition @{ Operation = 'update'; Fields = $wanted } -VMId $Job.VMId)

    $manifest = Find-JobManifest -VM $vm
    $hardware = Get-HardwarePlan -VM $vm -Job $Job -State $state
    $cycle = @($Job.Changed | Where-Object -FilterScript {
            $hardware.Cycle -ccontains $_ -or
            ($_ -eq 'cpu_cores' -and $wanted['cpu_cores'] -ne $vm.ProcessorCount) -or
            ($_ -eq 'disk_size_gb' -and (Test-DiskNeedsOff -VM $vm -SizeGb $wanted['disk_size_gb']))
        }) + @(Find-AdapterCycle -VM $vm -Manifest $manifest -Fields $wanted -Changed $Job.Changed)
    $off = $wanted['power_state'] -eq 'off' -and $state -ne 'off'
    if ($cycle.Count -gt 0 -and $state -ne 'off' -and -not $off) {
        $message = "changing $([string]::Join(', ', $cycle)) needs virtual machine '$($vm.Name)' to be off, and it is $state"
        if ($state -ne 'running') {
            throw (New-AgentError -Code 'power_cycle_refused' -Message $message -Field $cycle[0] -Remedy 'turn it off first')
        }
        if (-not $Job.AllowPowerCycle) {
            throw (New-AgentError -Code 'power_cycle_refused' -Message $message -Field $cycle[0] -Remedy 'allow the power cycle, or turn it off first')
        }
    } elseif ($state -eq 'off' -or $off) {
        $cycle = @()
    }

    $plan = @{
        Machine = $machine; VM = $vm; State = $state; Cycle = $cycle; Hardware = $hardware; Manifest = $manifest
        Stop    = $off -or $cycle.Count -gt 0
        Start   = $cycle.Count -gt 0 -or ($wanted['power_state'] -eq 'running' -and $state -ne 'running')
    }
    $plan.Configure = @($Job.Changed | Where-Object -FilterScript { $_ -ne 'power_state' })
    if ($plan.Stop) { $Job.Steps += 'stop' }
    if ($plan.Configure.Count -gt 0) { $Job.Steps += 'configure' }
    if ($plan.Start) { $Job.Steps += 'start' }
    return $plan
}

function Assert-ChangeableField {
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Name)

    # What the agent does not know is recorded, and so it can be recorded anew.
    if (@('image_name', 'os_family', 'generation', 'disk_type') -ccontains $Name) {
        throw (New-AgentError -Code 'invalid_definition' -Message "field '$Name' cannot be changed on a virtual machine that exists" -Field $Name)
    }
    if (@('vm_name', 'gb_ram', 'cpu_cores') -contains $Name -and -not $Job.Fields.Contains($Name)) {
        throw (New-AgentError -Code 'invalid_definition' -Message "field '$Name' has no value to go back to" -Field $Name)
    }
}

function Set-JobField {
    # Gives one field of the virtual machine its value, or without one what the machine would have had without it.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] [string] $Name)

    $vm = $Plan.VM
    $value = $Job.Fields[$Name]
    $text = switch ($Name) {
        'vm_name' {
            $before = $vm.Name
            $lock = Lock-HostName
            try {
                Assert-NoFinding -Findings @(Find-NameFinding -Machine $Plan.Machine -Name $value -VMId $Job.VMId)
                Rename-VM -VM $vm -NewName $value
            } finally {
                Unlock-HostName -Lock $lock
            }
            "'$value', was '$before'"
        }
        'cpu_cores' {
            $before = $vm.ProcessorCount
            if ($value -ne $before) { Set-VMProcessor -VM $vm -Count $value }
            "$(Format-AgentNumber -Value $value), was $before"
        }
        'notes' {
            Set-VM -VM $vm -Notes ([string]$value)
            'changed'
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
            if ($hardware) { $hardware } else { 'recorded' }
        }
    }
    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "${Name}: $text"
}
