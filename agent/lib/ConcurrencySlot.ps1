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
    $null = [System.IO.Directory]::CreateDirectory($queue)
    $null = [System.IO.Directory]::CreateDirectory($slots)
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
            Start-Sleep -Milliseconds 50
        }
    } finally {
        if ($null -ne $held) { $held.Dispose() }
    }
}

function Get-JobQueuePosition {
    # Returns the number of older jobs that wait. Removes tickets that no process holds any more.
    param([Parameter(Mandatory)] [string] $Queue, [Parameter(Mandatory)] [string] $Ticket)

    $count = 0
    foreach ($other in [System.IO.Directory]::GetFiles($Queue)) {
        if ([string]::CompareOrdinal($other, $Ticket) -ge 0) { continue }
        $held = $null
        try { $held = Lock-File -Path $other -Mode Open -Options ([System.IO.FileOptions]::DeleteOnClose) } catch { continue } # in removal
        if ($null -ne $held) {
            $held.Dispose()
        } elseif ([System.IO.File]::Exists($other)) {
            $count++
        }
    }
    return $count
}
