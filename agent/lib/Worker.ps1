# The worker process: it runs one job and writes the job's events to its folder.

function Start-AgentWorker {
    <#
    .SYNOPSIS
    Runs the job with an id in this process. The job arrives through a named pipe.
    #>
    param([Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string] $Pipe)

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    $alive = $null
    # A process that checks whether the job is alive has the file open for a moment.
    for ($attempt = 1; $null -eq $alive; $attempt++) {
        $alive = Lock-File -Path (Get-JobFile -Key $Id -Name 'alive.lock')
        if ($null -eq $alive) {
            if ($attempt -ge 100) { throw (New-AgentError -MessageId 'worker_running' -Values @{ job = $Id }) }
            Start-Sleep -Milliseconds 20
        }
    }
    $events = $null
    try {
        $client = New-Object -TypeName System.IO.Pipes.NamedPipeClientStream -ArgumentList '.', $Pipe, ([System.IO.Pipes.PipeDirection]::InOut)
        try {
            $client.Connect($script:AgentHandoverMilliseconds)
            $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $client, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)
            $request = ConvertFrom-AgentJson -Text ([string]$reader.ReadLine())
            $job = ConvertTo-AgentJob -Request $request -JobId (Get-AgentText -Value $request -Name 'job')
            $events = Open-JobEvent -Key $Id
            $context = New-JobContext -Key $Id -Agent ([System.IO.Path]::GetFileName($PSScriptRoot))
            $context.WorkerId = $PID
            $context.Events = $events.Stream
            Save-JobState -Context $context -Job $job
            $client.WriteByte(1)
            $client.Flush()
        } finally {
            $client.Dispose()
        }
        Invoke-JobInSlot -Context $context -Job $job
    } finally {
        if ($null -ne $events) { $events.Stream.Dispose() }
        $alive.Dispose()
    }
}

function Invoke-JobInSlot {
    # Runs a job as soon as a concurrency slot is free.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    try {
        $slot = Wait-JobSlot -Context $Context -Job $Job
    } catch {
        $Job.VMId = '' # the virtual machine was not changed, so the result need not contain it
        Complete-AgentJob -Context $Context -Job $Job -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
        return
    }
    try {
        Invoke-AgentJob -Context $Context -Job $Job
    } finally {
        $slot.Dispose()
    }
}
