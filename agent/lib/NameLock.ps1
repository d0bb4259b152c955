# The lock of virtual machine names: a file in the data folder, which all accounts of the agent can open and no others.

# How long a job waits for another that is creating or renaming a virtual machine, in seconds, and how often it looks.
$script:AgentNameLockSeconds = 120
$script:AgentNameLockMilliseconds = 100

function Lock-VMName {
    <#
    .SYNOPSIS
    Locks virtual machine names for one job on this host, of all processes, so that no two jobs use the same name.
    .DESCRIPTION
    Hyper-V allows several virtual machines of one name. The caller checks the name and uses it while it holds the lock. The lock ends
    with its process. The wait ends when the job is cancelled.
    #>
    param([AllowNull()] $Context = $null, [AllowNull()] $Job = $null, [double] $Seconds = $script:AgentNameLockSeconds)

    Initialize-DataFolder
    $path = Get-DataFolder -Name 'names.lock'
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        try {
            $lock = Lock-File -Path $path
        } catch {
            if ($_.Exception.GetBaseException() -isnot [System.UnauthorizedAccessException]) { throw }
            throw (New-AgentError -MessageId 'name_lock_denied' -Values @{ path = $path; account = (Get-AgentAccount) })
        }
        if ($null -ne $lock) { break }
        if ($watch.Elapsed.TotalSeconds -ge $Seconds) {
            throw (New-AgentError -MessageId 'name_lock_timeout' -Values @{ seconds = $Seconds; path = $path; holder = (Get-NameLockHolder) })
        }
        if ($null -ne $Job) { Assert-JobNotCancelled -Context $Context -Job $Job }
        Start-Sleep -Milliseconds $script:AgentNameLockMilliseconds
    }
    $id = if ($null -ne $Job) { $Job.Id } else { '-' }
    Set-NameLockHolder -Text (Get-AgentMessage -Id 'name_lock_holder' -Values @{ job = $id; process = $PID; account = (Get-AgentAccount) }).Message
    return $lock
}

function Unlock-VMName {
    # Releases the lock of Lock-VMName.
    param([Parameter(Mandatory)] $Lock)

    Set-NameLockHolder -Text ''
    $Lock.Dispose()
}

function Set-NameLockHolder {
    # Records who has the lock, in another file: the lock itself cannot be read while it is held.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Text)

    try {
        $stream = Open-SharedFile -Path (Get-DataFolder -Name 'names.txt') -Mode Create -Access Write
        $bytes = (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false).GetBytes($Text)
        try { $stream.Write($bytes, 0, $bytes.Length) } finally { $stream.Dispose() }
    } catch {
        $null = $_ # The text is only for the error of a job that waits in vain.
    }
}

function Get-NameLockHolder {
    # Returns who has the lock, as text.
    try { $text = (Read-SharedFile -Path (Get-DataFolder -Name 'names.txt')).Trim() } catch { $text = '' }
    if ($text) { return $text }
    return (Get-AgentMessage -Id 'name_lock_unknown').Message
}
