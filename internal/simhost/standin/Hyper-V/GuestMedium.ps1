# The ISO files in the DVD drives of a guest, as its operating system reads them.
#
# Written from ECMA-119 (https://ecma-international.org/publications-and-standards/standards/ecma-119/), the Joliet specification, the
# System Use Sharing Protocol (IEEE P1281) and the Rock Ridge Interchange Protocol (IEEE P1282), and checked with the images of other
# programs: it is the judge of the agent's writer, so it shares nothing with it.

$script:StandInSectorSize = 2048

# Media for the set-up of a guest are small. Larger files are those of installations, and not read into memory.
$script:StandInMediumLimit = 64MB

function Read-StandInMedium {
    <#
    .SYNOPSIS
    Returns the Label of an ISO file, and the Files of its root by name, as byte arrays. Returns nothing when it has no file system.
    .DESCRIPTION
    Windows takes the names of Joliet, otherwise the plain ones. Linux takes those of Rock Ridge, then Joliet, and shows plain ones in
    lower case without the version (mount option map=normal): https://github.com/torvalds/linux/blob/master/fs/isofs/inode.c
    #>
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $System)

    if ((New-Object -TypeName System.IO.FileInfo -ArgumentList $Path).Length -gt $script:StandInMediumLimit) { return }
    $bytes = [System.IO.File]::ReadAllBytes($Path)
    $primary = -1
    $joliet = -1
    for ($at = 16 * $script:StandInSectorSize; $at + $script:StandInSectorSize -le $bytes.Length; $at += $script:StandInSectorSize) {
        # Volume descriptors (ECMA-119 8): type, identifier, version. Type 255 is the last one.
        if ([System.Text.Encoding]::ASCII.GetString($bytes, $at + 1, 5) -cne 'CD001' -or $bytes[$at] -eq 255) { break }
        if ($bytes[$at] -eq 1 -and $primary -lt 0) { $primary = $at }
        # The escape sequences of Joliet say UCS-2, level 1, 2 or 3.
        if ($bytes[$at] -eq 2 -and @('%/@', '%/C', '%/E') -ccontains [System.Text.Encoding]::ASCII.GetString($bytes, $at + 88, 3)) { $joliet = $at }
    }
    if ($primary -lt 0) { return }
    $root = Get-StandInIsoRecord -Bytes $bytes -At ($primary + 156)
    $skip = Get-StandInRockRidge -Bytes $bytes -Root $root
    $wide = $joliet -ge 0 -and ($System -eq 'windows' -or $skip -lt 0)
    $volume = $primary
    $encoding = [System.Text.Encoding]::ASCII
    if ($wide) {
        $volume = $joliet
        $root = Get-StandInIsoRecord -Bytes $bytes -At ($joliet + 156)
        $encoding = [System.Text.Encoding]::BigEndianUnicode
    }
    $files = @{}
    foreach ($record in @(Get-StandInIsoFolder -Bytes $bytes -Folder $root)) {
        # Flags: 2 is a folder, 128 says that the file goes on in the next record.
        if ($record.Flags -band 2) { continue }
        if ($record.Flags -band 128) { throw 'the ISO file has a file with several extents, which the stand-in does not read' }
        $name = $null
        if (-not $wide -and $skip -ge 0 -and $System -ne 'windows') { $name = Get-StandInRockRidgeName -Bytes $bytes -Record $record -Skip $skip }
        if ($null -eq $name) {
            $name = $encoding.GetString($bytes, $record.NameAt, $record.NameLength) -replace ';\d+\z' -replace '\.\z'
            if (-not $wide -and $System -ne 'windows') { $name = $name.ToLowerInvariant() }
        }
        $content = New-Object -TypeName byte[] -ArgumentList $record.Size
        [System.Array]::Copy($bytes, [long]$record.Extent * $script:StandInSectorSize, $content, 0, $record.Size)
        $files[$name] = $content
    }
    return @{ Label = $encoding.GetString($bytes, $volume + 40, 32).TrimEnd(' ', [char]0); Files = $files }
}

function Get-StandInIsoRecord {
    # Returns a directory record (ECMA-119 9.1). Numbers are recorded in both byte orders, the low byte first.
    param([Parameter(Mandatory)] [byte[]] $Bytes, [Parameter(Mandatory)] [int] $At)

    $length = $Bytes[$At]
    $nameLength = $Bytes[$At + 32]
    $use = $At + 33 + $nameLength + (1 - $nameLength % 2)
    return @{
        Extent = [System.BitConverter]::ToUInt32($Bytes, $At + 2); Size = [System.BitConverter]::ToUInt32($Bytes, $At + 10); Flags = $Bytes[$At + 25]
        NameAt = $At + 33; NameLength = $nameLength; UseAt = $use; UseEnd = $At + $length
    }
}

function Get-StandInIsoFolder {
    # Returns the records of a folder, without those of itself and its parent. No record crosses the end of a sector.
    param([Parameter(Mandatory)] [byte[]] $Bytes, [Parameter(Mandatory)] $Folder)

    $at = [int]$Folder.Extent * $script:StandInSectorSize
    $end = $at + [int]$Folder.Size
    while ($at -lt $end) {
        if ($Bytes[$at] -eq 0) {
            $at += $script:StandInSectorSize - $at % $script:StandInSectorSize
            continue
        }
        $record = Get-StandInIsoRecord -Bytes $Bytes -At $at
        if (-not ($record.NameLength -eq 1 -and $Bytes[$record.NameAt] -le 1)) { $record }
        $at = $record.UseEnd
    }
}

function Get-StandInRockRidge {
    # Returns how many bytes of each system use area are not Rock Ridge's, or -1 where there is none. SP in the first record of the root says it.
    param([Parameter(Mandatory)] [byte[]] $Bytes, [Parameter(Mandatory)] $Root)

    $self = Get-StandInIsoRecord -Bytes $Bytes -At ([int]$Root.Extent * $script:StandInSectorSize)
    $at = $self.UseAt
    if ($at + 7 -gt $self.UseEnd -or [System.Text.Encoding]::ASCII.GetString($Bytes, $at, 2) -cne 'SP' -or $Bytes[$at + 4] -ne 0xBE -or $Bytes[$at + 5] -ne 0xEF) { return -1 }
    return [int]$Bytes[$at + 6]
}

function Get-StandInRockRidgeName {
    # Returns the name of a record in its NM entries, or nothing. Entries have a signature, a length and a version; CE continues elsewhere.
    param([Parameter(Mandatory)] [byte[]] $Bytes, [Parameter(Mandatory)] $Record, [Parameter(Mandatory)] [int] $Skip)

    $name = $null
    $at = $Record.UseAt + $Skip
    $end = $Record.UseEnd
    $next = $null
    while ($true) {
        while ($at + 4 -le $end -and $Bytes[$at + 2] -ge 4) {
            $signature = [System.Text.Encoding]::ASCII.GetString($Bytes, $at, 2)
            if ($signature -ceq 'ST') { break }
            if ($signature -ceq 'NM') { $name = "$name" + [System.Text.Encoding]::UTF8.GetString($Bytes, $at + 5, $Bytes[$at + 2] - 5) }
            if ($signature -ceq 'CE') {
                $start = [System.BitConverter]::ToUInt32($Bytes, $at + 4) * $script:StandInSectorSize + [System.BitConverter]::ToUInt32($Bytes, $at + 12)
                $next = @([int]$start, [int]($start + [System.BitConverter]::ToUInt32($Bytes, $at + 20)))
            }
            $at += $Bytes[$at + 2]
        }
        if ($null -eq $next) { return $name }
        $at, $end = $next
        $next = $null
    }
}
