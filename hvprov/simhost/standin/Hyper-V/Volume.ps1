# The volumes of a simulated cluster, which alone can be full.

# How many bytes the file of an empty virtual hard disk takes, beside what a fixed one holds.
$script:StandInDiskOverhead = [long]4MB
$script:StandInNoSpace = 'There is not enough space on the disk. (0x80070070).'

function Get-StandInFreeSpace {
    # Gives the bytes that are free on a volume: what is set, or else what the files there leave of its size.
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
    # Tells whether the volume that a file is on has too little space for so many bytes more. Other drives have enough.
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
