# Changes for which a virtual machine must be off.

function Get-PowerCycleField {
    # Returns the changed fields whose change requires the virtual machine to be off. Hardware is the result of Get-HardwarePlan, Fields
    # are the new values of the changed fields. Call it within @( ).
    param(
        [Parameter(Mandatory)] $VM,
        [AllowNull()] $Manifest,
        [Parameter(Mandatory)] $Hardware,
        [Parameter(Mandatory)] $Fields,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Changed
    )

    $Changed | Where-Object -FilterScript {
        $Hardware.Cycle -ccontains $_ -or
        ($_ -eq 'cpu_cores' -and $Fields['cpu_cores'] -ne $VM.ProcessorCount) -or
        ($_ -eq 'disk_size_gb' -and (Test-DiskRequiresOff -VM $VM -SizeGb $Fields['disk_size_gb']))
    }
    Get-AdapterPowerCycleField -VM $VM -Manifest $Manifest -Fields $Fields -Changed $Changed
}

function Get-PowerCycleFinding {
    <#
    .SYNOPSIS
    Returns the findings about changes that require the virtual machine to be off, where a job would not stop it: Allow is not set, or it
    is not running.
    .DESCRIPTION
    Without Changed, all fields of the definition are changed. Unknown names the fields whose values are not known yet.
    #>
    param(
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId,
        [AllowEmptyCollection()] [string[]] $Changed = @(),
        [AllowEmptyCollection()] [string[]] $Unknown = @(),
        [switch] $Allow
    )

    if ($Definition.Operation -ne 'update' -or -not $VMId -or $Unknown -contains 'power_state') { return }
    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm) { return }
    $fields = $Definition.Fields
    $state = ConvertTo-PowerState -State $vm.State
    if ($Changed.Count -eq 0) { $Changed = @($fields.Keys) }
    $Changed = @($Changed | Where-Object -FilterScript { $Unknown -cnotcontains $_ })
    if ($state -eq 'off' -or ($Changed -ccontains 'power_state' -and $fields['power_state'] -eq 'off')) { return }
    try {
        $hardware = Get-HardwarePlan -VM $vm -Job @{ Fields = $fields; Changed = $Changed } -State $state
    } catch {
        if (-not $_.Exception.Data.Contains('code')) { throw }
        $finding = ConvertTo-AgentFailure -ErrorRecord $_ # the change is impossible in any state
        $finding['severity'] = 'error'
        return $finding
    }
    $messageId = 'power_cycle_refused'
    if ($state -ne 'running') { $messageId = 'power_cycle_not_running' } elseif ($Allow) { return }
    foreach ($name in @(Get-PowerCycleField -VM $vm -Manifest (Find-JobManifest -VM $vm) -Hardware $hardware -Fields $fields -Changed $Changed)) {
        New-JobFinding -Field $name -MessageId $messageId -Values @{ fields = $name; vm = $vm.Name; state = $state }
    }
}
