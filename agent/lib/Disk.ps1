# Virtual hard disks: their properties, the drives that they are attached to, and the data disks of a definition.

# The file size of an empty virtual hard disk in bytes, without the content of a fixed one.
$script:AgentDiskOverhead = [long]4MB

# The name of a data disk.
$script:AgentDiskNamePattern = '^[A-Za-z0-9]([A-Za-z0-9_-]{0,30}[A-Za-z0-9])?\z'

function Get-DataDiskSpec {
    # Returns the data disks of a definition, in their order. Existing is whether it names the path of an existing disk. Call it within @( ).
    param([AllowNull()] [AllowEmptyCollection()] $Value)

    $index = 0
    foreach ($item in @($Value)) {
        if ($null -eq $item) { continue }
        $type = Get-AgentText -Value $item -Name 'type'
        if (-not $type) { $type = 'dynamic' }
        $keep = (Get-AgentProperty -Value $item -Name 'keep_on_destroy') -eq $true
        $path = Get-CanonicalPath -Path (Get-AgentText -Value $item -Name 'path')
        $bytes = [long]0
        if (-not $path) { $bytes = [long]$item.size_gb * 1GB }
        @{ Name = [string]$item.name; Path = $path; Existing = [bool]$path; Bytes = $bytes; Type = $type; Keep = $keep -and -not $path; Index = $index }
        $index++
    }
}

function Test-DataDiskList {
    # Reports whether a value is a valid list of data disks.
    param([AllowNull()] $Value)

    if ($Value -isnot [array]) { return $false }
    $names = @{} # keys ignore case, as file names do
    $paths = @()
    foreach ($item in $Value) {
        $name = Get-AgentProperty -Value $item -Name 'name'
        $type = Get-AgentProperty -Value $item -Name 'type'
        $keep = Get-AgentProperty -Value $item -Name 'keep_on_destroy'
        if ($name -isnot [string] -or $name.Length -gt 32 -or $name -notmatch $script:AgentDiskNamePattern -or $names.ContainsKey($name)) { return $false }
        $names[$name] = $true
        $path = Get-AgentProperty -Value $item -Name 'path'
        $size = Get-AgentProperty -Value $item -Name 'size_gb'
        if ($null -eq $path) {
            if (-not (Test-DiskSize -Value $size)) { return $false }
        } else {
            if ($null -ne $size -or (Get-DiskPathRequirement -Value $path) -or -not [System.IO.Path]::IsPathRooted($path)) { return $false }
            if (Find-SamePath -Path $path -Among $paths) { return $false }
            $paths += $path
        }
        if ($null -ne $type -and @('dynamic', 'fixed') -cnotcontains $type) { return $false }
        if ($null -ne $keep -and $keep -isnot [bool]) { return $false }
    }
    return $true
}

function Test-DiskSize {
    # Reports whether a value is a valid size of a virtual hard disk in GiB.
    param([AllowNull()] $Value)

    return (Test-WholeNumber -Value $Value) -and $Value -ge 1 -and $Value -le 65536
}

function Get-DataDiskPath {
    # Returns the path of a new data disk. It is unique: names of data disks contain no dot, and the image's disk is named after the
    # virtual machine alone.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $VMName, [Parameter(Mandatory)] [string] $Name)

    return [System.IO.Path]::Combine($Folder, "$(Get-DiskBaseName -VMName $VMName).$Name.vhdx")
}

function Get-DiskInfo {
    # Returns the results of Get-VHD by the given paths, with one call. Disks that cannot be read are missing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Path)

    $found = @{}
    $there = @($Path | Where-Object -FilterScript { [System.IO.File]::Exists($_) })
    if ($there.Count -eq 0) { return $found }
    $read = @{} # keys ignore case, as file names do
    try {
        foreach ($disk in @(Get-VHD -Path $there -ErrorAction SilentlyContinue)) { $read[(Get-CanonicalPath -Path $disk.Path)] = $disk }
    } catch { $null = $_ }
    foreach ($item in $there) {
        $disk = $read[(Get-CanonicalPath -Path $item)]
        if ($null -ne $disk) { $found[$item] = $disk }
    }
    return $found
}

function Test-CheckpointDisk {
    # Reports whether a file is the differencing disk of a checkpoint.
    param([AllowNull()] [AllowEmptyString()] [string] $Path)

    return $Path -match '\.avhdx?\z'
}

function Get-CheckpointParentName {
    # Returns the name without extension of the disk below that of a checkpoint, which Hyper-V names after it and a GUID.
    param([Parameter(Mandatory)] [string] $Path)

    return [System.Text.RegularExpressions.Regex]::Replace([System.IO.Path]::GetFileNameWithoutExtension($Path), '_[0-9A-Fa-f-]{36}\z', '')
}

function Get-DiskChain {
    # Returns the path of a disk and of all its parents. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Path)

    $seen = @{}
    while ($Path -and -not $seen.ContainsKey($Path)) {
        $seen[$Path] = $true
        $Path
        $disk = (Get-DiskInfo -Path $Path)[$Path]
        $Path = ''
        if ($null -ne $disk) { $Path = [string]$disk.ParentPath }
    }
}

function Find-DiskDrive {
    # Returns the drive that a disk is attached to, itself or as parent of a checkpoint's disk, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Drive, [Parameter(Mandatory)] [string] $Path)

    foreach ($item in $Drive) { if (Test-SamePath -Left $item.Path -Right $Path) { return $item } }
    foreach ($item in $Drive) {
        if ((Test-CheckpointDisk -Path $item.Path) -and (Find-SamePath -Path $Path -Among @(Get-DiskChain -Path $item.Path))) { return $item }
    }
}

function Find-ImageDrive {
    # Returns the drive of the disk that was created from the image, or the only drive, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Drive, [AllowNull()] $Manifest)

    if ($null -ne $Manifest -and $Manifest.Disk) { return Find-DiskDrive -Drive $Drive -Path $Manifest.Disk }
    if ($Drive.Count -eq 1) { return $Drive[0] }
}

function Test-DiskShrink {
    # Reports whether a requested size would shrink a disk. Sizes are requested in whole GiB, so the fraction of the current size does
    # not count.
    param([Parameter(Mandatory)] [long] $Bytes, [Parameter(Mandatory)] [long] $CurrentBytes)

    return $Bytes -lt [System.Math]::Floor($CurrentBytes / 1GB) * 1GB
}

function ConvertTo-DiskError {
    # Converts the error of a full volume, or of missing rights, to one with a remedy. Returns other errors unchanged.
    param([Parameter(Mandatory)] $ErrorRecord, [Parameter(Mandatory)] [string] $Path)

    $cause = $ErrorRecord.Exception.GetBaseException()
    $denied = Get-AccessText -ErrorRecord $ErrorRecord
    if ($null -ne $denied) { return New-AgentException -Code $denied.Code -Message $denied.Message -Remedy $denied.Remedy }
    if ($cause.HResult -ne -2147024784 -and -not $cause.Message.Contains('(0x80070070)')) { return $ErrorRecord }
    return New-AgentError -MessageId 'storage_full' -Values @{ path = $Path }
}

function Resize-HostDisk {
    # Sets the size of a disk.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [long] $Bytes)

    $disk = $Path
    try { Invoke-FileOperation -Path $disk -Context $Context -Job $Job -Cancellable -Action { Resize-VHD -Path $disk -SizeBytes $Bytes } } catch { throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Path) }
}
