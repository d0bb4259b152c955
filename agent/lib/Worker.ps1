# The worker: the process that does one job, and says what it does in the job's folder.

function Start-AgentWorker {
    # Does the job of an id, which it gets from the pipe of a name.
    param([Parameter(Mandatory)] [string] $Id, [Parameter(Mandatory)] [string] $Pipe)

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    $alive = $null
    # Whoever looks whether the job is alive has the file open for a moment.
    for ($attempt = 1; $null -eq $alive; $attempt++) {
        $alive = Lock-AgentFile -Path (Get-JobFile -Key $Id -Name 'alive.lock')
        if ($null -eq $alive) {
            if ($attempt -ge 100) { throw "job $Id has a worker already" }
            Start-Sleep -Milliseconds 20
        }
    }
    $events = $null
    try {
        $client = New-Object -TypeName System.IO.Pipes.NamedPipeClientStream -ArgumentList '.', $Pipe, ([System.IO.Pipes.PipeDirection]::InOut)
        try {
            $client.Connect($script:AgentHandOver)
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
        Invoke-JobInPlace -Context $context -Job $job
    } finally {
        if ($null -ne $events) { $events.Stream.Dispose() }
        $alive.Dispose()
    }
}

function Invoke-JobInPlace {
    # Does a job once there is a place for it.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    try {
        $place = Enter-JobPlace -Context $Context -Job $Job
    } catch {
        $Job.VMId = '' # nothing was touched: no need to look at the host
        Complete-AgentJob -Context $Context -Job $Job -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
        return
    }
    try {
        Invoke-AgentJob -Context $Context -Job $Job
    } finally {
        $place.Dispose()
    }
}
