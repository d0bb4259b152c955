# Jobs whose worker died: found by a lock that nobody holds any more, and undone by what they had written down.

# For how many days the folder of a job that has ended is kept, and how many go at the start of one session.
$script:AgentKeepDays = 7
$script:AgentRemoveAtOnce = 50

function Lock-DeadJob {
    # Gives the open files of a job that no process works at, so that none can; nothing when one does.
    param([Parameter(Mandatory)] [string] $Key)

    # In this order: who starts a worker lets go of the claim only when the worker holds the other.
    $claim = Lock-AgentFile -Path (Get-JobFile -Key $Key -Name 'claim') -Mode Open
    if ($null -eq $claim) { return }
    $alive = Lock-AgentFile -Path (Get-JobFile -Key $Key -Name 'alive.lock')
    if ($null -ne $alive) { return @{ Claim = $claim; Alive = $alive } }
    $claim.Dispose()
}

function Unlock-DeadJob {
    param([Parameter(Mandatory)] $Lock)

    $Lock.Alive.Dispose()
    $Lock.Claim.Dispose()
}

function Test-JobDead {
    # Tells whether no process works at a job.
    param([Parameter(Mandatory)] [string] $Key)

    $lock = Lock-DeadJob -Key $Key
    if ($null -eq $lock) { return $false }
    Unlock-DeadJob -Lock $lock
    return $true
}

function Repair-AgentJob {
    # Undoes a job whose worker died, and writes its result; one that all was done for keeps its virtual machine.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    $key = $Argument
    $lock = Lock-DeadJob -Key $key
    if ($null -eq $lock) { return }
    try {
        $state = Read-JobState -Key $key
        if ($null -eq $state) {
            # Nothing was begun. The events' names for it come from the folder's.
            $job = New-AgentJob -Id $key -Definition @{ Operation = 'provision'; Fields = @{ vm_name = '' } }
        } else {
            $job = ConvertFrom-JobState -State $state
        }
        Complete-StoredJob -Context $Context -Key $key -Job $job -Failure ([ordered]@{
                code = 'worker_died'; message = 'the process of the job on the host died before the job had ended'; step = $job.Step
            }) -Undo
    } finally {
        Unlock-DeadJob -Lock $lock
    }
}

function Complete-StoredJob {
    # Ends a job of which this process knows only what is in its folder, and whose lock it holds.
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
            $null = Get-AgentHost # a host that is not ready yet is no reason to leave things: the next who looks tries again
            if (Complete-DeadJob -Context $store -Job $Job) { $Failure = $null }
        }
        Complete-AgentJob -Context $store -Job $Job -Failure $Failure
    } finally {
        $events.Stream.Dispose()
    }
}

function Complete-DeadJob {
    # Takes back what a job had made. Gives true when the job had done its work, or could be brought to its end.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $Job.Committed = $true # too late to cancel
    if ($Job.Made.Done) { return $true }
    if ($Job.Operation -ne 'delete') {
        Undo-Job -Context $Context -Job $Job
        return $false
    }
    if ($null -eq $Job.Made.Removing -or $null -ne (Find-HostVM -Id $Job.VMId)) { return $false }
    $removing = $Job.Made.Removing
    $manifest = $null
    if ($removing.folder) { $manifest = @{ Folder = $removing.folder; JobId = $removing.job; Files = @($removing.files) } }
    $Job.Message = "virtual machine '$($removing.name)' was removed"
    Remove-JobFile -Context $Context -Job $Job -Manifest $manifest -Disks @($removing.disks)
    return $true
}

function Invoke-AgentSweep {
    # At the start of a session: undoes jobs whose worker died, and removes what is old.
    param([Parameter(Mandatory)] $Context, [AllowNull()] $Argument)

    $old = [System.DateTime]::UtcNow.AddDays(-$script:AgentKeepDays)
    $removed = 0
    $used = New-Object -TypeName System.Collections.ArrayList
    foreach ($key in @(Get-JobKey)) {
        try {
            $state = Read-JobState -Key $key
            if ($null -eq $state -or $state.status -ne 'ended') {
                if ($null -ne $state) { $null = $used.Add($state.agent) }
                Repair-AgentJob -Context $Context -Argument $key
            } elseif ($removed -lt $script:AgentRemoveAtOnce -and [System.IO.File]::GetLastWriteTimeUtc((Get-JobFile -Key $key -Name 'state.json')) -lt $old) {
                $removed++
                Remove-EndedJob -Key $key
            }
        } catch {
            [System.Console]::Error.WriteLine("job ${key}: $($_.Exception.Message)")
        }
    }
    Remove-OldAgent -Context $Context -Used $used.ToArray()
}

function Remove-EndedJob {
    # Removes the folder of a job. The claim goes last, since without it the id would be free.
    param([Parameter(Mandatory)] [string] $Key)

    foreach ($name in 'events.ndjson', 'alive.lock', 'cancel', 'state.json.new', 'state.json', 'claim') {
        [System.IO.File]::Delete((Get-JobFile -Key $Key -Name $name))
    }
    $null = Remove-EmptyFolder -Path (Get-JobFolder -Key $Key)
}
