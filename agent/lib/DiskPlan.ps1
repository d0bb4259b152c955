# What becomes of the disks of a virtual machine that exists.

function Get-DataDiskPlan {
    # Gives for each data disk what there is to do, and how: Action is make, attach, grow, nothing or detach. First come those that are
    # wanted, in their order, then those that are attached and no longer wanted. Have is 0 where the size is not known. Call it within @( ).
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    $drives = @(Get-VMHardDiskDrive -VM $VM)
    foreach ($disk in $Wanted) {
        $item = @{
            Action = 'make'; Name = $disk.Name; Index = $disk.Index; Bytes = $disk.Bytes; Type = $disk.Type; HasType = $disk.Type
            Path = (Get-DataDiskPath -Folder $Manifest.Folder -VMName $VM.Name -Name $disk.Name); Recorded = $false; Have = [long]0; Drive = $null
        }
        foreach ($recorded in $Manifest.DataDisks) {
            if (Test-SameName -Left $recorded.name -Right $disk.Name) {
                $item.Recorded = $true
                $item.Path = $recorded.path
                $item.Drive = Find-DiskDrive -Drive $drives -Path $recorded.path
                $item.HasType = $recorded.type
            }
        }
        if ($null -ne $item.Drive -or ($item.Recorded -and [System.IO.File]::Exists($item.Path))) { Add-DiskFact -Item $item }
        $item
    }
    foreach ($recorded in $Manifest.DataDisks) {
        if (@($Wanted | Where-Object -FilterScript { Test-SameName -Left $_.Name -Right $recorded.name }).Count -gt 0) { continue }
        $drive = Find-DiskDrive -Drive $drives -Path $recorded.path
        if ($null -ne $drive) { @{ Action = 'detach'; Name = $recorded.name; Path = $recorded.path; Drive = $drive } }
    }
}

function Add-DiskFact {
    # Adds to the plan of a disk that is there what it is, and so what there is to do.
    param([Parameter(Mandatory)] $Item)

    $at = $Item.Path
    if ($null -ne $Item.Drive) { $at = [string]$Item.Drive.Path }
    $fact = (Find-Disk -Path $at)[$at]
    if ($null -ne $fact) {
        $Item.Have = [long]$fact.Size
        $type = ([string]$fact.VhdType).ToLowerInvariant()
        if (@('dynamic', 'fixed') -contains $type) { $Item.HasType = $type }
    }
    if ($null -eq $Item.Drive) { $Item.Action = 'attach' }
    elseif ($Item.Bytes -gt $Item.Have) { $Item.Action = 'grow' }
    else { $Item.Action = 'nothing' }
}

function Get-DiskSizePlan {
    # Gives the drive of a machine's disk, the bytes that it has and those that it is to have; nothing when it is not known which disk that is.
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Manifest, [Parameter(Mandatory)] $SizeGb)

    $drive = Find-ImageDrive -Drive @(Get-VMHardDiskDrive -VM $VM) -Manifest $Manifest
    if ($null -eq $drive) { return }
    $plan = @{ Drive = $drive; Path = [string]$drive.Path; Bytes = [long]$SizeGb * 1GB; Have = [long]0; Fixed = $false }
    $fact = (Find-Disk -Path $plan.Path)[$plan.Path]
    if ($null -ne $fact) {
        $plan.Have = [long]$fact.Size
        $plan.Fixed = [string]$fact.VhdType -eq 'Fixed'
    }
    return $plan
}

function Test-DiskNeedsOff {
    # Tells whether a machine has to be off for its disk to grow: on an IDE controller none does while it runs.
    param([Parameter(Mandatory)] $VM, [AllowNull()] $SizeGb)

    if ($null -eq $SizeGb) { return $false }
    $plan = Get-DiskSizePlan -VM $VM -Manifest (Find-JobManifest -VM $VM) -SizeGb $SizeGb
    return $null -ne $plan -and $plan.Bytes -gt $plan.Have -and [string]$plan.Drive.ControllerType -eq 'IDE'
}
