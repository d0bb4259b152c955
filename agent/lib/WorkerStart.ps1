# Starting a job's worker process. The process is created outside the WinRM shell, so that it outlives the shell.

# How long a worker process and the process that starts it wait for each other, in milliseconds.
$script:AgentHandoverMilliseconds = 120000

function Get-AgentFolderName {
    # Returns the name of this agent's folder on the host: its version, and the first 16 digits of the SHA-256 of its text.
    param([Parameter(Mandatory)] [string] $Hash)

    return $script:AgentVersion + '-' + $Hash.Substring(0, 16)
}

function Get-AgentHash {
    # Returns the SHA-256 of this agent's text. It is computed once per session: the text has hundreds of kilobytes.
    param([Parameter(Mandatory)] $Context)

    if (-not $Context.BundleHash) {
        $Context.BundleHash = Get-Sha256Hash -Bytes ((New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Context.Bundle))
    }
    return $Context.BundleHash
}

function Test-AgentInstalled {
    # Reports whether this agent has a folder on the host.
    param([Parameter(Mandatory)] $Context)

    return [System.IO.Directory]::Exists([System.IO.Path]::Combine((Get-DataFolder -Name 'agent'), (Get-AgentFolderName -Hash (Get-AgentHash -Context $Context))))
}

function Invoke-AgentInstall {
    # Serves request install: installs this agent where it is missing.
    param([Parameter(Mandatory)] $Context)

    [System.Threading.Monitor]::Enter($Context.InstallLock)
    try {
        $was = Test-AgentInstalled -Context $Context
        $null = Install-Agent -Context $Context
        return [ordered]@{ version = $Context.Agent; was = $was }
    } finally {
        [System.Threading.Monitor]::Exit($Context.InstallLock)
    }
}

function Install-Agent {
    <#
    .SYNOPSIS
    Returns the folder of this agent on the host. Creates it when it is missing, and otherwise compares its files.
    #>
    param([Parameter(Mandatory)] $Context)

    Initialize-DataFolder
    $hash = Get-AgentHash -Context $Context
    $root = Get-DataFolder -Name 'agent'
    $Context.Agent = Get-AgentFolderName -Hash $hash
    $folder = [System.IO.Path]::Combine($root, $Context.Agent)
    if (-not [System.IO.Directory]::Exists($folder)) {
        $new = [System.IO.Path]::Combine($root, 'new-' + [guid]::NewGuid().ToString('N'))
        $null = [System.IO.Directory]::CreateDirectory($new)
        [System.IO.File]::WriteAllText([System.IO.Path]::Combine($new, $script:AgentMainName), $Context.Bundle) # UTF-8 without a byte order mark
        try {
            Move-HostFolder -From $new -To $folder
        } catch {
            Remove-HostFolder -Path $new -Recurse
            if (-not [System.IO.Directory]::Exists($folder)) { throw }
        }
    }
    Assert-DataFolder -Path $folder
    $main = [System.IO.Path]::Combine($folder, $script:AgentMainName)
    if (-not [System.IO.File]::Exists($main) -or (Get-Sha256Hash -Bytes ([System.IO.File]::ReadAllBytes($main))) -cne $hash) {
        throw (New-AgentError -MessageId 'agent_modified' -Values @{ folder = $folder })
    }
    # Touch: retention counts from the last use.
    try { [System.IO.Directory]::SetLastWriteTimeUtc($folder, [System.DateTime]::UtcNow) } catch { $null = $_ }
    return $folder
}

function Remove-OldAgent {
    # Removes agents that no session has used for a day and no job uses.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Used)

    $root = Get-DataFolder -Name 'agent'
    if (-not [System.IO.Directory]::Exists($root)) { return }
    foreach ($folder in [System.IO.Directory]::GetDirectories($root)) {
        $name = [System.IO.Path]::GetFileName($folder)
        if ($name -eq $Context.Agent -or $Used -contains $name) { continue }
        if ([System.IO.Directory]::GetLastWriteTimeUtc($folder) -gt [System.DateTime]::UtcNow.AddDays(-1)) { continue }
        try { Remove-HostFolder -Path $folder -Recurse -Limit 0 } catch { $null = $_ } # the next session retries
    }
}

function Start-JobWorker {
    <#
    .SYNOPSIS
    Starts the worker process of a job and sends it the job.
    .DESCRIPTION
    Argument contains Key, the Text of the request and the open Claim, whose lock marks the job as alive until the worker has its own.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    $pipe = $null
    $started = $null
    try {
        $name = 'hv' + [guid]::NewGuid().ToString('N')
        $pipe = New-JobPipe -Name $name
        [System.Threading.Monitor]::Enter($Context.InstallLock)
        try {
            $folder = Install-Agent -Context $Context
            $started = Start-WorkerProcess -Values @{
                main = [System.IO.Path]::Combine($folder, $script:AgentMainName); hash = Get-AgentHash -Context $Context
                report = Get-JobFile -Key $Argument.Key -Name $script:AgentWorkerReportName
                job = $Argument.Key; pipe = $name; agent = $Context.Agent; notice = ''
            }
        } finally {
            [System.Threading.Monitor]::Exit($Context.InstallLock)
        }
        Send-JobRequest -Pipe $pipe -ProcessId $started.ProcessId -Key $Argument.Key -Text $Argument.Text
    } catch {
        Complete-UnstartedJob -Context $Context -Argument $Argument -ErrorRecord $_
    } finally {
        if ($null -ne $started -and $started.Task) { Remove-WorkerTask -Name $started.Task }
        if ($null -ne $pipe) { $pipe.Dispose() }
        $Argument.Claim.Dispose()
    }
}

function New-JobPipe {
    # Returns the named pipe that a job is sent through. Only the user of this process can open it.
    param([Parameter(Mandatory)] [string] $Name)

    $direction = [System.IO.Pipes.PipeDirection]::InOut
    $mode = [System.IO.Pipes.PipeTransmissionMode]::Byte
    if ($PSVersionTable.PSEdition -eq 'Core') {
        # CurrentUserOnly, which .NET Framework does not have; an access control list does the same there.
        $options = [System.IO.Pipes.PipeOptions](536870912 -bor [int][System.IO.Pipes.PipeOptions]::Asynchronous)
        return New-Object -TypeName System.IO.Pipes.NamedPipeServerStream -ArgumentList $Name, $direction, 1, $mode, $options
    }
    $security = New-Object -TypeName System.IO.Pipes.PipeSecurity
    $security.AddAccessRule((New-Object -TypeName System.IO.Pipes.PipeAccessRule -ArgumentList `
            ([System.Security.Principal.WindowsIdentity]::GetCurrent().User), 'FullControl', 'Allow'))
    return New-Object -TypeName System.IO.Pipes.NamedPipeServerStream -ArgumentList $Name, $direction, 1, $mode,
    ([System.IO.Pipes.PipeOptions]::Asynchronous), 0, 0, $security
}

function Send-JobRequest {
    # Sends a job's request to its worker process, and returns when the worker confirms that the job is alive.
    param([Parameter(Mandatory)] $Pipe, [Parameter(Mandatory)] [int] $ProcessId, [Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [string] $Text)

    Wait-JobWorker -Task $Pipe.WaitForConnectionAsync() -ProcessId $ProcessId -Key $Key
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text + "`n")
    $Pipe.Write($bytes, 0, $bytes.Length)
    $Pipe.Flush()
    $confirmation = New-Object -TypeName byte[] -ArgumentList 1
    $reading = $Pipe.ReadAsync($confirmation, 0, 1)
    Wait-JobWorker -Task $reading -ProcessId $ProcessId -Key $Key
    if ($reading.Result -ne 1) { throw (New-WorkerError -Key $Key) }
}

function Wait-JobWorker {
    # Waits for a task that a worker process completes.
    param([Parameter(Mandatory)] [System.Threading.Tasks.Task] $Task, [Parameter(Mandatory)] [int] $ProcessId, [Parameter(Mandatory)] [string] $Key)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not $Task.Wait(1000)) {
        # The id of a process that a scheduled task started is not known, but its report is.
        $ended = if ($ProcessId) { $null -eq (Get-Process -Id $ProcessId -ErrorAction SilentlyContinue) } else { (Get-WorkerReport -Key $Key) -ne '' }
        if ($ended) { throw (New-WorkerError -Key $Key) }
        if ($watch.ElapsedMilliseconds -gt $script:AgentHandoverMilliseconds) {
            throw (New-AgentError -MessageId 'worker_timeout' -Values @{ seconds = $script:AgentHandoverMilliseconds / 1000 })
        }
    }
}

function New-WorkerError {
    # Returns the exception for a worker process that ended before it took its job, with the error that it reported.
    param([Parameter(Mandatory)] [string] $Key)

    $reason = Get-WorkerReport -Key $Key
    if ($reason) { return New-AgentError -MessageId 'worker_failed' -Values @{ reason = $reason } }
    return New-AgentError -MessageId 'worker_exited'
}

function Get-WorkerReport {
    # Returns the error that a worker process wrote to its job's folder, or an empty string.
    param([Parameter(Mandatory)] [string] $Key)

    $path = Get-JobFile -Key $Key -Name $script:AgentWorkerReportName
    if (-not [System.IO.File]::Exists($path)) { return '' }
    return (Read-SharedFile -Path $path).Trim()
}

function Complete-UnstartedJob {
    # Ends a job whose worker process could not be started, unless the worker has the job after all.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument, [Parameter(Mandatory)] $ErrorRecord)

    $key = $Argument.Key
    $alive = Lock-File -Path (Get-JobFile -Key $key -Name 'alive.lock')
    if ($null -eq $alive) { return }
    try {
        $failure = ConvertTo-AgentFailure -ErrorRecord $ErrorRecord -Code 'host_not_ready'
        $failure['message'] = (Get-AgentMessage -Id 'worker_not_started' -Values @{ reason = $failure['message'] }).Message
        $job = ConvertFrom-JobState -State (Read-JobState -Key $key)
        $job.VMId = '' # the virtual machine was not changed, so the result need not contain it
        Complete-StoredJob -Context $Context -Key $key -Job $job -Failure $failure
    } finally {
        $alive.Dispose()
    }
}
