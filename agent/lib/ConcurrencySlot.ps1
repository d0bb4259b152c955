# Concurrency slots, shared by all sessions on the host: files that running worker processes lock.

# The number of slots. Further jobs wait.
$script:AgentJobSlots = 4

function Wait-JobSlot {
    <#
    .SYNOPSIS
    Waits for a slot, oldest job first, and returns the open file that holds it.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $queue = Get-DataFolder -Name 'queue'
    $slots = Get-DataFolder -Name 'slots'
    Initialize-DataFolder
    $age = [System.IO.File]::GetCreationTimeUtc((Get-JobFile -Key $Context.Key -Name 'claim')).Ticks
    $ticket = [System.IO.Path]::Combine($queue, $age.ToString('d19', [System.Globalization.CultureInfo]::InvariantCulture) + '-' + $Context.Key)
    $held = $null
    try {
        for ($attempt = 1; ; $attempt++) {
            Assert-JobNotCancelled -Context $Context -Job $Job
            # Another job has the ticket open while it checks whether it is held.
            if ($null -eq $held) { $held = Lock-File -Path $ticket -Options ([System.IO.FileOptions]::DeleteOnClose) }
            $position = Get-JobQueuePosition -Queue $queue -Ticket $ticket
            if ($position -eq 0) {
                for ($number = 1; $number -le $script:AgentJobSlots; $number++) {
                    $slot = Lock-File -Path ([System.IO.Path]::Combine($slots, "$number.lock"))
                    if ($null -ne $slot) { return $slot }
                }
            }
            # Not at once: older jobs may be about to enter free slots.
            if ($attempt -eq 10) { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'queue_position' -Values @{ count = $position } }
            # A job far behind looks less often.
            Start-Sleep -Milliseconds ([System.Math]::Min(50 * [System.Math]::Max($position, 1), 1000))
        }
    } finally {
        if ($null -ne $held) { $held.Dispose() }
    }
}

function Get-JobQueuePosition {
    # Returns the number of older jobs that wait, and removes tickets that no process holds any more. It opens the older tickets only up
    # to the first that is held, so that many waiting jobs do not open each other's files all the time.
    param([Parameter(Mandatory)] [string] $Queue, [Parameter(Mandatory)] [string] $Ticket)

    $files = [System.IO.Directory]::GetFiles($Queue)
    [System.Array]::Sort($files, [System.StringComparer]::Ordinal)
    for ($index = 0; $index -lt $files.Length -and [string]::CompareOrdinal($files[$index], $Ticket) -lt 0; $index++) {
        $held = $null
        # A file in removal cannot be opened: UnauthorizedAccessException, until its last handle is closed.
        try { $held = Lock-File -Path $files[$index] -Mode Open -Options ([System.IO.FileOptions]::DeleteOnClose) } catch { continue }
        if ($null -ne $held) {
            $held.Dispose()
        } elseif ([System.IO.File]::Exists($files[$index])) {
            $older = $index + 1
            while ($older -lt $files.Length -and [string]::CompareOrdinal($files[$older], $Ticket) -lt 0) { $older++ }
            return $older - $index
        }
    }
    return 0
}
