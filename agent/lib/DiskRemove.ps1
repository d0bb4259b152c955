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
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (@(Get-VMHardDiskDrive -VM $VM | Where-Object -FilterScript { Test-CheckpointDisk -Path $_.Path }).Count -gt 0) {
        Assert-JobNotCancelled -Context $Context -Job $Job
        if ($watch.Elapsed.TotalSeconds -gt $script:AgentMergeSeconds) { return }
        Start-Sleep -Milliseconds 500
    }
}

function Get-DiskUsage {
    # Returns by path why a file cannot be deleted: a virtual machine uses it, or it is the parent of another disk. Disk are the disks of
    # the removed virtual machine; Own are the files to delete.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Disk, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Own)

    $use = @{} # keys ignore case, as file names do
    if ($Own.Count -eq 0) { return $use }
    $children = @{}
    $trouble = New-Object -TypeName System.Collections.ArrayList
    $others = @(Get-HostVMList -Trouble $trouble)
    if ($trouble.Count -gt 0) {
        # A virtual machine that cannot be read may use any of the files.
        $reason = (Get-AgentMessage -Id 'leftover_vm_unreadable' -Values @{ reason = (Get-FailureMessage -ErrorRecord $trouble[0]) }).Message
        foreach ($path in $Own) { $use[$path] = $reason }
    }
    foreach ($other in $others) {
        foreach ($drive in @(Get-VMProperty -VM $other -Name 'HardDrives')) {
            $path = [string]$drive.Path
            $use[$path] = (Get-AgentMessage -Id 'leftover_vm_uses' -Values @{ vm = $other.Name }).Message
            $children[$path] = (Get-AgentMessage -Id 'leftover_vm_parent' -Values @{ vm = $other.Name }).Message
        }
    }
    foreach ($path in $Disk) {
        if ($Own -notcontains $path -and $path) { $children[$path] = (Get-AgentMessage -Id 'leftover_kept_parent' -Values @{ path = $path }).Message }
    }
    while ($children.Count -gt 0) {
        $known = Get-DiskInfo -Path ([string[]]@($children.Keys))
        $next = @{}
        foreach ($path in $children.Keys) {
            if (-not $known.ContainsKey($path)) { continue }
            $parent = [string]$known[$path].ParentPath
            if (-not $parent -or $use.ContainsKey($parent)) { continue }
            $use[$parent] = $children[$path]
            $next[$parent] = $children[$path]
        }
        $children = $next
    }
    return $use
}
