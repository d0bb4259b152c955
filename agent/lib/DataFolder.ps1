# The data folder on the host: the installed agents, and a folder for each job that outlives the job's processes.

$script:AgentMainName = 'agent.ps1'
$script:AgentWorkerReportName = 'worker-error.txt'

function Get-DataFolder {
    # Returns the path of a folder or file in the data folder.
    param([Parameter(Mandatory)] [string] $Name)

    $root = [System.Environment]::GetEnvironmentVariable('ProgramData')
    if ($root) { return [System.IO.Path]::Combine($root, 'hypervvm', $Name) }
    return [System.IO.Path]::Combine([System.Environment]::GetEnvironmentVariable('HOME'), '.hypervvm', $Name)
}

function Lock-File {
    # Opens a file exclusively and returns its stream; returns nothing when another process has it open, or Mode does not apply.
    param(
        [Parameter(Mandatory)] [string] $Path,
        [System.IO.FileMode] $Mode = [System.IO.FileMode]::OpenOrCreate,
        [System.IO.FileOptions] $Options = [System.IO.FileOptions]::None
    )

    try {
        return New-Object -TypeName System.IO.FileStream -ArgumentList $Path, $Mode, ([System.IO.FileAccess]::ReadWrite), ([System.IO.FileShare]::None), 4096, $Options
    } catch {
        if ($_.Exception.GetBaseException() -isnot [System.IO.IOException]) { throw }
        return $null
    }
}

function Open-SharedFile {
    # Opens a file that other processes may write, replace and delete at the same time.
    param([Parameter(Mandatory)] [string] $Path, [System.IO.FileMode] $Mode = [System.IO.FileMode]::Open, [System.IO.FileAccess] $Access = [System.IO.FileAccess]::Read)

    return [System.IO.File]::Open($Path, $Mode, $Access, ([System.IO.FileShare]::ReadWrite -bor [System.IO.FileShare]::Delete))
}

function Read-SharedFile {
    # Returns the text of a file that may be in use.
    param([Parameter(Mandatory)] [string] $Path)

    $file = $Path
    $stream = Invoke-FileOperation -Path $file -Limit $script:AgentReadMilliseconds -Action { Open-SharedFile -Path $file }
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false)
    try { return $reader.ReadToEnd() } finally { $reader.Dispose() }
}

function Write-AtomicFile {
    # Writes a file atomically: to a temporary file, which is flushed to the disk and then renamed.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $Text)

    $new = $Path + '.new'
    $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text)
    $stream = New-HostFile -Path $new
    try {
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Flush($true)
    } finally {
        $stream.Dispose()
    }
    Move-HostFile -From $new -To $Path
}

function Get-JobFolder {
    # Returns the path of a job's folder.
    param([Parameter(Mandatory)] [string] $Key)

    return [System.IO.Path]::Combine((Get-DataFolder -Name 'jobs'), $Key)
}

function Get-JobFile {
    # Returns the path of one of a job's files: claim, alive.lock, state.json, events.ndjson, cancel or worker-error.txt.
    param([Parameter(Mandatory)] [string] $Key, [Parameter(Mandatory)] [string] $Name)

    return [System.IO.Path]::Combine((Get-JobFolder -Key $Key), $Name)
}

function Test-JobKnown {
    # Reports whether the host knows a job.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Key)

    return $Key -ne '' -and [System.IO.File]::Exists((Get-JobFile -Key $Key -Name 'claim'))
}

function New-JobClaim {
    # Claims a job's id for this process. Returns the open claim file, whose lock marks the job as alive until its worker process
    # has its own lock; returns nothing when the job is already known.
    param([Parameter(Mandatory)] [string] $Key)

    Initialize-DataFolder
    $null = [System.IO.Directory]::CreateDirectory((Get-JobFolder -Key $Key))
    $claim = Lock-File -Path (Get-JobFile -Key $Key -Name 'claim') -Mode ([System.IO.FileMode]::CreateNew)
    if ($null -eq $claim -and -not (Test-JobKnown -Key $Key)) {
        throw (New-AgentError -MessageId 'job_folder_not_writable' -Values @{ job = $Key })
    }
    return $claim
}

function Get-JobKey {
    # Returns the keys of all jobs on the host, oldest first. Call it within @( ).
    $root = Get-DataFolder -Name 'jobs'
    if (-not [System.IO.Directory]::Exists($root)) { return }
    @([System.IO.Directory]::GetDirectories($root) | Where-Object -FilterScript { [System.IO.File]::Exists([System.IO.Path]::Combine($_, 'claim')) } |
            Sort-Object -Property @{ Expression = { [System.IO.File]::GetCreationTimeUtc([System.IO.Path]::Combine($_, 'claim')) } }, @{ Expression = { $_ } } |
            ForEach-Object -Process { [System.IO.Path]::GetFileName($_) })
}
