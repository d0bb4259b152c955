# What is known of virtual hard disks, kept in a file of the data folder, because Get-VHD needs several calls of WMI for each disk. All
# sessions on the host share the file. It is only a cache: it may be lost, and is ignored when it cannot be read.

$script:AgentDiskCacheName = 'disks.txt'
$script:AgentDiskCacheTitle = 'hypervvm disks 1'

# The number of disks in the file. The ones that were read longest ago are dropped.
$script:AgentDiskCacheSize = 4000

# How long a disk whose file changed since counts as known when there is no time to read it, in seconds. The disk of a running virtual
# machine changes all the time, but rarely its size, its type or its parent.
$script:AgentDiskCacheSeconds = 86400

# How long one inventory may read disks, in seconds.
$script:AgentDiskSeconds = 30

# How many disks are read in one call.
$script:AgentDiskBatch = 25

function Get-AgentTime {
    # Returns a number of seconds that only grows, to measure durations.
    return [System.Diagnostics.Stopwatch]::GetTimestamp() / [System.Diagnostics.Stopwatch]::Frequency
}

function Read-DiskCache {
    # Returns the known disks by path.
    $known = @{} # keys ignore case, as file names do
    try {
        $path = Get-DataFolder -Name $script:AgentDiskCacheName
        if (-not [System.IO.File]::Exists($path)) { return $known }
        $lines = (Read-SharedFile -Path $path).Split("`n")
        if ($lines[0] -ne $script:AgentDiskCacheTitle) { return $known }
        foreach ($line in $lines) {
            $part = $line.Split("`t")
            if ($part.Count -ne 8) { continue }
            $known[$part[7]] = @{
                Read = [long]$part[0]; Created = [long]$part[1]; Modified = [long]$part[2]; Length = [long]$part[3]; Size = [long]$part[4]; Type = $part[5]; Parent = $part[6]
            }
        }
    } catch {
        $known = @{} # A damaged file is as good as none.
    }
    return $known
}

function Save-DiskCache {
    # Adds disks to the file. Fresh has their entries by path.
    param([Parameter(Mandatory)] $Fresh)

    if ($Fresh.Count -eq 0) { return }
    try {
        Initialize-DataFolder
        $path = Get-DataFolder -Name $script:AgentDiskCacheName
        $lock = Lock-File -Path ($path + '.lock')
        if ($null -eq $lock) { return } # another session writes; what it does not know is read again
        try {
            $all = Read-DiskCache
            foreach ($key in $Fresh.Keys) { $all[$key] = $Fresh[$key] }
            $keys = @($all.Keys)
            if ($keys.Count -gt $script:AgentDiskCacheSize) {
                $keys = @($keys | Sort-Object -Property @{ Expression = { $all[$_].Read }; Descending = $true } | Select-Object -First $script:AgentDiskCacheSize)
            }
            $text = New-Object -TypeName System.Text.StringBuilder -ArgumentList ($script:AgentDiskCacheTitle + "`n")
            foreach ($key in $keys) {
                $item = $all[$key]
                $null = $text.Append([string]::Join("`t", @($item.Read, $item.Created, $item.Modified, $item.Length, $item.Size, $item.Type, $item.Parent, $key))).Append("`n")
            }
            Write-AtomicFile -Path $path -Text $text.ToString()
        } finally {
            $lock.Dispose()
        }
    } catch {
        $null = $_ # The data folder may not be writable yet. The disks are read again.
    }
}

function Get-DiskFile {
    # Returns what the file system knows of a disk, or nothing when there is no file.
    param([Parameter(Mandatory)] [string] $Path)

    try { $file = New-Object -TypeName System.IO.FileInfo -ArgumentList $Path } catch { return } # a physical disk has no path
    if ($file.Exists) { return @{ Created = $file.CreationTimeUtc.Ticks; Modified = $file.LastWriteTimeUtc.Ticks; Length = $file.Length } }
}

function Test-DiskKnown {
    # Reports whether a cached disk still describes a file.
    param([AllowNull()] $Entry, [Parameter(Mandatory)] $File)

    return $null -ne $Entry -and $Entry.Created -eq $File.Created -and
    [System.DateTime]::UtcNow.Ticks - $Entry.Read -lt $script:AgentDiskCacheSeconds * [System.TimeSpan]::TicksPerSecond
}

function Get-DiskFact {
    <#
    .SYNOPSIS
    Returns the disks by path, as Get-DiskInfo does, from the cache where it knows them.
    .DESCRIPTION
    Path is the disks in the order of their importance. Those in Current are read although they are known, unless time is up: they may be
    resized while a virtual machine has them open, which the file system does not show. Others whose file changed since are read last.
    Unread receives the paths of which nothing is known and that were not read within Seconds.
    #>
    param(
        [Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Path,
        [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Current = @(),
        [Parameter(Mandatory)] [AllowEmptyCollection()] [System.Collections.ArrayList] $Unread,
        [double] $Seconds = $script:AgentDiskSeconds
    )

    $facts = @{}
    $files = @{}
    $order = New-Object -TypeName System.Collections.ArrayList
    $changed = New-Object -TypeName System.Collections.ArrayList
    $known = Read-DiskCache
    $now = @{}
    foreach ($item in $Current) { $now[$item] = $true }
    foreach ($item in $Path) {
        if (-not $item -or $files.ContainsKey($item)) { continue }
        $file = Get-DiskFile -Path $item
        if ($null -eq $file) { continue }
        $files[$item] = $file
        if (Test-DiskKnown -Entry $known[$item] -File $file) { $facts[$item] = ConvertTo-DiskFact -Path $item -Entry $known[$item] -File $file }
        if (-not $facts.ContainsKey($item) -or $now.ContainsKey($item)) { $null = $order.Add($item) }
        elseif ($known[$item].Modified -ne $file.Modified -or $known[$item].Length -ne $file.Length) { $null = $changed.Add($item) }
    }
    $order.AddRange($changed)
    $fresh = @{}
    $until = (Get-AgentTime) + $Seconds
    for ($index = 0; $index -lt $order.Count; $index += $script:AgentDiskBatch) {
        $batch = [string[]]$order.GetRange($index, [System.Math]::Min($script:AgentDiskBatch, $order.Count - $index)).ToArray()
        if ((Get-AgentTime) -ge $until) {
            foreach ($item in $batch) { if (-not $facts.ContainsKey($item)) { $null = $Unread.Add($item) } }
            continue
        }
        $read = Get-DiskInfo -Path $batch
        foreach ($item in $batch) {
            $disk = $read[$item]
            if ($null -eq $disk) {
                $facts.Remove($item)
                continue
            }
            $facts[$item] = $disk
            $file = $files[$item]
            $fresh[$item] = @{
                Read = [System.DateTime]::UtcNow.Ticks; Created = $file.Created; Modified = $file.Modified; Length = $file.Length
                Size = [long]$disk.Size; Type = [string]$disk.VhdType; Parent = [string]$disk.ParentPath
            }
        }
    }
    Save-DiskCache -Fresh $fresh
    return $facts
}

function ConvertTo-DiskFact {
    # Returns a cached disk in the form of Get-VHD's objects. The size of the file is the current one.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] $Entry, [Parameter(Mandatory)] $File)

    return [pscustomobject]@{ Path = $Path; Size = $Entry.Size; FileSize = $File.Length; VhdType = $Entry.Type; ParentPath = $Entry.Parent }
}
