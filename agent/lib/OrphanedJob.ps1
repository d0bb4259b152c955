# Orphaned jobs, whose worker process has ended before the job: found by their unlocked files, and undone from their journal.

# How long the folder of an ended job is kept, in days, and how many folders one session removes at its start.
$script:AgentRetentionDays = 7
$script:AgentCleanupBatch = 50

function Lock-OrphanedJob {
    # Locks the files of an orphaned job and returns them; returns nothing when a process runs or starts the job.
    param([Parameter(Mandatory)] [string] $Key)

    # In this order: the process that starts a worker releases the claim only after the worker has locked alive.lock.
    $claim = Lock-File -Path (Get-JobFile -Key $Key -Name 'claim') -Mode Open
    if ($null -eq $claim) { return }
    $alive = Lock-File -Path (Get-JobFile -Key $Key -Name 'alive.lock')
    if ($null -ne $alive) { return @{ Claim = $claim; Alive = $alive } }
    $claim.Dispose()
}

function Unlock-OrphanedJob {
    # Releases the locks of Lock-OrphanedJob.
    param([Parameter(Mandatory)] $Lock)

    $Lock.Alive.Dispose()
    $Lock.Claim.Dispose()
}

function Test-JobOrphaned {
    # Reports whether no process runs or starts a job.
    param([Parameter(Mandatory)] [string] $Key)

    $lock = Lock-OrphanedJob -Key $Key
    if ($null -eq $lock) { return $false }
    Unlock-OrphanedJob -Lock $lock
    return $true
}

function Repair-OrphanedJob {
    <#
    .SYNOPSIS
    Undoes an orphaned job and writes its result. A job that had completed its work keeps its virtual machine.
    .DESCRIPTION
    Argument is the job's key.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    # A job that others wrote is not undone.
    if (-not (Test-DataFolderExists)) { return }
    $key = $Argument
    $lock = Lock-OrphanedJob -Key $key
    if ($null -eq $lock) { return }
    try {
        $state = Read-JobState -Key $key
        if ($null -eq $state) {
            # The job had not started. Its id is the name of its folder.
            $job = New-AgentJob -Id $key -Definition @{ Operation = 'provision'; Fields = @{ vm_name = '' } }
        } else {
            $job = ConvertFrom-JobState -State $state
        }
        $reason = Get-WorkerReport -Key $key
        $text = if ($reason) { Get-AgentMessage -Id 'worker_died_because' -Values @{ reason = $reason } } else { Get-AgentMessage -Id 'worker_died' }
        $failure = [ordered]@{ code = $text.Code; message = $text.Message; remedy = $text.Remedy; step = $job.Step }
        Complete-StoredJob -Context $Context -Key $key -Job $job -Failure $failure -Undo
    } finally {
        Unlock-OrphanedJob -Lock $lock
    }
}

function Complete-StoredJob {
    # Ends a job of which this process knows only the files, which it has locked.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Failure, [switch] $Undo)

    $events = Open-JobEvent -Key $Key
    try {
        $Job.Seq = $events.Count
        $store = New-JobContext -Key $Key -Agent $Context.Agent
        $store.Events = $events.Stream
        if ($events.Ended) {
            $Job.State = 'ended'
            Save-JobState -Context $store -Job $Job
            return
        }
        if ($Undo -and $Job.State -ne 'waiting') {
            $null = Get-AgentHost # throws while the host is not ready; the next check retries
            if (Complete-OrphanedJob -Context $store -Job $Job) { $Failure = $null }
        }
        Complete-AgentJob -Context $store -Job $Job -Failure $Failure
    } finally {
        $events.Stream.Dispose()
    }
}

function Complete-OrphanedJob {
    # Undoes a job from its journal. Returns true when the job had completed its work, or its work could be completed.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $Job.Committed = $true # it can no longer be cancelled
    if ($Job.Journal.Done) { return $true }
    try {
        if (Complete-CheckpointJob -Job $Job) { return $true }
    } catch { Add-JobLeftover -Context $Context -Job $Job -Reason (Get-FailureMessage -ErrorRecord $_) }
    if ($Job.Operation -eq 'image' -and (Test-ImagePlaced -Job $Job)) { return $true }
    if ($Job.Operation -ne 'delete') {
        Undo-Job -Context $Context -Job $Job
        return $false
    }
    if ($null -eq $Job.Journal.Removing) { return $false }
    try {
        if ($null -ne (Find-OwnedVM -Machine (Get-AgentHost) -Id $Job.VMId)) { return $false }
    } catch {
        # Another node may use the files: they stay.
        Add-JobLeftover -Context $Context -Job $Job -Item (Get-AgentMessage -Id 'item_folder' -Values @{ folder = $Job.Journal.Removing.folder }).Message `
            -Reason (Get-FailureMessage -ErrorRecord $_)
        return $false
    }
    $removing = $Job.Journal.Removing
    $manifest = $null
    if ($removing.folder) { $manifest = @{ Folder = $removing.folder; JobId = $removing.job; Files = @($removing.files) } }
    $Job.Message = (Get-AgentMessage -Id 'result_vm_removed' -Values @{ vm = $removing.name }).Message
    Remove-JobFile -Context $Context -Job $Job -Manifest $manifest -Disks @($removing.disks) `
        -Kept @(Get-AgentTextList -Value $removing -Name 'kept') -Existing @(Get-AgentTextList -Value $removing -Name 'existing')
    return $true
}

function Invoke-AgentCleanup {
    <#
    .SYNOPSIS
    Repairs orphaned jobs, and removes old job folders and agents. Runs at the start of a session.
    #>
    param([Parameter(Mandatory)] $Context, [AllowNull()] $Argument)

    if (-not (Test-DataFolderExists)) { return }
    $old = [System.DateTime]::UtcNow.AddDays(-$script:AgentRetentionDays)
    $removed = 0
    $used = New-Object -TypeName System.Collections.ArrayList
    foreach ($key in @(Get-JobKey)) {
        try {
            $state = Read-JobState -Key $key
            if ($null -eq $state -or $state.status -ne 'ended') {
                if ($null -ne $state) { $null = $used.Add($state.agent) }
                Repair-OrphanedJob -Context $Context -Argument $key
            } elseif ($removed -lt $script:AgentCleanupBatch -and [System.IO.File]::GetLastWriteTimeUtc((Get-JobFile -Key $key -Name 'state.json')) -lt $old) {
                $removed++
                Remove-EndedJob -Key $key
            }
        } catch {
            [System.Console]::Error.WriteLine("job ${key}: $($_.Exception.Message)")
        }
    }
    Clear-PendingFile
    Clear-GuestMedia
    Remove-OldAgent -Context $Context -Used $used.ToArray()
}

function Remove-EndedJob {
    # Removes the folder of a job. The claim is removed last: without it, the id could be used again.
    param([Parameter(Mandatory)] [string] $Key)

    foreach ($name in 'events.ndjson', 'alive.lock', 'cancel', $script:AgentWorkerReportName, 'state.json.new', 'state.json', 'claim') {
        Remove-HostFile -Path (Get-JobFile -Key $Key -Name $name) -Limit $script:AgentReadMilliseconds
    }
    $null = Remove-EmptyFolder -Path (Get-JobFolder -Key $Key)
}
