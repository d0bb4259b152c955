# Plans of changes to the disks of an existing virtual machine.

function Get-DataDiskPlan {
    <#
    .SYNOPSIS
    Returns the action for each data disk: create, attach, expand, nothing or detach. Call it within @( ).
    .DESCRIPTION
    The disks of the definition come first, in its order, then the attached disks that it no longer contains. CurrentBytes is 0 when
    the size is unknown. Existing is whether the disk existed before jobs attached it. Conflict is the message about a disk that cannot
    have its path or its name, or empty.
    #>
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    $drives = @(Get-VMHardDiskDrive -VM $VM)
    foreach ($disk in $Wanted) {
        $item = @{
            Action = 'create'; Name = $disk.Name; Index = $disk.Index; Bytes = $disk.Bytes; Type = $disk.Type; CurrentType = $disk.Type; Keep = $disk.Keep
            Path = ''; Recorded = $false; CurrentBytes = [long]0; Busy = ''; Drive = $null; Existing = $disk.Existing; Conflict = ''
        }
        foreach ($recorded in $Manifest.DataDisks) {
            if (-not (Test-SameName -Left $recorded.name -Right $disk.Name)) { continue }
            if ($recorded.Contains('existing') -ne $item.Existing) { $item.Conflict = 'data_disk_other_kind' }
            if ($recorded.Contains('existing') -or $item.Existing) { continue }
            $item.Recorded = $true
            $item.Path = $recorded.path
            $item.Drive = Find-DiskDrive -Drive $drives -Path $recorded.path
            $item.CurrentType = $recorded.type
        }
        if ($item.Existing) {
            $item.Path = $disk.Path
            $item.Drive = Find-DiskDrive -Drive $drives -Path $disk.Path
            $item.Action = if ($null -eq $item.Drive) { 'attach' } else { 'nothing' }
            if (-not $Manifest.Folder) { $item.Conflict = 'data_disk_path_foreign' }
            elseif (-not $item.Conflict -and (Find-SamePath -Path $disk.Path -Among $Manifest.Files)) { $item.Conflict = 'data_disk_own_file' }
            $item
            continue
        }
        if (-not $item.Recorded) {
            if (-not $Manifest.Folder) { continue } # no disk is added to a virtual machine that no job created
            $item.Path = Get-DataDiskPath -Folder $Manifest.Folder -VMName $VM.Name -Name $disk.Name
        }
        if ($null -ne $item.Drive -or ($item.Recorded -and [System.IO.File]::Exists($item.Path))) { Set-DiskPlanAction -Item $item }
        $item
    }
    foreach ($recorded in $Manifest.DataDisks) {
        if (Test-DiskWanted -Recorded $recorded -Wanted $Wanted) { continue }
        $drive = Find-DiskDrive -Drive $drives -Path $recorded.path
        if ($null -ne $drive) { @{ Action = 'detach'; Name = $recorded.name; Path = $recorded.path; Drive = $drive } }
    }
}

function Set-DiskPlanAction {
    # Sets the current size and type of an existing disk, and the action that follows.
    param([Parameter(Mandatory)] $Item)

    $at = $Item.Path
    if ($null -ne $Item.Drive) { $at = [string]$Item.Drive.Path }
    $detail = Get-DiskDetail -Path $at
    $info = $detail.Disk
    $Item.Busy = $detail.Busy
    if ($null -ne $info) {
        $Item.CurrentBytes = [long]$info.Size
        $type = ([string]$info.VhdType).ToLowerInvariant()
        if (@('dynamic', 'fixed') -contains $type) { $Item.CurrentType = $type }
    }
    if ($null -eq $Item.Drive) { $Item.Action = 'attach' }
    elseif ($Item.Bytes -gt $Item.CurrentBytes) { $Item.Action = 'expand' }
    else { $Item.Action = 'nothing' }
}

function Get-DiskSizePlan {
    # Returns the drive of the image's disk with its current and requested size, or nothing when it is unknown which disk that is.
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Manifest, [Parameter(Mandatory)] $SizeGb)

    $drive = Find-ImageDrive -Drive @(Get-VMHardDiskDrive -VM $VM) -Manifest $Manifest
    if ($null -eq $drive) { return }
    $plan = @{ Drive = $drive; Path = [string]$drive.Path; Bytes = [long]$SizeGb * 1GB; CurrentBytes = [long]0; Busy = ''; Fixed = $false }
    $detail = Get-DiskDetail -Path $plan.Path
    $info = $detail.Disk
    $plan.Busy = $detail.Busy
    if ($null -ne $info) {
        $plan.CurrentBytes = [long]$info.Size
        $plan.Fixed = [string]$info.VhdType -eq 'Fixed'
    }
    return $plan
}

function Test-DiskRequiresOff {
    # Reports whether a virtual machine must be off for its disk to be expanded: disks on an IDE controller cannot be expanded online.
    param([Parameter(Mandatory)] $VM, [AllowNull()] $SizeGb)

    if ($null -eq $SizeGb) { return $false }
    $plan = Get-DiskSizePlan -VM $VM -Manifest (Find-JobManifest -VM $VM) -SizeGb $SizeGb
    return $null -ne $plan -and $plan.Bytes -gt $plan.CurrentBytes -and [string]$plan.Drive.ControllerType -eq 'IDE'
}
