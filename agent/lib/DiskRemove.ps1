# The disks of a virtual machine to be deleted: checkpoints are merged, and disks that others depend on are kept.

# How long a job waits for checkpoints to be merged, in seconds. Disks that are not merged by then are kept, with their parents.
$script:AgentMergeSeconds = 600

function Get-JobCheckpoint {
    # Returns the checkpoints of a virtual machine whose drives use checkpoint disks. Call it within @( ).
    param([Parameter(Mandatory)] $VM)

    if (@(Get-VMHardDiskDrive -VM $VM | Where-Object -FilterScript { Test-CheckpointDisk -Path $_.Path }).Count -gt 0) { Get-VMSnapshot -VM $VM }
}

function Remove-JobCheckpoint {
    # Step checkpoints: removes checkpoints and waits until their disks are merged. Checkpoint are those that were found before the
    # virtual machine was stopped.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] $VM,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Checkpoint
    )

    # The stop ends automatic checkpoints, and a backup can create another one meanwhile.
    $current = @(Get-JobCheckpoint -VM $VM)
    if ($current.Count -gt 0) { $Checkpoint = $current }
    if ($Checkpoint.Count -eq 0) { return }
    if ($Job.Steps -notcontains 'checkpoints') {
        $Job.Steps = @($Job.Steps | ForEach-Object -Process {
                if ($_ -eq 'unregister') { 'checkpoints' }
                $_
            })
    }
    $names = Join-AgentText -Text @($Checkpoint | ForEach-Object -Process { Format-QuotedText -Text $_.Name })
    Enter-JobStep -Context $Context -Job $Job -Name 'checkpoints' -MessageId 'step_checkpoints' -Values @{ checkpoints = $names }
    foreach ($item in $current) {
        try {
            Remove-VMSnapshot -VMSnapshot $item -Confirm:$false
        } catch {
            # A checkpoint that ended meanwhile needs no removal.
            if (-not (Test-MissingError -ErrorRecord $_)) { throw }
        }
    }
    Wait-CheckpointMerge -Context $Context -Job $Job -VM $VM
}

function Wait-CheckpointMerge {
    # Waits until the disks of removed checkpoints are merged, which Hyper-V does in the background, but not longer than the limit.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM)

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (@(Get-VMHardDiskDrive -VM $VM | Where-Object -FilterScript { Test-CheckpointDisk -Path $_.Path }).Count -gt 0) {
        Assert-JobNotCancelled -Context $Context -Job $Job
        if ($watch.Elapsed.TotalSeconds -gt $script:AgentMergeSeconds) { return }
        Start-Sleep -Milliseconds 500
    }
}

# How long a delete job reads disks of other virtual machines with Get-VHD, in seconds.
$script:AgentUseSeconds = 120

function Get-DiskUsage {
    <#
    .SYNOPSIS
    Returns by path why a file cannot be deleted: a virtual machine uses it, it is the parent of another disk, or that is not certain.
    .DESCRIPTION
    Disk are the disks of the removed virtual machine; Own are the files to delete. Doubt receives those that are kept because it is not
    certain that nothing needs them. All disks of the host come from one query, and their parents from their files.
    #>
    param(
        [Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Disk,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Own,
        [AllowEmptyCollection()] [System.Collections.ArrayList] $Doubt = (New-Object -TypeName System.Collections.ArrayList)
    )

    $use = @{} # keys ignore case, as file names do
    if ($Own.Count -eq 0) { return $use }
    $children = @{}
    $trouble = New-Object -TypeName System.Collections.ArrayList
    $others = @(Get-HostVMList -Trouble $trouble)
    foreach ($item in @(Get-AttachedDisk -VM $others -Trouble $trouble)) {
        $children[$item.Path] = $item
        $same = Find-SamePath -Path $item.Path -Among $Own
        if ($same) { $use[$same] = (Get-AgentMessage -Id 'leftover_vm_uses' -Values @{ vm = (Get-OwnerName -Disk $item) }).Message }
    }
    foreach ($path in $Disk) {
        if ($path -and -not (Find-SamePath -Path $path -Among $Own)) { $children[$path] = @{ Path = $path; Owner = ''; VM = $null } }
    }
    $reason = ''
    if ($trouble.Count -gt 0) {
        # A virtual machine that cannot be read may use any of the files.
        $reason = (Get-AgentMessage -Id 'leftover_vm_unreadable' -Values @{ reason = (Get-FailureMessage -ErrorRecord $trouble[0]) }).Message
    } else {
        $seen = @{}
        $unread = New-Object -TypeName System.Collections.ArrayList
        $until = (Get-AgentTime) + $script:AgentUseSeconds
        while ($children.Count -gt 0) { $children = Add-DiskChild -Children $children -Own $Own -Use $use -Seen $seen -Doubt $unread -Until $until }
        if ($unread.Count -gt 0) { $reason = (Get-AgentMessage -Id 'leftover_parent_unknown' -Values @{ path = $unread[0] }).Message }
    }
    if (-not $reason) { return $use }
    foreach ($file in $Own) {
        if ($use.ContainsKey($file)) { continue }
        $use[$file] = $reason
        $null = $Doubt.Add($file)
    }
    return $use
}
