# Starting a job's worker: a process outside the shell, and so outside of what ends with it.

# For how many milliseconds a worker and who starts it wait for each other.
$script:AgentHandOver = 120000

function Get-AgentHash {
    # Gives the SHA-256 of bytes as 64 lower-case hexadecimal digits.
    param([Parameter(Mandatory)] [byte[]] $Bytes)

    $hash = New-Object -TypeName System.Security.Cryptography.SHA256CryptoServiceProvider
    return [System.BitConverter]::ToString($hash.ComputeHash($Bytes)).Replace('-', '').ToLowerInvariant()
}

function Get-AgentName {
    # Gives what this agent is called on the host: its version, and the beginning of the SHA-256 of its text.
    param([Parameter(Mandatory)] [string] $Hash)

    return $script:AgentVersion + '-' + $Hash.Substring(0, 16)
}

function Test-AgentInstalled {
    # Tells whether this agent has its folder on the host.
    param([Parameter(Mandatory)] $Context)

    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Context.Bundle)
    return [System.IO.Directory]::Exists([System.IO.Path]::Combine((Get-AgentDataFolder -Name 'agent'), (Get-AgentName -Hash (Get-AgentHash -Bytes $bytes))))
}

function Get-AgentInstallation {
    # Puts this agent on the host where it is missing, for a client that wants to know that before it submits a job.
    param([Parameter(Mandatory)] $Context)

    [System.Threading.Monitor]::Enter($Context.Gate)
    try {
        $was = Test-AgentInstalled -Context $Context
        $null = Install-Agent -Context $Context
        return [ordered]@{ version = $Context.Agent; was = $was }
    } finally {
        [System.Threading.Monitor]::Exit($Context.Gate)
    }
}

function Install-Agent {
    # Gives the folder of this agent on the host. It is put there whole where it is missing; one that is there is only compared.
    param([Parameter(Mandatory)] $Context)

    Initialize-AgentData
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Context.Bundle)
    $hash = Get-AgentHash -Bytes $bytes
    $root = Get-AgentDataFolder -Name 'agent'
    $Context.Agent = Get-AgentName -Hash $hash
    $folder = [System.IO.Path]::Combine($root, $Context.Agent)
    if (-not [System.IO.Directory]::Exists($folder)) {
        $new = [System.IO.Path]::Combine($root, 'new-' + [guid]::NewGuid().ToString('N'))
        $null = [System.IO.Directory]::CreateDirectory($new)
        [System.IO.File]::WriteAllBytes([System.IO.Path]::Combine($new, $script:AgentMainName), $bytes)
        [System.IO.File]::WriteAllText([System.IO.Path]::Combine($new, $script:AgentWorkerName), $script:AgentWorkerText)
        try {
            [System.IO.Directory]::Move($new, $folder)
        } catch {
            [System.IO.Directory]::Delete($new, $true)
            if (-not [System.IO.Directory]::Exists($folder)) { throw }
        }
    }
    $main = [System.IO.Path]::Combine($folder, $script:AgentMainName)
    $worker = [System.IO.Path]::Combine($folder, $script:AgentWorkerName)
    if (-not [System.IO.File]::Exists($main) -or (Get-AgentHash -Bytes ([System.IO.File]::ReadAllBytes($main))) -cne $hash -or
        -not [System.IO.File]::Exists($worker) -or [System.IO.File]::ReadAllText($worker) -cne $script:AgentWorkerText) {
        throw (New-AgentError -Code 'host_not_ready' -Message "the agent installed in $folder is not as it was written" `
                -Remedy 'find out what changed it, and remove the folder')
    }
    # Its age is since it was last used.
    try { [System.IO.Directory]::SetLastWriteTimeUtc($folder, [System.DateTime]::UtcNow) } catch { $null = $_ }
    return $folder
}

function Remove-OldAgent {
    # Removes what no session has used for a day and no job uses.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Used)

    $root = Get-AgentDataFolder -Name 'agent'
    if (-not [System.IO.Directory]::Exists($root)) { return }
    foreach ($folder in [System.IO.Directory]::GetDirectories($root)) {
        $name = [System.IO.Path]::GetFileName($folder)
        if ($name -eq $Context.Agent -or $Used -contains $name) { continue }
        if ([System.IO.Directory]::GetLastWriteTimeUtc($folder) -gt [System.DateTime]::UtcNow.AddDays(-1)) { continue }
        try { [System.IO.Directory]::Delete($folder, $true) } catch { $null = $_ } # the next session tries again
    }
}

function Start-JobWorker {
    # Starts the worker of a job and hands the job to it. Argument holds Key, Request and the open Claim, which says that the
    # job is alive until the worker does.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument)

    $pipe = $null
    try {
        $name = 'hv' + [guid]::NewGuid().ToString('N')
        $pipe = New-JobPipe -Name $name
        [System.Threading.Monitor]::Enter($Context.Gate)
        try {
            $line = '"{0}" -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "{1}" -Job {2} -Pipe {3}' -f
            [System.IO.Path]::Combine($PSHOME, 'powershell.exe'),
            [System.IO.Path]::Combine((Install-Agent -Context $Context), $script:AgentWorkerName), $Argument.Key, $name
            $started = Invoke-CimMethod -Namespace 'root/cimv2' -ClassName 'Win32_Process' -MethodName 'Create' -Arguments @{ CommandLine = $line }
        } finally {
            [System.Threading.Monitor]::Exit($Context.Gate)
        }
        if ($started.ReturnValue -ne 0) { throw "Win32_Process.Create gave $($started.ReturnValue)" }
        Send-JobRequest -Pipe $pipe -ProcessId ([int]$started.ProcessId) -Request $Argument.Request
    } catch {
        Stop-UnstartedJob -Context $Context -Argument $Argument -ErrorRecord $_
    } finally {
        if ($null -ne $pipe) { $pipe.Dispose() }
        $Argument.Claim.Dispose()
    }
}

function New-JobPipe {
    # Gives the pipe that a job is handed over by. Only the user who runs this process can open it.
    param([Parameter(Mandatory)] [string] $Name)

    $direction = [System.IO.Pipes.PipeDirection]::InOut
    $mode = [System.IO.Pipes.PipeTransmissionMode]::Byte
    if ($PSVersionTable.PSEdition -eq 'Core') {
        # CurrentUserOnly, for which .NET Framework has no name: there, it is said by a list of who may.
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
    # Gives a job's definition to its worker, and returns when the worker answers for the job.
    param([Parameter(Mandatory)] $Pipe, [Parameter(Mandatory)] [int] $ProcessId, [Parameter(Mandatory)] $Request)

    Wait-JobWorker -Task $Pipe.WaitForConnectionAsync() -ProcessId $ProcessId
    $text = (ConvertTo-Json -InputObject $Request -Depth 64 -Compress) + "`n"
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($text)
    $Pipe.Write($bytes, 0, $bytes.Length)
    $Pipe.Flush()
    $taken = New-Object -TypeName byte[] -ArgumentList 1
    $reading = $Pipe.ReadAsync($taken, 0, 1)
    Wait-JobWorker -Task $reading -ProcessId $ProcessId
    if ($reading.Result -ne 1) { throw 'it ended before it took its job' }
}

function Wait-JobWorker {
    # Waits for something that a worker is to do.
    param([Parameter(Mandatory)] [System.Threading.Tasks.Task] $Task, [Parameter(Mandatory)] [int] $ProcessId)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not $Task.Wait(1000)) {
        if ($null -eq (Get-Process -Id $ProcessId -ErrorAction SilentlyContinue)) { throw 'it ended before it took its job' }
        if ($watch.ElapsedMilliseconds -gt $script:AgentHandOver) { throw 'it did not take its job in two minutes' }
    }
}

function Stop-UnstartedJob {
    # Ends a job whose worker could not be started, unless the worker has it after all.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Argument, [Parameter(Mandatory)] $ErrorRecord)

    $key = $Argument.Key
    $alive = Lock-AgentFile -Path (Get-JobFile -Key $key -Name 'alive.lock')
    if ($null -eq $alive) { return }
    try {
        $failure = ConvertTo-AgentFailure -ErrorRecord $ErrorRecord -Code 'host_not_ready'
        $failure['message'] = "the job's process could not be started on the host: " + $failure['message']
        $job = ConvertFrom-JobState -State (Read-JobState -Key $key)
        $job.VMId = '' # nothing was touched
        Complete-StoredJob -Context $Context -Key $key -Job $job -Failure $failure
    } finally {
        $alive.Dispose()
    }
}
