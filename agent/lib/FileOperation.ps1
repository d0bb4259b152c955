# Operations on files and disks that Windows refuses for seconds, because another process has the file open: Hyper-V after a virtual
# machine was stopped or removed, a virus scanner after a file was written, a backup, or another session of the agent.
# Every delete, replacement and move of the agent goes through this file.

# How long an operation is repeated while the file is in use, how long while access is denied, and how often, in milliseconds. Access
# is denied for a moment to a file whose deletion is pending, and for good where a right is missing.
$script:AgentBusyMilliseconds = 60000
$script:AgentDeniedMilliseconds = 15000
$script:AgentRetryMilliseconds = 250

# The same for reading a file of the agent, which its writer replaces at once.
$script:AgentReadMilliseconds = 5000

function Invoke-FileOperation {
    <#
    .SYNOPSIS
    Runs Action and returns its output. Repeats it while another process has the file open, up to a limit.
    .DESCRIPTION
    Action must leave no trace when it fails. With a job, one event reports what the job waits for. With Cancellable, the wait ends
    when the job is cancelled: not for use in a rollback.
    #>
    param(
        [Parameter(Mandatory)] [string] $Path,
        [Parameter(Mandatory)] [scriptblock] $Action,
        [AllowNull()] $Context = $null,
        [AllowNull()] $Job = $null,
        [switch] $Cancellable,
        [int] $Limit = $script:AgentBusyMilliseconds
    )

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $reported = $false
    while ($true) {
        try {
            return & $Action
        } catch {
            $busy = Get-BusyLimit -ErrorRecord $_
            if ($watch.ElapsedMilliseconds -ge [System.Math]::Min($busy, $Limit)) { throw }
            if (-not $reported -and $null -ne $Job) {
                $reported = $true
                Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'file_wait' -Values @{ path = $Path; reason = (Get-FailureMessage -ErrorRecord $_) }
            }
        }
        if ($Cancellable) { Assert-JobNotCancelled -Context $Context -Job $Job }
        Start-Sleep -Milliseconds $script:AgentRetryMilliseconds
    }
}

function Get-BusyLimit {
    # Returns how long an operation that failed is repeated, in milliseconds: 0 when the file is not in use.
    param([Parameter(Mandatory)] $ErrorRecord)

    # Get-VHD: category ResourceBusy, "ObjectInUse,Microsoft.Vhd.PowerShell.Cmdlets.GetVHD"
    # (https://github.com/taliesins/terraform-provider-hyperv/issues/121).
    if ($ErrorRecord.CategoryInfo.Category -eq [System.Management.Automation.ErrorCategory]::ResourceBusy -or $ErrorRecord.FullyQualifiedErrorId -match '^(ObjectInUse|ResourceBusy)(,|\z)') {
        return $script:AgentBusyMilliseconds
    }
    # A cmdlet that is refused for a missing right is refused again.
    if ($null -ne (Get-AccessText -ErrorRecord $ErrorRecord)) { return 0 }
    $cause = $ErrorRecord.Exception
    while ($null -ne $cause) {
        # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_DIR_NOT_EMPTY (the deletion of a file in it is pending),
        # ERROR_DELETE_PENDING, and the three errors of ReplaceFile that can be repeated. Hyper-V's cmdlets have the number only in their text.
        if (@(-2147024864, -2147024863, -2147024751, -2147024593, -2147023721, -2147023720, -2147023719) -contains $cause.HResult -or $cause.Message -match '\(0x8007002[01]\)') {
            return $script:AgentBusyMilliseconds
        }
        if ($cause -is [System.UnauthorizedAccessException]) { return $script:AgentDeniedMilliseconds }
        $cause = $cause.InnerException
    }
    return 0
}

function Test-FileBusy {
    # Reports whether an operation failed because another process has the file open.
    param([Parameter(Mandatory)] $ErrorRecord)

    return (Get-BusyLimit -ErrorRecord $ErrorRecord) -gt 0
}

function Get-DiskDetail {
    # Returns the result of Get-VHD for a disk in Disk, or nothing there when it cannot be read; in Busy the reason when another process
    # has it open.
    param([Parameter(Mandatory)] [string] $Path, [int] $Limit = $script:AgentDeniedMilliseconds)

    $detail = @{ Disk = $null; Busy = '' }
    if (-not [System.IO.File]::Exists($Path)) { return $detail }
    $disk = $Path
    try {
        $detail.Disk = Invoke-FileOperation -Path $disk -Limit $Limit -Action { Get-VHD -Path $disk -ErrorAction Stop } | Select-Object -First 1
    } catch {
        # Other errors: not a virtual hard disk, or a broken one.
        if (Test-FileBusy -ErrorRecord $_) { $detail.Busy = Get-FailureMessage -ErrorRecord $_ }
    }
    return $detail
}

function Remove-HostFile {
    # Deletes a file, which need not exist.
    param([Parameter(Mandatory)] [string] $Path, [AllowNull()] $Context = $null, [AllowNull()] $Job = $null, [int] $Limit = $script:AgentBusyMilliseconds)

    $file = $Path
    Invoke-FileOperation -Path $file -Context $Context -Job $Job -Limit $Limit -Action { if ([System.IO.File]::Exists($file)) { [System.IO.File]::Delete($file) } }
}

function New-HostFile {
    # Creates a file and returns its stream. One that is there is of a process that died, or a link, through which nothing is written.
    param([Parameter(Mandatory)] [string] $Path)

    $file = $Path
    Invoke-FileOperation -Path $file -Action {
        [System.IO.File]::Delete($file)
        [System.IO.File]::Open($file, [System.IO.FileMode]::CreateNew, [System.IO.FileAccess]::Write, [System.IO.FileShare]::None)
    }
}

function Remove-OwnFile {
    # Deletes a file in the folder of a job, which need not exist. Throws when the way to it leads through a link, at each attempt.
    param(
        [Parameter(Mandatory)] [string] $Folder,
        [Parameter(Mandatory)] [string] $Path,
        [AllowNull()] $Context = $null,
        [AllowNull()] $Job = $null,
        [int] $Limit = $script:AgentBusyMilliseconds
    )

    $root = $Folder
    $file = $Path
    Invoke-FileOperation -Path $file -Context $Context -Job $Job -Limit $Limit -Action {
        Assert-NoJobLink -Folder $root -Path $file
        if ([System.IO.File]::Exists($file)) { [System.IO.File]::Delete($file) }
    }
}

function Move-HostFile {
    # Moves a file in place of another, atomically where that exists.
    param([Parameter(Mandatory)] [string] $From, [Parameter(Mandatory)] [string] $To)

    Invoke-FileOperation -Path $To -Action {
        if ([System.IO.File]::Exists($To)) {
            [System.IO.File]::Replace($From, $To, [System.Management.Automation.Language.NullString]::Value)
        } else {
            [System.IO.File]::Move($From, $To)
        }
    }
}

function Rename-HostFile {
    # Renames a file. Fails at once where the new name exists.
    param([Parameter(Mandatory)] [string] $From, [Parameter(Mandatory)] [string] $To, [AllowNull()] $Context = $null, [AllowNull()] $Job = $null)

    $source = $From
    $target = $To
    Invoke-FileOperation -Path $source -Context $Context -Job $Job -Action { [System.IO.File]::Move($source, $target) }
}

function Move-HostFolder {
    # Renames a folder. Fails at once where the new name exists.
    param([Parameter(Mandatory)] [string] $From, [Parameter(Mandatory)] [string] $To)

    Invoke-FileOperation -Path $From -Action {
        if ([System.IO.Directory]::Exists($To)) { throw (New-AgentError -MessageId 'folder_exists' -Values @{ folder = $To }) }
        [System.IO.Directory]::Move($From, $To)
    }
}

function Remove-HostFolder {
    # Deletes an empty folder, or with Recurse a folder with its content.
    param([Parameter(Mandatory)] [string] $Path, [switch] $Recurse, [AllowNull()] $Context = $null, [AllowNull()] $Job = $null, [int] $Limit = $script:AgentBusyMilliseconds)

    $folder = $Path
    $all = $Recurse.IsPresent
    Invoke-FileOperation -Path $folder -Context $Context -Job $Job -Limit $Limit -Action { if ([System.IO.Directory]::Exists($folder)) { [System.IO.Directory]::Delete($folder, $all) } }
}
