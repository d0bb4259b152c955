# The disks of a virtual machine that is removed: what checkpoints hold goes back into them, and none goes that another disk rests on.

# For how many seconds the disks of checkpoints are waited for. They are left after that, with all that they rest on.
$script:AgentMergeSeconds = 600

function Get-VMCheckpoint {
    # Gives the checkpoints of a machine whose drives are those of checkpoints. Call it within @( ).
    param([Parameter(Mandatory)] $VM)

    if (@($VM.HardDrives | Where-Object -FilterScript { Test-CheckpointDisk -Path $_.Path }).Count -gt 0) { Get-VMSnapshot -VM $VM }
}

function Remove-VMCheckpoint {
    # Removes checkpoints, and waits until the drives are the disks below again.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [object[]] $Checkpoint)

    $names = [string]::Join(', ', [string[]]@($Checkpoint | ForEach-Object -Process { "'$($_.Name)'" }))
    Enter-JobStep -Context $Context -Job $Job -Name 'checkpoints' -Message "remove checkpoints $names"
    foreach ($item in $Checkpoint) { Remove-VMSnapshot -VMSnapshot $item -Confirm:$false }
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (@(Get-VMHardDiskDrive -VM $VM | Where-Object -FilterScript { Test-CheckpointDisk -Path $_.Path }).Count -gt 0) {
        Assert-JobGoesOn -Context $Context -Job $Job
        if ($watch.Elapsed.TotalSeconds -gt $script:AgentMergeSeconds) { return }
        Start-Sleep -Milliseconds 500
    }
}

function Get-DiskUse {
    # Gives by path what speaks against deleting a file: a virtual machine that uses it, or a disk that differs from it. Disks are those
    # that were a removed machine's; Own are the files that are to go.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Disk, [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Own)

    $use = @{} # a hashtable's keys know no case here, as file names
    if ($Own.Count -eq 0) { return $use }
    $above = @{}
    foreach ($other in @(Get-VM)) {
        foreach ($drive in @($other.HardDrives)) {
            $path = [string]$drive.Path
            $use[$path] = "virtual machine '$($other.Name)' uses it"
            $above[$path] = "a disk of virtual machine '$($other.Name)' differs from it"
        }
    }
    foreach ($path in $Disk) { if ($Own -notcontains $path -and $path) { $above[$path] = "$path, which is left, differs from it" } }
    while ($above.Count -gt 0) {
        $known = Find-Disk -Path ([string[]]@($above.Keys))
        $next = @{}
        foreach ($path in $above.Keys) {
            if (-not $known.ContainsKey($path)) { continue }
            $parent = [string]$known[$path].ParentPath
            if (-not $parent -or $use.ContainsKey($parent)) { continue }
            $use[$parent] = $above[$path]
            $next[$parent] = $above[$path]
        }
        $above = $next
    }
    return $use
}
