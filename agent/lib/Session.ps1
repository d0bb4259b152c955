# The session: it reads requests and writes answers and events. The loop that reads never waits for the host: queries run in
# runspaces, and jobs in worker processes.

function Start-AgentSession {
    <#
    .SYNOPSIS
    Serves requests from Reader until its end, then follows the watched jobs until they have ended.
    .DESCRIPTION
    Bundle is the text of the agent, which each runspace loads, and which is installed on the host for worker processes.
    #>
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
    # One runspace follows the jobs; the others serve queries.
    $context.Pool = [runspacefactory]::CreateRunspacePool(1, 7)
    $context.Pool.Open()
    try {
        while ($null -ne ($line = $Reader.ReadLine())) {
            if ($line.Trim() -ne '') { Invoke-AgentLine -Session $session -Line $line.Trim() }
            Clear-CompletedWork -Context $context
        }
        $context.Closing = $true
        $null = $context.Wake.Set()
        while ($context.Work.Count -gt 0) { Clear-CompletedWork -Context $context -Wait }
    } finally {
        $context.Pool.Dispose()
    }
}

function Invoke-AgentLine {
    # Serves the requests of one line: one request, or a JSON array of several. Immediate answers to several requests are
    # written together, which saves round trips.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] [string] $Line)

    $context = $Session.Context
    # The agent's text, which the client sends again after a lost connection.
    if ($Line.StartsWith('text|')) { return }
    try {
        if ($Line.StartsWith('[')) {
            $texts = @(Split-JsonList -Text $Line)
            if ($texts.Count -eq 0) { throw (New-AgentError -MessageId 'json_not_object') }
        } elseif ($Line.StartsWith('{')) {
            $texts = @($Line)
        } else {
            $texts = @(Expand-AgentText -Text $Line)
        }
    } catch {
        Write-AgentAnswer -Context $context -Id '' -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
        return
    }
    $context.Buffered = $texts.Count -gt 1
    try {
        foreach ($text in $texts) { Invoke-AgentRequest -Session $Session -Text $text }
    } finally {
        $context.Buffered = $false
        Send-AgentOutput -Context $context
    }
}

function Invoke-AgentRequest {
    # Serves one request, of which Text is the JSON.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] [string] $Text)

    $context = $Session.Context
    $id = ''
    try {
        $request = ConvertFrom-AgentJson -Text $Text
        $id = Get-AgentText -Value $request -Name 'id'
        $name = Get-AgentText -Value $request -Name 'request'
        switch -CaseSensitive ($name) {
            'ping' { Write-AgentAnswer -Context $context -Id $id -Result ([ordered]@{ working = @(Get-AgentWorkId -Context $context) }) }
            'hello' {
                # Waits: hello loads the Hyper-V module and types that runspaces share, and two runspaces cannot always load them at once.
                $null = (Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request).Handle.AsyncWaitHandle.WaitOne()
                $null = Start-AgentWork -Context $context -Function 'Invoke-AgentCleanup' -Argument @{}
            }
            'install' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'inventory' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'check' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'jobs' { $null = Start-AgentWork -Context $context -Function 'Invoke-AgentQuery' -Argument $request }
            'submit' { Submit-AgentJob -Session $Session -Request $request -Text $Text }
            'attach' { Connect-AgentJob -Session $Session -Request $request }
            'cancel' { Stop-AgentJob -Context $context -Request $request }
            default { throw (New-AgentError -MessageId 'request_unknown' -Values @{ version = $script:AgentVersion; request = $name }) }
        }
    } catch {
        Write-AgentAnswer -Context $context -Id $id -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
    }
}

function Start-AgentWork {
    # Runs a function of the agent in a runspace, with the session's context and one argument. Returns its asynchronous handle.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [string] $Function, [Parameter(Mandatory)] $Argument)

    $shell = [powershell]::Create()
    $shell.RunspacePool = $Context.Pool
    $null = $shell.AddScript(@'
param($Context, $Function, $Argument)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
if ($null -eq (Get-Command -Name $Function -CommandType Function -ErrorAction SilentlyContinue)) {
    foreach ($part in $Context.Bundle.Split([char]12)) { . ([scriptblock]::Create($part)) }
    Import-AgentModule -Lock $Context.LoadLock
    if ('Invoke-EventStream', 'Start-JobWorker' -notcontains $Function) { Import-AgentModule -Name 'Hyper-V' -Lock $Context.LoadLock }
}
& $Function -Context $Context -Argument $Argument
'@).AddArgument($Context).AddArgument($Function).AddArgument($Argument)
    $work = @{ Id = $(if ($Function -eq 'Invoke-AgentQuery') { Get-AgentText -Value $Argument -Name 'id' } else { '' }); Shell = $shell; Handle = $shell.BeginInvoke() }
    $null = $Context.Work.Add($work)
    return $work
}

function Get-AgentWorkId {
    # Returns the ids of the requests that are not answered yet. A query writes its answer before it completes: the client asks again
    # for an answer that it does not have and that is not listed here.
    param([Parameter(Mandatory)] $Context)

    foreach ($work in $Context.Work.ToArray()) {
        if ($work.Id -ne '' -and -not $work.Handle.IsCompleted) { $work.Id }
    }
}

function Clear-CompletedWork {
    # Disposes of completed work; with Wait, of all work once it is complete.
    param([Parameter(Mandatory)] $Context, [switch] $Wait)

    foreach ($work in $Context.Work.ToArray()) {
        if (-not $Wait -and -not $work.Handle.IsCompleted) { continue }
        # Each function answers for its own errors; anything else goes to standard error, which the client logs.
        try { $null = $work.Shell.EndInvoke($work.Handle) } catch { [System.Console]::Error.WriteLine($_.Exception.Message) }
        $work.Shell.Dispose()
        $Context.Work.Remove($work)
    }
}

function Invoke-AgentQuery {
    # Serves a query and writes its answer.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    $id = Get-AgentText -Value $Argument -Name 'id'
    try {
        $result = switch (Get-AgentText -Value $Argument -Name 'request') {
            'hello' {
                # Best effort, so that the next session need not send the agent's text. Request install reports the error.
                try { $null = Invoke-AgentInstall -Context $Context } catch { $null = $_ }
                Get-AgentHello -Context $Context -Request $Argument
            }
            'install' { Invoke-AgentInstall -Context $Context }
            'inventory' {
                $wanted = @(Get-AgentTextList -Value $Argument -Name 'vms')
                switch (Get-AgentText -Value $Argument -Name 'part') {
                    'switches' { Get-AgentSwitchList }
                    'disk' { [ordered]@{ disk = (Get-AgentDisk -Path (Get-AgentText -Value $Argument -Name 'path')) } }
                    'checkpoints' { Get-AgentCheckpointList -Id ([string]($wanted | Select-Object -First 1)) }
                    default { Get-AgentInventory -Settings (Get-AgentProperty -Value $Argument -Name 'settings') -Wanted $wanted }
                }
            }
            'jobs' { Get-AgentJobList }
            'check' { Get-AgentCheck -Context $Context -Request $Argument }
        }
        Write-AgentAnswer -Context $Context -Id $id -Result $result
    } catch {
        Write-AgentAnswer -Context $Context -Id $id -Failure (ConvertTo-AgentFailure -ErrorRecord $_)
    }
}

function Submit-AgentJob {
    <#
    .SYNOPSIS
    Accepts a job, or attaches to a known one: the same id never runs twice.
    #>
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] $Request, [Parameter(Mandatory)] [string] $Text)

    $context = $Session.Context
    $id = Get-AgentText -Value $Request -Name 'id'
    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    if (-not $key) { throw (New-AgentError -MessageId 'guid_invalid' -Values @{ name = 'job' }) }
    $claim = $null
    if (-not (Test-JobKnown -Key $key)) {
        $job = ConvertTo-AgentJob -Request $Request -JobId $jobId # throws when the request is invalid
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
        # The worker reads one line. In JSON, line ends are only between tokens.
        $line = $Text.Replace("`r", ' ').Replace("`n", ' ')
        $null = Start-AgentWork -Context $context -Function 'Start-JobWorker' -Argument @{ Key = $key; Text = $line; Claim = $claim }
    }
    Add-JobWatch -Session $Session -Key $key -After $after
}

function ConvertTo-AgentJob {
    # Returns the job of a submit request.
    param([Parameter(Mandatory)] $Request, [Parameter(Mandatory)] [string] $JobId)

    $definition = ConvertTo-JobDefinition -Value (Get-AgentProperty -Value $Request -Name 'definition')
    $vmId = Get-AgentGuid -Text (Get-AgentText -Value $Request -Name 'vm_id')
    if ('provision', 'image', 'disk', 'switch' -contains $definition.Operation) {
        $vmId = ''
    } elseif (-not $vmId) {
        throw (New-AgentError -MessageId 'guid_invalid' -Values @{ name = 'vm_id' })
    }
    return New-AgentJob -Id $JobId -Definition $definition -VMId $vmId `
        -Changed @(Get-AgentTextList -Value $Request -Name 'changed') `
        -SecretNames @(Get-AgentTextList -Value $Request -Name 'secrets') `
        -AllowPowerCycle ((Get-AgentProperty -Value $Request -Name 'allow_power_cycle') -eq $true) `
        -Settings (Get-AgentProperty -Value $Request -Name 'settings')
}

function Connect-AgentJob {
    # Serves request attach: sends the job's events after a sequence number, and then the new ones as they occur.
    param([Parameter(Mandatory)] $Session, [Parameter(Mandatory)] $Request)

    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    if (-not (Test-JobKnown -Key $key)) { throw (New-AgentError -MessageId 'job_unknown' -Values @{ job = $jobId }) }
    Write-AgentAnswer -Context $Session.Context -Id (Get-AgentText -Value $Request -Name 'id') -Result ([ordered]@{ job = $jobId; known = $true })
    Add-JobWatch -Session $Session -Key $key -After ([int](Get-AgentProperty -Value $Request -Name 'after'))
}

function Stop-AgentJob {
    # Serves request cancel: marks the job as cancelled. Its worker process checks the mark at each step.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $jobId = Get-AgentText -Value $Request -Name 'job'
    $key = Get-AgentGuid -Text $jobId
    $known = Test-JobKnown -Key $key
    if ($known) { (Open-SharedFile -Path (Get-JobFile -Key $key -Name 'cancel') -Mode OpenOrCreate -Access Write).Dispose() }
    Write-AgentAnswer -Context $Context -Id (Get-AgentText -Value $Request -Name 'id') -Result ([ordered]@{ job = $jobId; known = $known })
}
