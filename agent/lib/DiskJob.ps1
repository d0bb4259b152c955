# Disk jobs: create, expand or delete one virtual hard disk that belongs to no virtual machine.

$script:AgentDiskActionNames = 'create', 'expand', 'remove'
$script:AgentVhdTypeNames = 'dynamic', 'fixed', 'differencing'

function Assert-DiskField {
    # Throws when the fields of a disk job do not name what to do.
    param([Parameter(Mandatory)] $Fields)

    $missing = ''
    $action = $Fields['disk_action']
    foreach ($name in 'disk_action', 'disk_path') { if (-not $missing -and -not $Fields.Contains($name)) { $missing = $name } }
    if (-not $missing -and $action -cne 'remove') {
        $differencing = $action -ceq 'create' -and $Fields['vhd_type'] -ceq 'differencing'
        $needed = if ($differencing) { 'parent_path' } else { 'disk_size_gb' }
        if (-not $Fields.Contains($needed)) { $missing = $needed }
    }
    if ($missing) { throw (New-AgentError -Field $missing -MessageId 'field_missing' -Values @{ field = $missing }) }
}

function Get-DiskPathRequirement {
    # Returns what the path of a virtual hard disk must be, or an empty string when it is valid. A checkpoint's disk belongs to its virtual machine.
    param([AllowNull()] [AllowEmptyString()] [AllowEmptyCollection()] $Value)

    if ($Value -is [string] -and $Value -match '\.vhdx?\z' -and $Value.Length -le 250 -and
        ([System.IO.Path]::IsPathRooted($Value) -or (Test-FileName -Value $Value))) { return '' }
    return (Get-AgentMessage -Id 'requirement_disk_path').Message
}

function Invoke-DiskJob {
    <#
    .SYNOPSIS
    Runs the steps of a disk job.
    #>
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $plan = Enter-PreflightStep -Context $Context -Job $Job -MessageId 'step_find_disk' -Values @{ path = [string]$Job.Fields['disk_path'] } -Plan {
        Get-DiskJobPlan -Job $Job
    }
    switch ($plan.Action) {
        'create' { New-JobDisk -Context $Context -Job $Job -Plan $plan }
        'expand' {
            Enter-JobStep -Context $Context -Job $Job -Name 'disk' -MessageId 'step_disk_expand' -Values @{
                path = $plan.Path; before = (Format-AgentSize -Bytes $plan.CurrentBytes); after = (Format-AgentSize -Bytes $plan.Bytes)
            }
            Resize-JobDisk -Context $Context -Job $Job -Path $plan.Path -Bytes $plan.Bytes -CurrentBytes $plan.CurrentBytes
        }
        'remove' {
            Enter-JobStep -Context $Context -Job $Job -Name 'disk' -MessageId 'step_disk_remove' -Values @{ path = $plan.Path }
            $Job.Committed = $true # it does not come back
            Remove-HostFile -Path $plan.Path -Context $Context -Job $Job
        }
        'absent' { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'disk_absent' -Values @{ path = $plan.Path } }
    }
    $Job.Disk = Get-AgentDisk -Path $plan.Path
}

function Get-DiskJobPlan {
    # Checks what a disk job is to do, and sets its steps. Action is none when the disk has the size already, and absent when there is none
    # to delete.
    param([Parameter(Mandatory)] $Job)

    $fields = $Job.Fields
    $path = Resolve-DiskPath -Path ([string]$fields['disk_path'])
    Assert-NoFinding -Findings @(Get-PathFinding -Field 'disk_path' -Path $path)
    $action = [string]$fields['disk_action']
    $plan = @{ Action = $action; Path = $path; Bytes = [long]0; CurrentBytes = [long]0; Parent = ''; Type = [string]$fields['vhd_type'] }
    if ($fields.Contains('disk_size_gb')) { $plan.Bytes = [long]$fields['disk_size_gb'] * 1GB }
    if (-not $plan.Type) { $plan.Type = 'dynamic' }
    $exists = [System.IO.File]::Exists($path)
    if ($action -eq 'create') {
        if ($exists) { throw (New-AgentError -Field 'disk_path' -MessageId 'disk_exists' -Values @{ path = $path }) }
        Assert-DiskTarget -Job $Job -Plan $plan
    } elseif ($action -eq 'remove') {
        if (-not $exists) { $plan.Action = 'absent' } else { Assert-DiskUnused -Path $path }
    } else {
        $plan.CurrentBytes = [long](Get-ReadableDisk -Path $path -Field 'disk_path').Size
        if (Test-DiskShrink -Bytes $plan.Bytes -CurrentBytes $plan.CurrentBytes) {
            Assert-NoFinding -Findings @(New-SizeFinding -Field 'disk_size_gb' -Name 'size_gb' -Item $path -Size $plan.CurrentBytes)
        }
        # A disk that a virtual machine uses itself can grow; below another one it must not change.
        if ($null -eq (Find-DiskUser -Path $path -ExceptId '')) { Assert-DiskUnused -Path $path }
        if ($plan.Bytes -le $plan.CurrentBytes) { $plan.Action = 'none' }
    }
    if ('absent', 'none' -notcontains $plan.Action) { $Job.Steps += 'disk' }
    return $plan
}

function Resolve-DiskPath {
    # Returns the full path of a disk. The name of a file is one in the host's folder for virtual hard disks.
    param([Parameter(Mandatory)] [string] $Path)

    $machine = Get-AgentHost
    if (-not [System.IO.Path]::IsPathRooted($Path)) { $Path = [System.IO.Path]::Combine($machine.VirtualHardDiskPath, $Path) }
    return Get-CanonicalPath -Path $Path
}

function Get-ReadableDisk {
    # Returns the result of Get-VHD for a disk. Throws when there is none, or it cannot be read.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Field)

    if (-not [System.IO.File]::Exists($Path)) { throw (New-AgentError -Field $Field -MessageId 'disk_missing' -Values @{ path = $Path }) }
    $detail = Get-DiskDetail -Path $Path
    if ($detail.Busy) { throw (New-AgentError -Field $Field -MessageId 'disk_in_use' -Values @{ path = $Path; reason = $detail.Busy }) }
    if ($null -eq $detail.Disk) { throw (New-AgentError -Field $Field -MessageId 'disk_unreadable' -Values @{ path = $Path }) }
    return $detail.Disk
}

function Assert-DiskTarget {
    # Throws when a disk cannot be created: its folder or its parent is missing, or the volume is full.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $folder = [System.IO.Path]::GetDirectoryName($Plan.Path)
    if (-not [System.IO.Directory]::Exists($folder)) { throw (New-AgentError -Field 'disk_path' -MessageId 'disk_folder_missing' -Values @{ folder = $folder }) }
    $bytes = $script:AgentDiskOverhead
    if ($Plan.Type -eq 'fixed') { $bytes += $Plan.Bytes }
    if ($Plan.Type -eq 'differencing') {
        $Plan.Parent = Resolve-DiskPath -Path ([string]$Job.Fields['parent_path'])
        Assert-NoFinding -Findings @(Get-PathFinding -Field 'parent_path' -Path $Plan.Parent)
        $Plan.Bytes = [long](Get-ReadableDisk -Path $Plan.Parent -Field 'parent_path').Size
        $user = Find-DiskUser -Path $Plan.Parent -ExceptId ''
        if ($null -ne $user) { throw (New-AgentError -Field 'parent_path' -MessageId 'disk_parent_used' -Values @{ path = $Plan.Parent; vm = $user.Name }) }
    }
    Assert-NoFinding -Findings @(Get-FreeSpaceFinding -Needs @(@{ Field = 'disk_size_gb'; Item = $Plan.Path; Bytes = $bytes }) -Target $folder)
}

function Assert-DiskUnused {
    # Throws when a virtual machine uses a disk, itself or below another disk, or when that is not certain.
    param([Parameter(Mandatory)] [string] $Path)

    $use = Get-DiskUsage -Disk @() -Own @($Path)
    if ($use.ContainsKey($Path)) { throw (New-AgentError -Field 'disk_path' -MessageId 'disk_attached' -Values @{ path = $Path; reason = $use[$Path] }) }
}

function New-JobDisk {
    # Creates the disk of a disk job, which is recorded in the journal first.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan)

    $path = $Plan.Path
    Enter-JobStep -Context $Context -Job $Job -Name 'disk' -MessageId 'step_disk_create' -Values @{
        path = $path; type = $Plan.Type; size = (Format-AgentSize -Bytes $Plan.Bytes)
    }
    $null = $Job.Journal.Files.Add($path)
    Save-JobState -Context $Context -Job $Job
    try {
        switch ($Plan.Type) {
            'fixed' { $null = New-VHD -Path $path -Fixed -SizeBytes $Plan.Bytes }
            'differencing' { $null = New-VHD -Path $path -ParentPath $Plan.Parent -Differencing }
            default { $null = New-VHD -Path $path -Dynamic -SizeBytes $Plan.Bytes }
        }
    } catch {
        # The file exists (ERROR_FILE_EXISTS), so it does not belong to the job and must not be undone.
        if ($_.Exception.Message.Contains('(0x80070050)')) {
            $Job.Journal.Files.Clear()
            Save-JobState -Context $Context -Job $Job
        }
        throw (ConvertTo-DiskError -ErrorRecord $_ -Path $path)
    }
    Assert-JobNotCancelled -Context $Context -Job $Job # a fixed disk takes minutes
}

function Undo-DiskJob {
    # Deletes the disk that a disk job created, and reports one that it expanded.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    foreach ($file in @($Job.Journal.Files)) {
        if (-not [System.IO.File]::Exists($file)) { continue }
        $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'file_deleted' -Values @{ path = $file } -Item $file -Action {
            Remove-HostFile -Path $file -Context $Context -Job $Job
        }
    }
    foreach ($entry in @($Job.Journal.Disks)) { Add-GrownDiskLeftover -Context $Context -Job $Job -Entry $entry }
}

function Get-AgentDisk {
    # Serves request inventory for part disk: returns a virtual hard disk in the shape that clients read, or nothing when it does not exist.
    param([Parameter(Mandatory)] [string] $Path)

    $full = Resolve-DiskPath -Path $Path
    if (-not [System.IO.File]::Exists($full)) { return $null } # which JSON has as null
    $disk = Get-ReadableDisk -Path $full -Field ''
    return [ordered]@{
        path = [string]$disk.Path; size_gb = ConvertTo-Gibibyte -Bytes $disk.Size; type = ([string]$disk.VhdType).ToLowerInvariant()
        parent_path = [string]$disk.ParentPath
    }
}
