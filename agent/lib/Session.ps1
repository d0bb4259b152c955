# The session: requests in, answers and events out. The loop that reads never waits for the host: what takes time runs in a
# runspace of its own, and jobs in processes of their own.

function Start-AgentSession {
    # Serves requests from Reader until its end, then follows its jobs to theirs. Bundle is the text of the agent, for the runspaces.
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
        Context   = New-AgentContext -Token $Token -Writer $writer -Bundle $Bundle
        Following = $false
    }
    $context = $session.Context
    # One follows the jobs; the others serve what takes time.
    $context.Pool = [runspacefactory]::CreateRunspacePool(1, 7)
    $context.Pool.Open()
    try {
        while ($null -ne ($line = $Reader.ReadLine())) {
            if ($line.Trim() -ne '') { Invoke-AgentLine -Session $session -Line $line.Trim() }
            Clear-AgentWork -Context $context
        }
        $context.Done = $true
        $null = $context.Wake.Set()
        while ($context.Work.Count -gt 0) { Clear-AgentWork -Context $context -Wait }
    } finally {
        $context.Pool.Dispose()
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
                $null = (Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request).Handle.AsyncWaitHandle.WaitOne()
                $null = Start-AgentWork -Context $context -Function 'Invoke-AgentSweep' -Argument @{}
            }
            'install' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'inventory' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'check' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'jobs' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'submit' { Submit-AgentJob -Session $Session -Request $request }
            'attach' { Join-AgentJob -Session $Session -Request $request }
            'cancel' { Stop-AgentJob -Context $context -Request $request }
            default { throw (New-AgentError -Code 'unknown_request' -Message "'$name' is not a request that agent $($script:AgentVersion) knows") }
        }
    } catch {
        Write-AgentAnswer -Context $context -Id $id -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
    }
}

function Start-AgentWork {
    # Runs a function of the agent in a runspace, with the session's context and one argument. Gives what tells of its end.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [string] $Function, [Parameter(Mandatory)] $Argument)

    $shell = [powershell]::Create()
    $shell.RunspacePool = $Context.Pool
    $null = $shell.AddScript(@'
param($Context, $Function, $Argument)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if ($null -eq (Get-Command -Name $Function -CommandType Function -ErrorAction SilentlyContinue)) { . ([scriptblock]::Create($Context.Bundle)) }
& $Function -Context $Context -Argument $Argument
'@).AddArgument($Context).AddArgument($Function).AddArgument($Argument)
    $work = @{ Shell = $shell; Handle = $shell.BeginInvoke() }
    $null = $Context.Work.Add($work)
    return $work
}

function Clear-AgentWork {
    # Lets go of work that has ended; with Wait, once all has.
    param([Parameter(Mandatory)] $Context, [switch] $Wait)

    foreach ($work in $Context.Work.ToArray()) {
        if (-not $Wait -and -not $work.Handle.IsCompleted) { continue }
        # Each function answers for its own errors; what comes through here is only for the log.
        try { $null = $work.Shell.EndInvoke($work.Handle) } catch { [System.Console]::Error.WriteLine($_.Exception.Message) }
        $work.Shell.Dispose()
        $Context.Work.Remove($work)
    }
}

function Invoke-AgentQuery {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    $id = Get-AgentText -Value $Argument -Name 'id'
    try {
        $result = switch (Get-AgentText -Value $Argument -Name 'request') {
            'hello' { Get-AgentHello -Context $Context -Request $Argument }
            'install' { Get-AgentInstallation -Context $Context }
            'inventory' { Get-AgentInventory -Settings (Get-AgentProperty -Value $Argument -Name 'settings') }
            'jobs' { Get-AgentJobList }
            'check' { Get-AgentCheck -Context $Context -Request $Argument }
        }
        Write-AgentAnswer -Context $Context -Id $id -Result $result
    } catch {
        Write-AgentAnswer -Context $Context -Id $id -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
    }
}

function Submit-AgentJob {
    # Takes a job on, or follows one that is known: the same id never runs twice.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] $Request)

    $context = $Session.Context
    $id = Get-AgentText -Value $Request -Name 'id'
    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    if (-not $key) { throw (New-AgentError -Code 'bad_request' -Message 'job must be a GUID') }
    $claim = $null
    if (-not (Test-JobKnown -Key $key)) {
        $job = ConvertTo-AgentJob -Request $Request -JobId $jobId # or an error
        $claim = New-JobClaim -Key $key
    }
    $after = 0
    if ($null -eq $claim) {
        $after = [int](Get-AgentProperty -Value $Request -Name 'after')
    } else {
        Save-JobState -Context (New-JobContext -Key $key -Agent $context.Agent) -Job $job
    }
    Write-AgentAnswer -Context $context -Id $id -Result ([ordered]@{ job = $jobId; known = ($null -eq $claim) })
    if ($null -ne $claim) {
        $null = Start-AgentWork -Context $context -Function 'Start-JobWorker' -Argument @{ Key = $key; Request = $Request; Claim = $claim }
    }
    Watch-AgentJob -Session $Session -Key $key -After $after
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

function Join-AgentJob {
    # Sends what a job has said beyond a number; all that it says from now on comes by itself.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] $Request)

    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    if (-not (Test-JobKnown -Key $key)) { throw (New-AgentError -Code 'job_unknown' -Message "job $jobId is not known here") }
    Write-AgentAnswer -Context $Session.Context -Id (Get-AgentText -Value $Request -Name 'id') -Result ([ordered]@{ job = $jobId; known = $true })
    Watch-AgentJob -Session $Session -Key $key -After ([int](Get-AgentProperty -Value $Request -Name 'after'))
}

function Stop-AgentJob {
    # Tells a job to stop. Its worker sees that at its next step.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    $known = Test-JobKnown -Key $key
    if ($known) { (Open-SharedFile -Path (Get-JobFile -Key $key -Name 'cancel') -Mode OpenOrCreate -Access Write).Dispose() }
    Write-AgentAnswer -Context $Context -Id (Get-AgentText -Value $Request -Name 'id') -Result ([ordered]@{ job = $jobId; known = $known })
}
