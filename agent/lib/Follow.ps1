# Following jobs: what their workers write into their folders goes out as frames of this session.

function Watch-AgentJob {
    # Has all that a job says beyond a number go out, from now on.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [int] $After)

    $context = $Session.Context
    [System.Threading.Monitor]::Enter($context.Watches.SyncRoot)
    try {
        $context.Watches[$Key] = @{ Key = $Key; After = $After; Line = 0; Position = [long]0; Quiet = 0; Repair = $null }
    } finally {
        [System.Threading.Monitor]::Exit($context.Watches.SyncRoot)
    }
    if (-not $Session.Following) {
        $Session.Following = $true
        $null = Start-AgentWork -Context $context -Function 'Invoke-AgentFollower' -Argument @{}
    }
    $null = $context.Wake.Set()
}

function Get-AgentWatch {
    # Gives the jobs that are followed. Call it within @( ).
    param([Parameter(Mandatory)] $Context)

    [System.Threading.Monitor]::Enter($Context.Watches.SyncRoot)
    try { @($Context.Watches.Values) } finally { [System.Threading.Monitor]::Exit($Context.Watches.SyncRoot) }
}

function Invoke-AgentFollower {
    # Sends the events of the jobs that are followed, until the session is at its end and all of them have ended.
    param([Parameter(Mandatory)] $Context, [AllowNull()] $Argument)

    while ($true) {
        $watches = @(Get-AgentWatch -Context $Context)
        if ($watches.Count -eq 0) {
            if ($Context.Done) { return }
            $null = $Context.Wake.WaitOne(1000)
            continue
        }
        foreach ($watch in $watches) {
            try {
                $said = Send-JobEvent -Context $Context -Watch $watch
                if ($said -eq 'result') { Clear-AgentWatch -Context $Context -Watch $watch }
                if ($said -eq 'nothing') { Test-JobWatch -Context $Context -Watch $watch }
            } catch {
                # One job's trouble is not another's; what it is shows in the log.
                [System.Console]::Error.WriteLine("job $($watch.Key): $($_.Exception.Message)")
                Clear-AgentWatch -Context $Context -Watch $watch
            }
        }
        # What is said meanwhile goes out together: each piece of output is a request of the client's.
        $null = $Context.Wake.WaitOne(100)
    }
}

function Clear-AgentWatch {
    # Follows a job no longer, unless it was asked for anew meanwhile.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Watch)

    [System.Threading.Monitor]::Enter($Context.Watches.SyncRoot)
    try {
        if ([object]::ReferenceEquals($Context.Watches[$Watch.Key], $Watch)) { $Context.Watches.Remove($Watch.Key) }
    } finally {
        [System.Threading.Monitor]::Exit($Context.Watches.SyncRoot)
    }
}

function Send-JobEvent {
    # Sends the whole lines that are new. Gives what there was: nothing, events, or the result.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Watch)

    $path = Get-JobFile -Key $Watch.Key -Name 'events.ndjson'
    $file = New-Object -TypeName System.IO.FileInfo -ArgumentList $path
    if (-not $file.Exists -or $file.Length -le $Watch.Position) { return 'nothing' }
    $stream = Open-SharedFile -Path $path
    try {
        $null = $stream.Seek($Watch.Position, [System.IO.SeekOrigin]::Begin)
        $bytes = New-Object -TypeName byte[] -ArgumentList ([System.Math]::Min($stream.Length - $Watch.Position, 1MB))
        $count = $stream.Read($bytes, 0, $bytes.Length)
    } finally {
        $stream.Dispose()
    }
    if ($count -eq 0) { return 'nothing' }
    $end = [System.Array]::LastIndexOf($bytes, [byte]10, $count - 1)
    if ($end -lt 0) { return 'nothing' }
    $Watch.Position += $end + 1
    $Watch.Quiet = 0
    $said = 'events'
    $frames = New-Object -TypeName System.Collections.ArrayList
    foreach ($line in [System.Text.Encoding]::UTF8.GetString($bytes, 0, $end).Split([char]10)) {
        $Watch.Line++
        if ($Watch.Line -gt $Watch.After) { $null = $frames.Add((ConvertTo-AgentFrame -Context $Context -Text $line)) }
        if (Test-JobResult -Line $line) { $said = 'result' }
    }
    if ($frames.Count -gt 0) { Write-AgentLine -Context $Context -Line ([string]::Join("`n", $frames.ToArray())) }
    return $said
}

function Test-JobWatch {
    # Looks now and then whether a job that says nothing is alive, and has one that is not undone.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Watch)

    $Watch.Quiet++
    if ($Watch.Quiet % 8 -ne 1) { return }
    if ($null -ne $Watch.Repair -and -not $Watch.Repair.Handle.IsCompleted) { return }
    if (Test-JobDead -Key $Watch.Key) { $Watch.Repair = Start-AgentWork -Context $Context -Function 'Repair-AgentJob' -Argument $Watch.Key }
}
