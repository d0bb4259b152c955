# The files of a job in its folder: its events, and its state with the journal of what it created. They contain no secret.

function New-JobJournal {
    <#
    .SYNOPSIS
    Returns an empty journal of what a job creates and changes.
    .DESCRIPTION
    Each object is recorded before it is created, so that a job whose worker process has died can be undone completely.
    #>
    return @{
        Folder = ''; Making = $false; VM = ''; Files = (New-Object -TypeName System.Collections.ArrayList); Manifest = $null
        Disks = (New-Object -TypeName System.Collections.ArrayList); Adapters = (New-Object -TypeName System.Collections.ArrayList)
        Clustered = $false; Stopped = $false; Removing = $null; Done = $false
        Checkpoint = $null # the name of the checkpoint to take, and the GUIDs of those before it
        Switch     = $null # the name of the virtual switch to create and the GUIDs of those before it, or the one to change as it was
        Replacing  = $null # the checkpoint that is applied or removed, which cannot be undone; see Complete-CheckpointJob
    }
}

function Save-JobState {
    # Saves a job's state, unless it has no folder because it is run by hand.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    if (-not $Context.Key) { return }
    $journal = $Job.Journal
    Write-AtomicFile -Path (Get-JobFile -Key $Context.Key -Name 'state.json') -Text (ConvertTo-AgentJson -Value ([ordered]@{
                format = 1; job = $Job.Id; operation = $Job.Operation; status = $Job.State; pid = $Context.WorkerId; agent = $Context.Agent
                vm_id = $Job.VMId; name = [string]$Job.Fields['vm_name']; step = $Job.Step; steps = [object[]]@($Job.Steps); message = $Job.Message
                made = [ordered]@{
                    folder = $journal.Folder; making = $journal.Making; vm = $journal.VM; files = [object[]]$journal.Files.ToArray()
                    disks = [object[]]$journal.Disks.ToArray(); adapters = [object[]]$journal.Adapters.ToArray()
                    clustered = $journal.Clustered; stopped = $journal.Stopped; removing = $journal.Removing; done = $journal.Done
                    checkpoint = $journal.Checkpoint; replacing = $journal.Replacing; switch = $journal.Switch
                }
            }))
}

function Read-JobState {
    # Returns the content of a job's state file, or nothing when it does not exist.
    param([Parameter(Mandatory)] [string] $Key)

    $path = Get-JobFile -Key $Key -Name 'state.json'
    if (-not [System.IO.File]::Exists($path)) { return }
    return ConvertFrom-AgentJson -Text (Read-SharedFile -Path $path)
}

function ConvertFrom-JobState {
    # Returns the job of a state, without its definition.
    param([Parameter(Mandatory)] $State)

    $job = New-AgentJob -Id $State.job -Definition @{ Operation = $State.operation; Fields = @{ vm_name = $State.name } } -VMId $State.vm_id
    $job.State = $State.status
    $job.Step = $State.step
    $job.Steps = @($State.steps)
    $job.Message = $State.message
    $journal = $State.made
    $job.Journal.Folder = $journal.folder
    $job.Journal.Making = $journal.making
    $job.Journal.VM = $journal.vm
    foreach ($file in @($journal.files)) { $null = $job.Journal.Files.Add($file) }
    foreach ($disk in @($journal.disks)) { $null = $job.Journal.Disks.Add($disk) }
    foreach ($name in @(Get-AgentTextList -Value $journal -Name 'adapters')) { $null = $job.Journal.Adapters.Add($name) }
    $job.Journal.Clustered = $journal.clustered
    $job.Journal.Stopped = $journal.stopped
    $job.Journal.Removing = $journal.removing
    $job.Journal.Done = $journal.done
    # States of former versions have none of these.
    $job.Journal.Switch = Get-AgentProperty -Value $journal -Name 'switch'
    $job.Journal.Checkpoint = Get-AgentProperty -Value $journal -Name 'checkpoint'
    $job.Journal.Replacing = Get-AgentProperty -Value $journal -Name 'replacing'
    return $job
}

function Open-JobEvent {
    # Opens a job's event file for appending. Returns the stream, the number of events, and whether the last is the result.
    # An incomplete last line, from a worker process that died, is removed.
    param([Parameter(Mandatory)] [string] $Key)

    $stream = Open-SharedFile -Path (Get-JobFile -Key $Key -Name 'events.ndjson') -Mode OpenOrCreate -Access ReadWrite
    $bytes = New-Object -TypeName byte[] -ArgumentList $stream.Length
    $count = 0
    while ($count -lt $bytes.Length -and ($read = $stream.Read($bytes, $count, $bytes.Length - $count)) -gt 0) { $count += $read }
    $end = 0
    if ($count -gt 0) { $end = [System.Array]::LastIndexOf($bytes, [byte]10, $count - 1) + 1 }
    $stream.SetLength($end)
    $null = $stream.Seek($end, [System.IO.SeekOrigin]::Begin)
    $lines = @()
    if ($end -gt 0) { $lines = @([System.Text.Encoding]::UTF8.GetString($bytes, 0, $end - 1).Split([char]10)) }
    return @{ Stream = $stream; Count = $lines.Count; Ended = ($lines.Count -gt 0 -and (Test-ResultEvent -Line $lines[-1])) }
}

function Test-ResultEvent {
    # Reports whether an event is a result. Quotation marks within a message are escaped, so they cannot match.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Line)

    return $Line.Contains('"kind":"result"')
}

function Add-JobLine {
    # Appends an event to a job's event file.
    param([Parameter(Mandatory)] [System.IO.Stream] $Stream, [Parameter(Mandatory)] [string] $Line)

    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Line + "`n")
    $Stream.Write($bytes, 0, $bytes.Length)
    $Stream.Flush()
}

function Get-AgentJobList {
    # Returns the jobs on the host, oldest first.
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($key in @(Get-JobKey)) {
        $state = $null
        try { $state = Read-JobState -Key $key } catch { $null = $_ } # the folder may be in removal
        if ($null -eq $state) { continue }
        $count = 0
        $status = $state.status
        $path = Get-JobFile -Key $key -Name 'events.ndjson'
        if ([System.IO.File]::Exists($path)) {
            $lines = (Read-SharedFile -Path $path).Split([char]10)
            $count = $lines.Count - 1
            if ($count -gt 0 -and (Test-ResultEvent -Line $lines[$count - 1])) { $status = 'ended' }
        }
        $null = $list.Add([ordered]@{ job = $state.job; status = $status; operation = $state.operation; vm_id = $state.vm_id; seq = $count })
    }
    return [ordered]@{ jobs = [object[]]$list.ToArray() }
}
