# The worker process: it runs one job and writes the job's events to its folder.

function Start-AgentWorker {
    <#
    .SYNOPSIS
    Runs the job with an id in this process. The job arrives through a named pipe. Agent is the name of the installed agent.
    Notice is the text of the job's first event, which says how this process was started; empty: as usual.
    #>
    param([Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string] $Pipe, [Parameter(Mandatory)] [string] $Agent, [string] $Notice = '')

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    Import-AgentModule
    $worker = @{ Alive = $null; Events = $null; Job = $null; Received = $false }
    try {
        $worker.Alive = Lock-WorkerJob -Key $Id
        $context = Receive-AgentJob -Worker $worker -Key $Id -Pipe $Pipe -Agent $Agent
        if ($Notice) { Write-JobEvent -Context $context -Job $worker.Job -Kind 'log' -Message $Notice }
        Invoke-JobInSlot -Context $context -Job $worker.Job
    } catch {
        Write-WorkerReport -Key $Id -Worker $worker -ErrorRecord $_
        throw
    } finally {
        if ($null -ne $worker.Events) { $worker.Events.Dispose() }
        if ($null -ne $worker.Alive) { $worker.Alive.Dispose() }
    }
}

function Lock-WorkerJob {
    # Returns the open file that marks a job as alive.
    param([Parameter(Mandatory)] [string] $Key)

    # A process that checks whether the job is alive has the file open for a moment.
    for ($attempt = 1; ; $attempt++) {
        $alive = Lock-File -Path (Get-JobFile -Key $Key -Name 'alive.lock')
        if ($null -ne $alive) { return $alive }
        if ($attempt -ge 100) { throw (New-AgentError -MessageId 'worker_running' -Values @{ job = $Key }) }
        Start-Sleep -Milliseconds 20
    }
}

function Receive-AgentJob {
    # Receives the job through the pipe and confirms it. Stores it in Worker, and returns its context.
    param([Parameter(Mandatory)] $Worker, [Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [string] $Pipe, [Parameter(Mandatory)] [string] $Agent)

    $client = New-Object -TypeName System.IO.Pipes.NamedPipeClientStream -ArgumentList '.', $Pipe, ([System.IO.Pipes.PipeDirection]::InOut)
    try {
        $client.Connect($script:AgentHandoverMilliseconds)
        $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $client, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)
        $line = [string]$reader.ReadLine()
        $Worker.Received = $true
        $request = ConvertFrom-AgentJson -Text $line
        $Worker.Job = ConvertTo-AgentJob -Request $request -JobId (Get-AgentText -Value $request -Name 'job')
        $events = Open-JobEvent -Key $Key
        $Worker.Events = $events.Stream
        $context = New-JobContext -Key $Key -Agent $Agent
        $context.WorkerId = $PID
        $context.Events = $events.Stream
        Save-JobState -Context $context -Job $Worker.Job
        $client.Write([byte[]]@(1), 0, 1)
        $client.Flush()
        return $context
    } finally {
        $client.Dispose()
    }
}

function Write-WorkerReport {
    # Writes the error that ends a worker process to the job's folder, from where a session reports it. The text of an error about a
    # request that is not understood may quote a secret, and is left out.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] $Worker, [Parameter(Mandatory)] $ErrorRecord)

    $text = Get-FailureMessage -ErrorRecord $ErrorRecord
    if ($null -ne $Worker.Job) {
        $text = Protect-JobText -Job $Worker.Job -Text $text
    } elseif ($Worker.Received) {
        $text = $ErrorRecord.Exception.GetBaseException().GetType().FullName
    }
    # The error itself follows: its report is an addition.
    try { Write-AtomicFile -Path (Get-JobFile -Key $Key -Name $script:AgentWorkerReportName) -Text $text } catch { $null = $_ }
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
