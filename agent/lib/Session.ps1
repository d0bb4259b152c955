# The session: requests in, answers and events out. The loop that reads never waits for the host: what takes time runs in a
# runspace of its own.

# How many jobs run at once; more wait for a place.
$script:AgentMaxJobs = 4

function Start-AgentSession {
    # Serves requests from Reader until its end, then lets the jobs that run finish. Bundle is the text of the agent, for the runspaces.
    param(
        [Parameter(Mandatory)] [string] $Token,
        [Parameter(Mandatory)] [System.IO.TextReader] $Reader,
        [Parameter(Mandatory)] [string] $Bundle
    )

    Set-StrictMode -Version Latest
    $ErrorActionPreference = 'Stop'
    $writer = New-Object -TypeName System.IO.StreamWriter -ArgumentList ([System.Console]::OpenStandardOutput()), (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false), 65536
    $writer.NewLine = "`n"
    $session = @{
        Context = New-AgentContext -Token $Token -Writer $writer -Bundle $Bundle
        Queries = [runspacefactory]::CreateRunspacePool(1, 4)
        Jobs    = [runspacefactory]::CreateRunspacePool(1, $script:AgentMaxJobs)
        Work    = New-Object -TypeName System.Collections.ArrayList
    }
    $session.Queries.Open()
    $session.Jobs.Open()
    try {
        while ($null -ne ($line = $Reader.ReadLine())) {
            if ($line.Trim() -ne '') { Invoke-AgentLine -Session $session -Line $line.Trim() }
            Clear-AgentWork -Session $session
        }
        Clear-AgentWork -Session $session -Wait
    } finally {
        $session.Queries.Dispose()
        $session.Jobs.Dispose()
    }
}

function Invoke-AgentLine {
    # Serves the requests of one line: one, or several as a JSON array. Those of several give what they can answer at once in
    # one piece, so that it takes one round trip.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] [string] $Line)

    $context = $Session.Context
    try {
        $text = $Line
        if ($text.StartsWith('[')) {
            $requests = @((ConvertFrom-AgentJson -Text ('{"list":' + $text + '}')).list)
            if ($requests.Count -eq 0) { throw (New-AgentError -Code 'bad_request' -Message 'the text is not a JSON object') }
        } else {
            if (-not $text.StartsWith('{')) { $text = Expand-AgentText -Text $text }
            $requests = ConvertFrom-AgentJson -Text $text
        }
    } catch {
        Write-AgentAnswer -Context $context -Id '' -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
        return
    }
    $context.Hold = @($requests).Count -gt 1
    try {
        foreach ($request in @($requests)) { Invoke-AgentRequest -Session $Session -Request $request }
    } finally {
        $context.Hold = $false
        Send-AgentOutput -Context $context
    }
}

function Invoke-AgentRequest {
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] [AllowNull()] $Request)

    $context = $Session.Context
    $id = ''
    try {
        if ($Request -isnot [System.Management.Automation.PSCustomObject]) {
            throw (New-AgentError -Code 'bad_request' -Message 'the text is not a JSON object')
        }
        $id = Get-AgentText -Value $request -Name 'id'
        $name = Get-AgentText -Value $request -Name 'request'
        switch -CaseSensitive ($name) {
            'ping' { Write-AgentAnswer -Context $context -Id $id -Result @{} }
            'hello' {
                # Waited for: it loads the module and what is shared by all runspaces, which PowerShell does not always bear in two at once.
                Start-AgentWork -Session $Session -Pool $Session.Queries -Function 'Invoke-AgentQuery' -Argument $request
                $null = $Session.Work[$Session.Work.Count - 1].Handle.AsyncWaitHandle.WaitOne()
            }
            'inventory' { Start-AgentWork -Session $Session -Pool $Session.Queries -Function 'Invoke-AgentQuery' -Argument $request }
            'check' { Start-AgentWork -Session $Session -Pool $Session.Queries -Function 'Invoke-AgentQuery' -Argument $request }
            'submit' { Submit-AgentJob -Session $Session -Request $request }
            'attach' { Watch-AgentJob -Context $context -Request $request }
            'cancel' { Stop-AgentJob -Context $context -Request $request }
            default { throw (New-AgentError -Code 'unknown_request' -Message "'$name' is not a request that agent $($script:AgentVersion) knows") }
        }
    } catch {
        Write-AgentAnswer -Context $context -Id $id -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
    }
}

function Start-AgentWork {
    # Runs a function of the agent in a runspace, with the session's context and one argument.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] $Pool, [Parameter(Mandatory)] [string] $Function, [Parameter(Mandatory)] $Argument)

    $shell = [powershell]::Create()
    $shell.RunspacePool = $Pool
    $null = $shell.AddScript(@'
param($Context, $Function, $Argument)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if ($null -eq (Get-Command -Name $Function -CommandType Function -ErrorAction SilentlyContinue)) { . ([scriptblock]::Create($Context.Bundle)) }
& $Function -Context $Context -Argument $Argument
'@).AddArgument($Session.Context).AddArgument($Function).AddArgument($Argument)
    $null = $Session.Work.Add(@{ Shell = $shell; Handle = $shell.BeginInvoke() })
}

function Clear-AgentWork {
    # Lets go of work that has ended; with Wait, once all has.
    param([Parameter(Mandatory)] $Session, [switch] $Wait)

    foreach ($work in $Session.Work.ToArray()) {
        if (-not $Wait -and -not $work.Handle.IsCompleted) { continue }
        # Each function answers for its own errors; what comes through here is only for the log.
        try { $null = $work.Shell.EndInvoke($work.Handle) } catch { [System.Console]::Error.WriteLine($_.Exception.Message) }
        $work.Shell.Dispose()
        $Session.Work.Remove($work)
    }
}

function Invoke-AgentQuery {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    $id = Get-AgentText -Value $Argument -Name 'id'
    try {
        $result = switch (Get-AgentText -Value $Argument -Name 'request') {
            'hello' { Get-AgentHello -Context $Context }
            'inventory' { Get-AgentInventory }
            'check' { Get-AgentCheck -Context $Context -Request $Argument }
        }
        Write-AgentAnswer -Context $Context -Id $id -Result $result
    } catch {
        Write-AgentAnswer -Context $Context -Id $id -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
    }
}

function Submit-AgentJob {
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] $Request)

    $context = $Session.Context
    $id = Get-AgentText -Value $Request -Name 'id'
    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    if (-not $key) { throw (New-AgentError -Code 'bad_request' -Message 'job must be a GUID') }
    if ($context.Jobs.ContainsKey($key)) {
        Write-AgentAnswer -Context $context -Id $id -Result ([ordered]@{ job = $jobId; known = $true })
        $after = Get-AgentProperty -Value $Request -Name 'after'
        Send-JobLine -Context $context -Job $context.Jobs[$key] -After ([int]$after)
        return
    }
    $job = ConvertTo-AgentJob -Request $Request -JobId $jobId
    $busy = @($context.Jobs.Values | Where-Object -FilterScript { $_.State -ne 'ended' }).Count
    $context.Jobs[$key] = $job
    Write-AgentAnswer -Context $context -Id $id -Result ([ordered]@{ job = $jobId; known = $false })
    if ($busy -ge $script:AgentMaxJobs) { Write-JobEvent -Context $context -Job $job -Kind 'log' -Message 'waiting for a free place' }
    Start-AgentWork -Session $Session -Pool $Session.Jobs -Function 'Invoke-AgentJob' -Argument $job
}

function ConvertTo-AgentJob {
    param([Parameter(Mandatory)] $Request, [Parameter(Mandatory)] [string] $JobId)

    $definition = ConvertTo-JobDefinition -Value (Get-AgentProperty -Value $Request -Name 'definition')
    $vmId = Get-AgentGuid -Text (Get-AgentText -Value $Request -Name 'vm_id')
    if ($definition.Operation -eq 'provision') {
        $vmId = ''
    } elseif (-not $vmId) {
        throw (New-AgentError -Code 'bad_request' -Message 'vm_id must be the GUID of a virtual machine')
    }
    return New-AgentJob -Id $JobId -Definition $definition -VMId $vmId `
        -Changed @(Get-AgentTextList -Value $Request -Name 'changed') `
        -SecretNames @(Get-AgentTextList -Value $Request -Name 'secrets') `
        -AllowPowerCycle ((Get-AgentProperty -Value $Request -Name 'allow_power_cycle') -eq $true) `
        -Settings (Get-AgentProperty -Value $Request -Name 'settings')
}

function Send-JobLine {
    # Sends the events of a job beyond a number once more.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [int] $After)

    [System.Threading.Monitor]::Enter($Job.Gate)
    try {
        for ($index = [System.Math]::Max($After, 0); $index -lt $Job.Lines.Count; $index++) {
            Write-AgentLine -Context $Context -Line $Job.Lines[$index]
        }
    } finally {
        [System.Threading.Monitor]::Exit($Job.Gate)
    }
}

function Watch-AgentJob {
    # Sends what a job has said beyond a number; all that it says from now on comes by itself.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $jobId = Get-AgentText -Value $Request -Name 'job'
    $job = $Context.Jobs[(Get-AgentGuid -Text $jobId)]
    if ($null -eq $job) { throw (New-AgentError -Code 'job_unknown' -Message "job $jobId is not known here") }
    Write-AgentAnswer -Context $Context -Id (Get-AgentText -Value $Request -Name 'id') -Result ([ordered]@{ job = $jobId; known = $true })
    Send-JobLine -Context $Context -Job $job -After ([int](Get-AgentProperty -Value $Request -Name 'after'))
}

function Stop-AgentJob {
    # Tells a job to stop. One that runs sees that at its next step; one that waits for a place ends here.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $jobId = Get-AgentText -Value $Request -Name 'job'
    $job = $Context.Jobs[(Get-AgentGuid -Text $jobId)]
    if ($null -ne $job) { $job.Cancel = $true }
    Write-AgentAnswer -Context $Context -Id (Get-AgentText -Value $Request -Name 'id') -Result ([ordered]@{ job = $jobId; known = ($null -ne $job) })
    if ($null -ne $job -and (Set-JobState -Job $job -From 'waiting' -To 'ended')) {
        $job.VMId = '' # nothing was touched: no need to look at the host from here
        Complete-AgentJob -Context $Context -Job $job -Failure ([ordered]@{ code = 'cancelled'; message = 'the job was cancelled' })
    }
}
