# Cluster shared volumes. Only they have a limited size.

# The file size of an empty virtual hard disk in bytes, without the content of a fixed one.
$script:StandInDiskOverhead = [long]4MB
$script:StandInNoSpace = 'There is not enough space on the disk. (0x80070070).'

function Get-StandInFreeSpace {
    # Returns the free bytes of a volume: the configured number, or its size without the size of its files.
    param([Parameter(Mandatory)] $Volume)

    if ($Volume.free_bytes -gt 0) { return [long]$Volume.free_bytes }
    if (-not [System.IO.Directory]::Exists($Volume.path)) { return [long]0 }
    $free = [long]$Volume.size_bytes
    foreach ($file in [System.IO.Directory]::GetFiles($Volume.path, '*', [System.IO.SearchOption]::AllDirectories)) {
        $free -= (New-Object -TypeName System.IO.FileInfo -ArgumentList $file).Length
    }
    return [System.Math]::Max($free, [long]0)
}

function Test-StandInFull {
    # Reports whether the volume of a file has fewer free bytes than Bytes. Other volumes are never full.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [long] $Bytes)

    $separator = [string][System.IO.Path]::DirectorySeparatorChar
    foreach ($volume in $State.host.shared_volumes) {
        $root = $volume.path.TrimEnd('\', '/') + $separator
        if (($Path + $separator).StartsWith($root, [System.StringComparison]::OrdinalIgnoreCase)) {
            return $Bytes -gt (Get-StandInFreeSpace -Volume $volume)
        }
    }
    return $false
}
