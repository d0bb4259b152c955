# Checkpoint jobs: take, apply or remove one checkpoint of a virtual machine, on request.

$script:AgentCheckpointActionNames = 'take', 'apply', 'remove'

function Assert-CheckpointField {
    # Throws when the fields of a checkpoint job do not name what to do, or the checkpoint. GUIDs are compared in lower case.
    param([Parameter(Mandatory)] $Fields)

    $missing = ''
    if (-not $Fields.Contains('checkpoint_action')) { $missing = 'checkpoint_action' }
    elseif ($Fields['checkpoint_action'] -ceq 'take') { if (-not $Fields.Contains('checkpoint_name')) { $missing = 'checkpoint_name' } }
    elseif (-not $Fields.Contains('checkpoint_id') -and -not $Fields.Contains('checkpoint_name')) { $missing = 'checkpoint_id' }
    if ($missing) { throw (New-AgentError -Field $missing -MessageId 'field_missing' -Values @{ field = $missing }) }
}

function Invoke-CheckpointJob {
    <#
    .SYNOPSIS
    Runs the steps of a checkpoint job.
    .DESCRIPTION
    A checkpoint is applied while the virtual machine is off or saved: whether Restore-VMSnapshot accepts a running one is not documented,
    and its state is discarded in any case. After that it is off, or saved with the memory that a standard checkpoint holds.
    https://github.com/MicrosoftDocs/Virtualization-Documentation/blob/main/virtualization/hyper-v-on-windows/user-guide/checkpoints.md
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $plan = Enter-PreflightStep -Context $Context -Job $Job -Plan { Get-CheckpointPlan -Job $Job }
    $vm = $plan.VM
    switch ([string]$Job.Fields['checkpoint_action']) {
        'take' {
            Enter-JobStep -Context $Context -Job $Job -Name 'checkpoint' -MessageId 'step_checkpoint_take' -Values @{ checkpoint = $plan.Name }
            $Job.Journal.Checkpoint = [ordered]@{ name = $plan.Name; before = [object[]]@($plan.All | ForEach-Object -Process { $_.Id.ToString() }) }
            Save-JobState -Context $Context -Job $Job
            $taken = Checkpoint-VM -VM $vm -SnapshotName $plan.Name -Passthru
            $Job.Checkpoint = ConvertTo-AgentCheckpoint -Checkpoint $taken -Current $true
        }
        'apply' {
            if ($plan.Stop) {
                Enter-JobStep -Context $Context -Job $Job -Name 'stop' -MessageId 'step_turn_off'
                $Job.Journal.Stopped = $plan.State -eq 'running'
                Save-JobState -Context $Context -Job $Job
                Stop-VM -VM $vm -TurnOff -Force
            }
            Enter-JobStep -Context $Context -Job $Job -Name 'checkpoint' -MessageId 'step_checkpoint_apply' -Values @{ checkpoint = $plan.Name }
            $Job.Committed = $true # what it replaces is gone
            Save-ReplacedCheckpoint -Context $Context -Job $Job -Plan $plan
            Restore-VMSnapshot -VMSnapshot $plan.Checkpoint -Confirm:$false
            $Job.Journal.Stopped = $false
            $Job.Checkpoint = ConvertTo-AgentCheckpoint -Checkpoint $plan.Checkpoint -Current $true
            if ($plan.Start) {
                $vm = Find-HostVM -Id $Job.VMId # its settings are those of the checkpoint
                $state = ConvertTo-PowerState -State $vm.State
                Enter-StartStep -Context $Context -Job $Job -State $state
                if ($state -ne 'running') { Start-JobVM -VM $vm -State $state }
            }
        }
        'remove' { Remove-NamedCheckpoint -Context $Context -Job $Job -Plan $plan }
    }
}

function Save-ReplacedCheckpoint {
    # Records what a job is about to apply or remove, and the disks before it: those after an apply are others.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $Job.Journal.Replacing = [ordered]@{
        id = $Plan.Checkpoint.Id.ToString(); action = [string]$Job.Fields['checkpoint_action']; start = $Plan.Start
        disks = [object[]]@($Plan.VM.HardDrives | ForEach-Object -Process { [string]$_.Path })
    }
    Save-JobState -Context $Context -Job $Job
}

function Complete-CheckpointJob {
    # Completes a job whose worker has died after it had applied or removed its checkpoint. Returns whether it had.
    param([Parameter(Mandatory)] $Job)

    $replacing = $Job.Journal.Replacing
    if ($null -eq $replacing) { return $false }
    $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $Job.VMId
    if ($null -eq $vm) { return $false }
    $checkpoint = @(Get-VMSnapshot -VM $vm | Where-Object -FilterScript { $_.Id.ToString() -eq $replacing.id })
    if ($replacing.action -ceq 'remove') { return $checkpoint.Count -eq 0 }
    $before = @($replacing.disks)
    $same = @($vm.HardDrives | Where-Object -FilterScript { $before -contains $_.Path }).Count
    if ($checkpoint.Count -eq 0 -or $same -gt 0 -or (Get-OptionalText -Value $vm -Name 'ParentSnapshotId') -ne $replacing.id) { return $false }
    $Job.Journal.Stopped = $false
    $Job.Checkpoint = ConvertTo-AgentCheckpoint -Checkpoint $checkpoint[0] -Current $true
    $state = ConvertTo-PowerState -State $vm.State
    if ($replacing.start -and $state -ne 'running') { Start-JobVM -VM $vm -State $state }
    return $true
}

function Get-CheckpointPlan {
    # Finds the virtual machine and the checkpoint of a job, and sets the job's steps.
    param([Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $action = [string]$fields['checkpoint_action']
    $vm = Get-HostVM -Machine (Get-AgentHost) -Id $Job.VMId
    $state = ConvertTo-PowerState -State $vm.State
    $plan = @{ VM = $vm; State = $state; All = @(Get-VMSnapshot -VM $vm); Checkpoint = $null; Name = [string]$fields['checkpoint_name']; Stop = $false; Start = $false }
    if ($action -eq 'take') {
        if ([string]$vm.CheckpointType -eq 'Disabled') {
            throw (New-AgentError -Field 'checkpoint_action' -MessageId 'checkpoints_disabled' -Values @{ vm = $vm.Name })
        }
    } else {
        $plan.Checkpoint = Find-NamedCheckpoint -Job $Job -VM $vm -Among $plan.All
        if ($null -ne $plan.Checkpoint) { $plan.Name = [string]$plan.Checkpoint.Name }
    }
    if ($action -eq 'apply') {
        $plan.Stop = 'off', 'saved' -notcontains $state
        $plan.Start = $fields['checkpoint_start'] -eq $true
        if ($plan.Stop) { $Job.Steps += 'stop' }
    }
    if ($action -ne 'remove' -or $null -ne $plan.Checkpoint) { $Job.Steps += 'checkpoint' }
    if ($plan.Start) { $Job.Steps += 'start' }
    return $plan
}

function Find-NamedCheckpoint {
    # Returns the checkpoint that a job names by GUID or by name. One to be removed may be missing.
    param(
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] $VM,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Among
    )

    $field = 'checkpoint_id'
    if (-not $Job.Fields.Contains($field)) { $field = 'checkpoint_name' }
    $wanted = [string]$Job.Fields[$field]
    $found = @($Among | Where-Object -FilterScript {
            if ($field -eq 'checkpoint_id') { $_.Id.ToString() -eq $wanted } else { Test-SameName -Left $_.Name -Right $wanted }
        })
    if ($found.Count -eq 1) { return $found[0] }
    if ($found.Count -gt 1) {
        throw (New-AgentError -Field $field -MessageId 'checkpoint_ambiguous' -Values @{ checkpoint = $wanted; vm = $VM.Name; count = $found.Count })
    }
    if ($Job.Fields['checkpoint_action'] -cne 'remove') {
        throw (New-AgentError -Field $field -MessageId 'checkpoint_missing' -Values @{ checkpoint = $wanted; vm = $VM.Name })
    }
}

function Remove-NamedCheckpoint {
    # Removes a checkpoint, with those that were taken after it if the job says so. Without the children, Hyper-V merges its disks into
    # theirs. https://learn.microsoft.com/powershell/module/hyper-v/remove-vmsnapshot
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    if ($null -eq $Plan.Checkpoint) {
        $wanted = $Job.Fields['checkpoint_id']
        if (-not $wanted) { $wanted = $Plan.Name }
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'checkpoint_absent' -Values @{ checkpoint = $wanted; vm = $Plan.VM.Name }
        return
    }
    $children = $Job.Fields['checkpoint_children'] -eq $true
    $message = 'step_checkpoint_remove'
    if ($children) { $message = 'step_checkpoint_remove_tree' }
    Enter-JobStep -Context $Context -Job $Job -Name 'checkpoint' -MessageId $message -Values @{ checkpoint = $Plan.Name }
    $Job.Committed = $true # it does not come back
    Save-ReplacedCheckpoint -Context $Context -Job $Job -Plan $Plan
    try {
        Remove-VMSnapshot -VMSnapshot $Plan.Checkpoint -IncludeAllChildSnapshots:$children -Confirm:$false
    } catch {
        if (-not (Test-MissingError -ErrorRecord $_)) { throw } # it ended meanwhile
    }
    # While other checkpoints exist, the disks of the virtual machine remain those of a checkpoint.
    if (@(Get-VMSnapshot -VM $Plan.VM).Count -eq 0) { Wait-CheckpointMerge -Context $Context -Job $Job -VM $Plan.VM }
}

function Undo-JobCheckpoint {
    # Removes the checkpoint that a job took: one of its name that was not there before.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $taken = $Job.Journal.Checkpoint
    if ($null -eq $taken) { return }
    $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $Job.VMId
    if ($null -eq $vm) { return }
    foreach ($checkpoint in @(Get-VMSnapshot -VM $vm)) {
        if ([string]$checkpoint.Name -cne $taken.name -or @($taken.before) -contains $checkpoint.Id.ToString()) { continue }
        $text = (Get-AgentMessage -Id 'item_checkpoint' -Values @{ checkpoint = $checkpoint.Name }).Message
        $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_checkpoint_removed' -Values @{ checkpoint = $checkpoint.Name } -Item $text -Action {
            Remove-VMSnapshot -VMSnapshot $checkpoint -Confirm:$false
        }
    }
}

function Get-AgentCheckpointList {
    # Serves request inventory for part checkpoints of one virtual machine.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Id)

    $vm = Get-HostVM -Machine (Get-AgentHost) -Id $Id
    $current = Get-OptionalText -Value $vm -Name 'ParentSnapshotId'
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($item in @(Get-VMSnapshot -VM $vm)) {
        $null = $list.Add((ConvertTo-AgentCheckpoint -Checkpoint $item -Current ($item.Id.ToString() -eq $current)))
    }
    return [ordered]@{ checkpoints = [object[]]$list.ToArray() }
}

function ConvertTo-AgentCheckpoint {
    # Converts a checkpoint to the shape that clients read. Current is whether the virtual machine continues from it.
    param([Parameter(Mandatory)] $Checkpoint, [Parameter(Mandatory)] [bool] $Current)

    return [ordered]@{
        id          = $Checkpoint.Id.ToString()
        name        = [string]$Checkpoint.Name
        parent_id   = Get-OptionalText -Value $Checkpoint -Name 'ParentSnapshotId'
        created_at  = $Checkpoint.CreationTime.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture)
        power_state = ConvertTo-PowerState -State $Checkpoint.State
        automatic   = [bool](Get-OptionalProperty -Value $Checkpoint -Name 'IsAutomaticCheckpoint')
        current     = $Current
    }
}
