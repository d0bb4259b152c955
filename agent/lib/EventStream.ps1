# The event stream of a session: it sends the events that worker processes append to the event files of watched jobs.

function Add-JobWatch {
    # Watches a job: its events after a sequence number are sent from now on.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [int] $After)

    $context = $Session.Context
    [System.Threading.Monitor]::Enter($context.Watches.SyncRoot)
    try {
        $context.Watches[$Key] = @{ Key = $Key; After = $After; Line = 0; Position = [long]0; IdlePolls = 0; Repair = $null }
    } finally {
        [System.Threading.Monitor]::Exit($context.Watches.SyncRoot)
    }
    if (-not $Session.Following) {
        $Session.Following = $true
        $null = Start-AgentWork -Context $context -Function 'Invoke-EventStream' -Argument @{}
    }
    $null = $context.Wake.Set()
}

function Get-JobWatch {
    # Returns the watched jobs. Call it within @( ).
    param([Parameter(Mandatory)] $Context)

    [System.Threading.Monitor]::Enter($Context.Watches.SyncRoot)
    try { @($Context.Watches.Values) } finally { [System.Threading.Monitor]::Exit($Context.Watches.SyncRoot) }
}

function Invoke-EventStream {
    <#
    .SYNOPSIS
    Sends the events of the watched jobs until the session closes and all of them have ended.
    #>
    param([Parameter(Mandatory)] $Context, [AllowNull()] $Argument)

    while ($true) {
        $watches = @(Get-JobWatch -Context $Context)
        if ($watches.Count -eq 0) {
            if ($Context.Closing) { return }
            $null = $Context.Wake.WaitOne(1000)
            continue
        }
        foreach ($watch in $watches) {
            try {
                $sent = Send-JobEvent -Context $Context -Watch $watch
                if ($sent -eq 'result') { Remove-JobWatch -Context $Context -Watch $watch }
                if ($sent -eq 'nothing') { Test-WatchedJob -Context $Context -Watch $watch }
            } catch {
                # An error of one job must not stop the events of others.
                [System.Console]::Error.WriteLine("job $($watch.Key): $($_.Exception.Message)")
                Remove-JobWatch -Context $Context -Watch $watch
            }
        }
        # Events of 100 ms are sent together: the client spends a WinRM request on each piece of output.
        $null = $Context.Wake.WaitOne(100)
    }
}

function Remove-JobWatch {
    # Ends the watch of a job, unless a newer watch has replaced it.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Watch)

    [System.Threading.Monitor]::Enter($Context.Watches.SyncRoot)
    try {
        if ([object]::ReferenceEquals($Context.Watches[$Watch.Key], $Watch)) { $Context.Watches.Remove($Watch.Key) }
    } finally {
        [System.Threading.Monitor]::Exit($Context.Watches.SyncRoot)
    }
}

function Send-JobEvent {
    # Sends the new complete lines of an event file. Returns what they contain: nothing, events, or result.
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
    $Watch.IdlePolls = 0
    $sent = 'events'
    $frames = New-Object -TypeName System.Collections.ArrayList
    foreach ($line in [System.Text.Encoding]::UTF8.GetString($bytes, 0, $end).Split([char]10)) {
        $Watch.Line++
        if ($Watch.Line -gt $Watch.After) { $null = $frames.Add((ConvertTo-AgentFrame -Context $Context -Text $line)) }
        if (Test-ResultEvent -Line $line) { $sent = 'result' }
    }
    if ($frames.Count -gt 0) { Write-AgentLine -Context $Context -Line ([string]::Join("`n", $frames.ToArray())) }
    return $sent
}

function Test-WatchedJob {
    # Checks about once a second whether a job without new events is orphaned, and starts its repair if so.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Watch)

    $Watch.IdlePolls++
    if ($Watch.IdlePolls % 8 -ne 1) { return }
    if ($null -ne $Watch.Repair -and -not $Watch.Repair.Handle.IsCompleted) { return }
    if (Test-JobOrphaned -Key $Watch.Key) { $Watch.Repair = Start-AgentWork -Context $Context -Function 'Repair-OrphanedJob' -Argument $Watch.Key }
}
