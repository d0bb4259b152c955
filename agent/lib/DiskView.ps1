# What an inventory tells of disks. It comes from one call for all disks, and so without asking for each what it differs from.

function ConvertTo-AgentDrive {
    # Disks is what Find-Disk gave.
    param([Parameter(Mandatory)] $Drive, [Parameter(Mandatory)] $Disks)

    $path = [string]$Drive.Path
    $size = $null
    $file = $null
    $type = ''
    $parent = ''
    if ($Disks.ContainsKey($path)) {
        $disk = $Disks[$path]
        $size = ConvertTo-MemorySize -Bytes $disk.Size
        $file = ConvertTo-MemorySize -Bytes $disk.FileSize
        $type = ([string]$disk.VhdType).ToLowerInvariant()
        $parent = [string]$disk.ParentPath
    }
    return [ordered]@{
        path = $path; size_gb = $size; file_gb = $file; type = $type; parent = $parent
        controller = "$($Drive.ControllerType) $($Drive.ControllerNumber):$($Drive.ControllerLocation)"
    }
}

function Get-OwnDisk {
    # Gives the size of a machine's disk, and its data disks, as far as they are known. Drives are as ConvertTo-AgentDrive gives them.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Drives, [AllowNull()] $Manifest)

    $first = $null
    if ($null -ne $Manifest -and $Manifest.Disk) {
        $first = $Drives | Where-Object -FilterScript { Test-DriveOf -Drive $_ -Path $Manifest.Disk } | Select-Object -First 1
    } elseif ($Drives.Count -eq 1) {
        $first = $Drives[0]
    }
    $own = @{ Size = $null; DataDisks = $null }
    if ($null -ne $first) { $own.Size = $first.size_gb }
    if ($null -eq $Manifest) { return $own }
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($recorded in $Manifest.DataDisks) {
        $drive = $Drives | Where-Object -FilterScript { Test-DriveOf -Drive $_ -Path $recorded.path } | Select-Object -First 1
        if ($null -eq $drive) { continue }
        if ($null -eq $drive.size_gb) { return $own }
        $type = $recorded.type
        if (@('dynamic', 'fixed') -contains $drive.type) { $type = $drive.type }
        $null = $list.Add([ordered]@{ name = $recorded.name; size_gb = $drive.size_gb; type = $type })
    }
    $own.DataDisks = [object[]]$list.ToArray()
    return $own
}

function Test-DriveOf {
    # Tells whether a drive is that of a disk, or of a checkpoint's disk over it: Hyper-V names that for the one below and a GUID.
    param([Parameter(Mandatory)] $Drive, [Parameter(Mandatory)] [string] $Path)

    if (Test-SameName -Left $Drive.path -Right $Path) { return $true }
    if (-not (Test-CheckpointDisk -Path $Drive.path)) { return $false }
    if (Test-SameName -Left $Drive.parent -Right $Path) { return $true }
    $name = [System.Text.RegularExpressions.Regex]::Replace([System.IO.Path]::GetFileNameWithoutExtension($Drive.path), '_[0-9A-Fa-f-]{36}\z', '')
    return Test-SameName -Left $name -Right ([System.IO.Path]::GetFileNameWithoutExtension($Path))
}
