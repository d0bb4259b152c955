# Disks of an inventory, from one call of Get-VHD for all disks. Chains of differencing disks are not followed, to save calls.

function ConvertTo-AgentDrive {
    # Converts a drive to the shape that clients read. Disks is the result of Get-DiskInfo.
    param([Parameter(Mandatory)] $Drive, [Parameter(Mandatory)] $Disks)

    $path = [string]$Drive.Path
    $size = $null
    $file = $null
    $type = ''
    $parent = ''
    if ($Disks.ContainsKey($path)) {
        $disk = $Disks[$path]
        $size = ConvertTo-Gibibyte -Bytes $disk.Size
        $file = ConvertTo-Gibibyte -Bytes $disk.FileSize
        $type = ([string]$disk.VhdType).ToLowerInvariant()
        $parent = [string]$disk.ParentPath
    }
    return [ordered]@{
        path = $path; size_gb = $size; file_gb = $file; type = $type; parent = $parent
        controller = "$($Drive.ControllerType) $($Drive.ControllerNumber):$($Drive.ControllerLocation)"
    }
}

function Get-ManagedDisk {
    # Returns the size of the image's disk, and the data disks, as far as they are known. Drives are results of ConvertTo-AgentDrive.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Drives, [AllowNull()] $Manifest)

    $first = $null
    if ($null -ne $Manifest -and $Manifest.Disk) {
        $first = $Drives | Where-Object -FilterScript { Test-DriveOfDisk -Drive $_ -Path $Manifest.Disk } | Select-Object -First 1
    } elseif ($Drives.Count -eq 1) {
        $first = $Drives[0]
    }
    $own = @{ Size = $null; DataDisks = $null }
    if ($null -ne $first) { $own.Size = $first.size_gb }
    if ($null -eq $Manifest) { return $own }
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($recorded in $Manifest.DataDisks) {
        $drive = $Drives | Where-Object -FilterScript { Test-DriveOfDisk -Drive $_ -Path $recorded.path } | Select-Object -First 1
        if ($null -eq $drive) { continue }
        if ($recorded.Contains('existing')) {
            $null = $list.Add([ordered]@{ name = $recorded.name; path = $recorded.path; keep_on_destroy = $false })
            continue
        }
        if ($null -eq $drive.size_gb) { return $own }
        $type = $recorded.type
        if (@('dynamic', 'fixed') -contains $drive.type) { $type = $drive.type }
        $null = $list.Add([ordered]@{ name = $recorded.name; size_gb = $drive.size_gb; type = $type; keep_on_destroy = $recorded.keep_on_destroy })
    }
    $own.DataDisks = [object[]]$list.ToArray()
    return $own
}

function Test-DriveOfDisk {
    # Reports whether a drive uses a disk or a checkpoint's disk on top of it.
    param([Parameter(Mandatory)] $Drive, [Parameter(Mandatory)] [string] $Path)

    if (Test-SamePath -Left $Drive.path -Right $Path) { return $true }
    if (-not (Test-CheckpointDisk -Path $Drive.path)) { return $false }
    if (Test-SamePath -Left $Drive.parent -Right $Path) { return $true }
    return Test-SameName -Left (Get-CheckpointParentName -Path $Drive.path) -Right ([System.IO.Path]::GetFileNameWithoutExtension($Path))
}
