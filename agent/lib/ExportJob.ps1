# Export jobs: a copy of a virtual machine, with its disks and checkpoints, in a folder on the host that Import-VM can read.
# https://learn.microsoft.com/powershell/module/hyper-v/export-vm

# The values of export_live_state, and those of Export-VM.
$script:AgentExportLiveStates = [ordered]@{
    saved            = 'CaptureSavedState'
    crash_consistent = 'CaptureCrashConsistentState'
    data_consistent  = 'CaptureDataConsistentState'
}

# How often a running export is looked at, in milliseconds, and how long Hyper-V may take to end one that is stopped, in seconds.
$script:AgentExportPollMilliseconds = 500
$script:AgentExportStopSeconds = 120

function Invoke-ExportJob {
    <#
    .SYNOPSIS
    Runs the steps of an export job.
    .DESCRIPTION
    Export-VM writes to a folder of this job, which is renamed at the end: a folder with the name of the virtual machine is complete, and
    what a failed job removes is its own.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $plan = Enter-PreflightStep -Context $Context -Job $Job -Plan { Get-ExportPlan -Job $Job }
    Enter-JobStep -Context $Context -Job $Job -Name 'export' -MessageId 'step_export' -Values @{ folder = $plan.Target }
    $Job.Journal.Folder = $plan.Folder
    Save-JobState -Context $Context -Job $Job
    $null = [System.IO.Directory]::CreateDirectory($plan.Folder)
    $arguments = @{ VM = $plan.VM; Path = $plan.Folder; AsJob = $true }
    $live = $Job.Fields['export_live_state']
    if ($live) { $arguments['CaptureLiveState'] = $script:AgentExportLiveStates[$live] }
    Wait-ExportTask -Context $Context -Job $Job -Task (Export-VM @arguments)
    # Its folder is named after the virtual machine.
    $made = [System.IO.Directory]::GetDirectories($plan.Folder)
    if ($made.Length -ne 1) { throw (New-AgentError -MessageId 'export_failed' -Values @{ reason = "$($plan.Folder): $($made.Length)" }) }
    Assert-JobNotCancelled -Context $Context -Job $Job
    Move-HostFolder -From $made[0] -To $plan.Target
    $Job.Committed = $true
    $Job.Journal.Done = $true # the export is complete, also if this process dies now
    Save-JobState -Context $Context -Job $Job
    try {
        Remove-HostFolder -Path $plan.Folder
    } catch {
        $item = (Get-AgentMessage -Id 'item_folder' -Values @{ folder = $plan.Folder }).Message
        Add-JobLeftover -Context $Context -Job $Job -Item $item -Reason (Get-FailureMessage -ErrorRecord $_)
    }
    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'exported' -Values @{ vm = $plan.VM.Name; folder = $plan.Target }
}

function Get-ExportPlan {
    # Finds the virtual machine, and checks the target.
    param([Parameter(Mandatory)] $Job)

    $vm = Get-HostVM -Machine (Get-AgentHost) -Id $Job.VMId
    Assert-NoFinding -Findings @(Get-ExportFinding -VM $vm -Fields $Job.Fields)
    $Job.Steps += 'export'
    $target = Get-CanonicalPath -Path $Job.Fields['export_path']
    $folder = [System.IO.Path]::Combine($target, 'hypervvm-' + $Job.Id)
    if ([System.IO.Directory]::Exists($folder)) { throw (New-AgentError -MessageId 'folder_exists' -Values @{ folder = $folder }) }
    return @{ VM = $vm; Folder = $folder; Target = [System.IO.Path]::Combine($target, $vm.Name) }
}

function Get-ExportFinding {
    # Returns what prevents the export of a virtual machine. Warn adds findings that may no longer apply when a job starts.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Fields, [switch] $Warn)

    $field = 'export_path'
    $folder = Get-CanonicalPath -Path $Fields[$field]
    if (-not $folder) { return } # a check without it
    if (-not (Test-FileName -Value $VM.Name)) {
        New-JobFinding -Field $field -MessageId 'export_name_invalid' -Values @{ vm = $VM.Name }
        return
    }
    $found = @(Get-ShareFinding -Field $field -Folder $folder) + @(Get-PathFinding -Field $field -Path $folder -Folder)
    if ($found.Count -gt 0) { return $found }
    if (-not [System.IO.Directory]::Exists($folder)) {
        New-JobFinding -Field $field -MessageId 'export_folder_missing' -Values @{ folder = $folder }
        return
    }
    $target = [System.IO.Path]::Combine($folder, $VM.Name)
    if ([System.IO.Directory]::Exists($target) -or [System.IO.File]::Exists($target)) {
        New-JobFinding -Field $field -MessageId 'export_exists' -Values @{ folder = $target }
        return
    }
    $item = (Get-AgentMessage -Id 'item_export' -Values @{ vm = $VM.Name }).Message
    Get-FreeSpaceFinding -Needs @(@{ Field = $field; Item = $item; Bytes = (Get-ExportSize -VM $VM) }) -Target $folder -Warn:$Warn
}

function Get-ExportSize {
    # Returns the size of the disks of a virtual machine with all their parents, which are exported too.
    param([Parameter(Mandatory)] $VM)

    $size = [long]0
    $files = @(foreach ($drive in @(Get-VMHardDiskDrive -VM $VM)) { Get-DiskChain -Path $drive.Path })
    foreach ($file in @($files | Sort-Object -Unique)) {
        if ([System.IO.File]::Exists($file)) { $size += (New-Object -TypeName System.IO.FileInfo -ArgumentList $file).Length }
    }
    return $size
}

function Wait-ExportTask {
    <#
    .SYNOPSIS
    Waits for an export, with progress events. Throws when it fails, and when the job is cancelled, after Hyper-V has ended it.
    .DESCRIPTION
    Task is the result of Export-VM -AsJob: a job of PowerShell with State, Progress and Error.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Task)

    $shown = 0
    try {
        while (Test-ExportRunning -Task $Task) {
            Assert-JobNotCancelled -Context $Context -Job $Job
            $percent = 0
            foreach ($record in @($Task.Progress)) { if ($null -ne $record) { $percent = [int]$record.PercentComplete } }
            if ($percent -gt $shown) {
                $shown = $percent
                Write-JobEvent -Context $Context -Job $Job -Kind 'progress' -Detail ([ordered]@{ percent = $percent }) -MessageId 'export_progress'
            }
            Start-Sleep -Milliseconds $script:AgentExportPollMilliseconds
        }
    } catch {
        Stop-ExportTask -Task $Task
        throw
    }
    if ([string]$Task.State -eq 'Completed') { return }
    $reason = [string]$Task.State
    foreach ($record in @($Task.Error)) { if ($null -ne $record) { $reason = [string]$record } }
    throw (New-AgentError -MessageId 'export_failed' -Values @{ reason = $reason })
}

function Test-ExportRunning {
    # Reports whether an export has not ended.
    param([Parameter(Mandatory)] $Task)

    return 'NotStarted', 'Running', 'Stopping' -contains [string]$Task.State
}

function Stop-ExportTask {
    # Stops an export, and waits until Hyper-V has ended it, but not longer than the limit: what it still writes is then left.
    param([Parameter(Mandatory)] $Task)

    try { $Task.StopJob() } catch { $null = $_ } # it may have ended since
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ((Test-ExportRunning -Task $Task) -and $watch.Elapsed.TotalSeconds -lt $script:AgentExportStopSeconds) {
        Start-Sleep -Milliseconds $script:AgentExportPollMilliseconds
    }
}

function Undo-JobExport {
    # Removes the folder of an export that is not complete.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $folder = $Job.Journal.Folder
    if ($Job.Operation -ne 'export' -or -not $folder -or -not [System.IO.Directory]::Exists($folder)) { return }
    $item = (Get-AgentMessage -Id 'item_folder' -Values @{ folder = $folder }).Message
    $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'folder_removed' -Values @{ folder = $folder } -Item $item -Action {
        Assert-NoJobLink -Folder $folder
        Remove-HostFolder -Path $folder -Recurse
    }
}

function Get-FolderRequirement {
    # The value must be the full path of a folder: on Windows, with a drive or a share.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    $start = if ([System.IO.Path]::DirectorySeparatorChar -eq '\') { '^([A-Za-z]:[\\/]|\\\\[^\\/?.])' } else { '^/' }
    if ($Value -is [string] -and $Value.Length -le 200 -and $Value -match $start -and $Value -notmatch '[\x00-\x1f\x7f"<>|*?]') { return '' }
    return (Get-AgentMessage -Id 'requirement_folder').Message
}
