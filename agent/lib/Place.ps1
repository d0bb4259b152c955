# The places for jobs that run at once, shared by all sessions on the host: files that a running worker holds open.

# How many jobs run at once; more wait for a place.
$script:AgentMaxJobs = 4

function Enter-JobPlace {
    # Waits for a place and gives the open file that holds it. The oldest job comes first.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $queue = Get-AgentDataFolder -Name 'queue'
    $places = Get-AgentDataFolder -Name 'places'
    $null = [System.IO.Directory]::CreateDirectory($queue)
    $null = [System.IO.Directory]::CreateDirectory($places)
    $age = [System.IO.File]::GetCreationTimeUtc((Get-JobFile -Key $Context.Key -Name 'claim')).Ticks
    $ticket = [System.IO.Path]::Combine($queue, $age.ToString('d19', [System.Globalization.CultureInfo]::InvariantCulture) + '-' + $Context.Key)
    $held = $null
    try {
        for ($round = 1; ; $round++) {
            Assert-JobGoesOn -Context $Context -Job $Job
            # Another job may be looking just now whether it is held.
            if ($null -eq $held) { $held = Lock-AgentFile -Path $ticket -Options ([System.IO.FileOptions]::DeleteOnClose) }
            $before = Measure-JobBefore -Queue $queue -Ticket $ticket
            if ($before -eq 0) {
                for ($number = 1; $number -le $script:AgentMaxJobs; $number++) {
                    $place = Lock-AgentFile -Path ([System.IO.Path]::Combine($places, "$number.lock"))
                    if ($null -ne $place) { return $place }
                }
            }
            # Not at once: those before it may only be on their way to places that are free.
            if ($round -eq 10) { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "waiting for a free place: $before before it" }
            Start-Sleep -Milliseconds 50
        }
    } finally {
        if ($null -ne $held) { $held.Dispose() }
    }
}

function Measure-JobBefore {
    # Counts the older jobs that wait. What one that died has left is removed.
    param([Parameter(Mandatory)] [string] $Queue, [Parameter(Mandatory)] [string] $Ticket)

    $count = 0
    foreach ($other in [System.IO.Directory]::GetFiles($Queue)) {
        if ([string]::CompareOrdinal($other, $Ticket) -ge 0) { continue }
        $held = $null
        try { $held = Lock-AgentFile -Path $other -Mode Open -Options ([System.IO.FileOptions]::DeleteOnClose) } catch { continue } # on its way out
        if ($null -ne $held) {
            $held.Dispose()
        } elseif ([System.IO.File]::Exists($other)) {
            $count++
        }
    }
    return $count
}
