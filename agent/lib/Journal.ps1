# What a job writes down in its folder: its events, and its state with the account of what it made. Never a secret.

function New-JobJournal {
    # Gives the account of what a job made, empty. What can be found on the host by it is noted before it is made, so that a
    # worker that dies leaves nothing that nobody knows of.
    return @{
        Folder = ''; Making = $false; VM = ''; Files = (New-Object -TypeName System.Collections.ArrayList); Manifest = $null
        Disks = (New-Object -TypeName System.Collections.ArrayList); Adapters = (New-Object -TypeName System.Collections.ArrayList)
        Clustered = $false; Stopped = $false; Removing = $null; Done = $false
    }
}

function Save-JobState {
    # Writes a job's state, if it has a folder: one that is run by hand has none.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    if (-not $Context.Key) { return }
    $made = $Job.Made
    Write-WholeFile -Path (Get-JobFile -Key $Context.Key -Name 'state.json') -Text (ConvertTo-AgentJson -Value ([ordered]@{
                format = 1; job = $Job.Id; operation = $Job.Operation; status = $Job.State; pid = $Context.WorkerId; agent = $Context.Agent
                vm_id = $Job.VMId; name = [string]$Job.Fields['vm_name']; step = $Job.Step; steps = [object[]]@($Job.Steps); message = $Job.Message
                made = [ordered]@{
                    folder = $made.Folder; making = $made.Making; vm = $made.VM; files = [object[]]$made.Files.ToArray()
                    disks = [object[]]$made.Disks.ToArray(); adapters = [object[]]$made.Adapters.ToArray()
                    clustered = $made.Clustered; stopped = $made.Stopped; removing = $made.Removing; done = $made.Done
                }
            }))
}

function Read-JobState {
    # Gives what the state file of a job holds, or nothing when there is none.
    param([Parameter(Mandatory)] [string] $Key)

    $path = Get-JobFile -Key $Key -Name 'state.json'
    if (-not [System.IO.File]::Exists($path)) { return }
    return ConvertFrom-AgentJson -Text (Read-SharedFile -Path $path)
}

function ConvertFrom-JobState {
    # Gives the job that a state tells of, without its definition.
    param([Parameter(Mandatory)] $State)

    $job = New-AgentJob -Id $State.job -Definition @{ Operation = $State.operation; Fields = @{ vm_name = $State.name } } -VMId $State.vm_id
    $job.State = $State.status
    $job.Step = $State.step
    $job.Steps = @($State.steps)
    $job.Message = $State.message
    $made = $State.made
    $job.Made.Folder = $made.folder
    $job.Made.Making = $made.making
    $job.Made.VM = $made.vm
    foreach ($file in @($made.files)) { $null = $job.Made.Files.Add($file) }
    foreach ($disk in @($made.disks)) { $null = $job.Made.Disks.Add($disk) }
    foreach ($name in @(Get-AgentTextList -Value $made -Name 'adapters')) { $null = $job.Made.Adapters.Add($name) }
    $job.Made.Clustered = $made.clustered
    $job.Made.Stopped = $made.stopped
    $job.Made.Removing = $made.removing
    $job.Made.Done = $made.done
    return $job
}

function Open-JobEvent {
    # Opens the file of a job's events for more of them. Gives the stream, how many there are, and whether the last is the result.
    # What a worker that died had written of a line is cut off.
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
    return @{ Stream = $stream; Count = $lines.Count; Ended = ($lines.Count -gt 0 -and (Test-JobResult -Line $lines[-1])) }
}

function Test-JobResult {
    # Tells whether an event is a result. Within a message, quotation marks would be escaped.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Line)

    return $Line.Contains('"kind":"result"')
}

function Add-JobLine {
    # Adds an event to the file of a job's events.
    param([Parameter(Mandatory)] [System.IO.Stream] $Stream, [Parameter(Mandatory)] [string] $Line)

    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Line + "`n")
    $Stream.Write($bytes, 0, $bytes.Length)
    $Stream.Flush()
}

function Get-AgentJobList {
    # Gives the jobs that the host knows, the oldest first.
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($key in @(Get-JobKey)) {
        $state = $null
        try { $state = Read-JobState -Key $key } catch { $null = $_ } # its folder may be going just now
        if ($null -eq $state) { continue }
        $count = 0
        $status = $state.status
        $path = Get-JobFile -Key $key -Name 'events.ndjson'
        if ([System.IO.File]::Exists($path)) {
            $lines = (Read-SharedFile -Path $path).Split([char]10)
            $count = $lines.Count - 1
            if ($count -gt 0 -and (Test-JobResult -Line $lines[$count - 1])) { $status = 'ended' }
        }
        $null = $list.Add([ordered]@{ job = $state.job; status = $status; operation = $state.operation; vm_id = $state.vm_id; seq = $count })
    }
    return [ordered]@{ jobs = [object[]]$list.ToArray() }
}
