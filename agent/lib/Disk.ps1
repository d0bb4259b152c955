# Virtual hard disks: what is known of them, which drive they are attached by, and those that a definition asks for.

# How many bytes the file of an empty virtual hard disk takes, beside what a fixed one holds.
$script:AgentDiskOverhead = [long]4MB

function Get-WantedDisk {
    # Gives the data disks that a field asks for, in their order. Call it within @( ).
    param([AllowNull()] [AllowEmptyCollection()] $Value)

    $index = 0
    foreach ($item in @($Value)) {
        if ($null -eq $item) { continue }
        $type = Get-AgentText -Value $item -Name 'type'
        if (-not $type) { $type = 'dynamic' }
        @{ Name = [string]$item.name; Bytes = [long]$item.size_gb * 1GB; Type = $type; Index = $index }
        $index++
    }
}

function Test-DataDiskList {
    # Tells whether a value is a list of data disks that can be made side by side.
    param([AllowNull()] $Value)

    if ($Value -isnot [array]) { return $false }
    $names = @{} # which knows no letter case, as the names of files
    foreach ($item in $Value) {
        $name = Get-AgentProperty -Value $item -Name 'name'
        $type = Get-AgentProperty -Value $item -Name 'type'
        if ($name -isnot [string] -or $name.Length -gt 32 -or $name -notmatch '^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?\z' -or $names.ContainsKey($name)) { return $false }
        $names[$name] = $true
        if (-not (Test-DiskSize -Value (Get-AgentProperty -Value $item -Name 'size_gb'))) { return $false }
        if ($null -ne $type -and @('dynamic', 'fixed') -cnotcontains $type) { return $false }
    }
    return $true
}

function Test-DiskSize {
    # Tells whether a value is a size in GiB that a virtual hard disk can have.
    param([AllowNull()] $Value)

    return (Test-WholeNumber -Value $Value) -and $Value -ge 1 -and $Value -le 65536
}

function Get-DataDiskPath {
    # Gives the file of a new data disk. No file of another disk has that name: that of the image's disk has nothing between the
    # machine's name and its ending, and no name of a disk has a dot.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $VMName, [Parameter(Mandatory)] [string] $Name)

    return [System.IO.Path]::Combine($Folder, "$VMName.$Name.vhdx")
}

function Find-Disk {
    # Gives what Get-VHD says of the disks at paths, by path and in one call. What cannot be read is not known.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Path)

    $found = @{}
    $there = @($Path | Where-Object -FilterScript { [System.IO.File]::Exists($_) })
    if ($there.Count -eq 0) { return $found }
    try {
        foreach ($disk in @(Get-VHD -Path $there -ErrorAction SilentlyContinue)) { $found[[string]$disk.Path] = $disk }
    } catch { $null = $_ }
    return $found
}

function Test-CheckpointDisk {
    # Tells whether a file is what Hyper-V writes to since a checkpoint.
    param([AllowNull()] [AllowEmptyString()] [string] $Path)

    return $Path -match '\.avhdx?\z'
}

function Get-DiskChain {
    # Gives the path of a disk, and those of all that it differs from. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Path)

    $seen = @{}
    while ($Path -and -not $seen.ContainsKey($Path)) {
        $seen[$Path] = $true
        $Path
        $disk = (Find-Disk -Path $Path)[$Path]
        $Path = ''
        if ($null -ne $disk) { $Path = [string]$disk.ParentPath }
    }
}

function Find-DiskDrive {
    # Gives the drive that a disk is attached by, itself or below the disks of checkpoints; nothing when it is not.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Drive, [Parameter(Mandatory)] [string] $Path)

    foreach ($item in $Drive) { if (Test-SameName -Left $item.Path -Right $Path) { return $item } }
    foreach ($item in $Drive) {
        if ((Test-CheckpointDisk -Path $item.Path) -and @(Get-DiskChain -Path $item.Path) -contains $Path) { return $item }
    }
}

function Find-ImageDrive {
    # Gives the drive of the disk that was made of the image, or of the only one; nothing when there is none such.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Drive, [AllowNull()] $Manifest)

    if ($null -ne $Manifest -and $Manifest.Disk) { return Find-DiskDrive -Drive $Drive -Path $Manifest.Disk }
    if ($Drive.Count -eq 1) { return $Drive[0] }
}

function Test-Smaller {
    # Tells whether a size in whole GiB asks a disk to shrink. One that hides only a fraction of what it has does not: a fraction
    # cannot be asked for.
    param([Parameter(Mandatory)] [long] $Bytes, [Parameter(Mandatory)] [long] $Have)

    return $Bytes -lt [System.Math]::Floor($Have / 1GB) * 1GB
}

function ConvertTo-DiskError {
    # Gives an error about a drive that is full as one that says so, and any other as it is.
    param([Parameter(Mandatory)] $ErrorRecord, [Parameter(Mandatory)] [string] $Path)

    $cause = $ErrorRecord.Exception.GetBaseException()
    if ($cause.HResult -ne -2147024784 -and -not $cause.Message.Contains('(0x80070070)')) { return $ErrorRecord }
    return New-AgentError -Code 'storage' -Message "there is not enough space for $Path" -Remedy 'make room on that drive, or ask for smaller disks'
}

function Resize-HostDisk {
    # Gives a disk another size in bytes.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [long] $Bytes)

    try { Resize-VHD -Path $Path -SizeBytes $Bytes } catch { throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Path) }
}
