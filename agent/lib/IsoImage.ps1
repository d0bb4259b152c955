# ISO images: a writer of ISO 9660 with Rock Ridge and Joliet. All is done in memory, and nothing in the image depends on the clock, so
# that the same files make the same bytes.
#
# Sources: ECMA-119 (https://ecma-international.org/publications-and-standards/standards/ecma-119/), the Joliet specification, and the
# System Use Sharing Protocol with the Rock Ridge Interchange Protocol (IEEE P1281 and P1282). Linux reads the names of Rock Ridge, Windows
# those of Joliet, and simple readers those of ISO 9660.

# The size of a logical sector, in bytes.
$script:AgentIsoSectorSize = 2048

# The sectors before the root folder: 16 reserved ones, two descriptors, the end of descriptors, and two path tables in two byte orders.
$script:AgentIsoRootSector = 23

# Empty sectors at the end: readers that read ahead fail at the end of a medium otherwise.
$script:AgentIsoPadding = 16

# The largest size of a file, and of all files, in bytes. They are in memory.
$script:AgentIsoMaxSize = 67108864

# The longest name: 64 units of UTF-16 (Joliet), and what a directory record of 254 bytes leaves for the name of Rock Ridge.
$script:AgentIsoMaxNameUnits = 64
$script:AgentIsoMaxNameBytes = 160

# The date of all files and of the volume, as in a directory record (years since 1900) and in a descriptor.
$script:AgentIsoRecordDate = [byte[]]@(120, 1, 1, 0, 0, 0, 0)
$script:AgentIsoVolumeDate = '2020010100000000'

function New-IsoImage {
    <#
    .SYNOPSIS
    Returns the bytes of an ISO image with files in its root folder.
    .DESCRIPTION
    Throws when a name cannot be written, or when two names are equal without letter case.
    .PARAMETER Label
    The volume label: 1 to 16 characters of a-z, A-Z, 0-9 and _.
    .PARAMETER Files
    The contents, as byte arrays, by name. A name has up to 64 characters and 160 bytes of UTF-8, without control characters and * / : ; ? \.
    #>
    param([Parameter(Mandatory)] [string] $Label, [Parameter(Mandatory)] [System.Collections.IDictionary] $Files)

    if ($Label -cnotmatch '\A[A-Za-z0-9_]{1,16}\z') { throw (New-AgentError -MessageId 'iso_label' -Values @{ label = $Label }) }
    $entries = Get-IsoEntry -Files $Files
    $root = Join-IsoRecord -Records @(Get-IsoRecordLength -Entries $entries -Joliet $false)
    $byName = [System.Collections.Generic.SortedDictionary[string, object]]::new([System.StringComparer]::Ordinal)
    foreach ($entry in $entries) { $byName[$entry.Name] = $entry }
    $jolietEntries = [object[]]@($byName.Values)
    $jolietRoot = Join-IsoRecord -Records @(Get-IsoRecordLength -Entries $jolietEntries -Joliet $true)
    $extension = $script:AgentIsoRootSector + $root.Sectors
    $jolietSector = $extension + 1
    $sector = $jolietSector + $jolietRoot.Sectors
    # An empty file has a sector that no folder is in: readers may look up a folder by its sector.
    foreach ($entry in $entries) {
        $entry.Sector = $sector
        $sector += [System.Math]::Max(1, [int][System.Math]::Ceiling($entry.Content.Length / $script:AgentIsoSectorSize))
    }
    $image = [byte[]]::new(($sector + $script:AgentIsoPadding) * $script:AgentIsoSectorSize)
    $size = $image.Length / $script:AgentIsoSectorSize
    Write-IsoDescriptor -Image $image -Sector 16 -Label $Label -Joliet $false -Size $size -Root $script:AgentIsoRootSector -RootSectors $root.Sectors
    Write-IsoDescriptor -Image $image -Sector 17 -Label $Label -Joliet $true -Size $size -Root $jolietSector -RootSectors $jolietRoot.Sectors
    Write-IsoText -Image $image -Offset (18 * $script:AgentIsoSectorSize) -Text "$([char]255)CD001$([char]1)"
    Write-IsoPathTable -Image $image -Sector 19 -Root $script:AgentIsoRootSector
    Write-IsoPathTable -Image $image -Sector 21 -Root $jolietSector
    Write-IsoFolder -Image $image -Entries $entries -Sector $script:AgentIsoRootSector -Layout $root -Joliet $false -Extension $extension
    Write-IsoFolder -Image $image -Entries $jolietEntries -Sector $jolietSector -Layout $jolietRoot -Joliet $true -Extension 0
    Write-IsoExtension -Image $image -Offset ($extension * $script:AgentIsoSectorSize)
    foreach ($entry in $entries) { [System.Array]::Copy($entry.Content, 0, $image, $entry.Sector * $script:AgentIsoSectorSize, $entry.Content.Length) }
    return , $image
}

function Get-IsoEntry {
    # Returns a table for each file, sorted as ISO 9660 requires: Name, Plain (the name of ISO 9660), RockRidge and Joliet (bytes), Content, Sector.
    param([Parameter(Mandatory)] [System.Collections.IDictionary] $Files)

    $byPlain = [System.Collections.Generic.SortedDictionary[string, object]]::new([System.StringComparer]::Ordinal)
    $seen = [System.Collections.Generic.HashSet[string]]::new([System.StringComparer]::OrdinalIgnoreCase)
    $total = 0
    foreach ($name in $Files.Keys) {
        $utf8 = [System.Text.Encoding]::UTF8.GetBytes($name)
        if ($name.Length -eq 0 -or $name.Length -gt $script:AgentIsoMaxNameUnits -or $utf8.Length -gt $script:AgentIsoMaxNameBytes -or $name -cmatch '[\x00-\x1f\x7f*/:;?\\]' -or
            $name -eq '.' -or $name -eq '..' -or -not $seen.Add($name)) {
            throw (New-AgentError -MessageId 'iso_name' -Values @{ name = $name })
        }
        $total += $Files[$name].Length
        if ($total -gt $script:AgentIsoMaxSize) { throw (New-AgentError -MessageId 'iso_size' -Values @{ limit = $script:AgentIsoMaxSize }) }
        $plain = Get-IsoPlainName -Name $name -Taken $byPlain
        $byPlain[$plain] = @{
            Name = $name; Plain = [System.Text.Encoding]::ASCII.GetBytes($plain); RockRidge = $utf8
            Joliet = [System.Text.Encoding]::BigEndianUnicode.GetBytes($name); Content = $Files[$name]; Sector = 0
        }
    }
    return , [object[]]@($byPlain.Values)
}

function Get-IsoPlainName {
    # Returns a free name of ISO 9660 in the form of 8.3 with a version, such as USER-DAT.;1.
    param([Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] $Taken)

    $dot = $Name.LastIndexOf('.')
    $stem = if ($dot -gt 0) { $Name.Substring(0, $dot) } else { $Name }
    $extension = if ($dot -gt 0) { $Name.Substring($dot + 1) } else { '' }
    $stem = [regex]::Replace($stem.ToUpperInvariant(), '[^A-Z0-9_-]', '_')
    $extension = [regex]::Replace($extension.ToUpperInvariant(), '[^A-Z0-9_-]', '_')
    $extension = $extension.Substring(0, [System.Math]::Min(3, $extension.Length))
    for ($i = 0; ; $i++) {
        $suffix = if ($i -eq 0) { '' } else { "$i" }
        $plain = $stem.Substring(0, [System.Math]::Min(8 - $suffix.Length, $stem.Length)) + $suffix + '.' + $extension + ';1'
        if (-not $Taken.ContainsKey($plain)) { return $plain }
    }
}

function Get-IsoRecordLength {
    # Returns the lengths of a folder's records in bytes: itself, its parent, and each file.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Entries, [Parameter(Mandatory)] [bool] $Joliet)

    # Without Joliet: SP (7), PX (36) and CE (28) in the first record, PX in the second.
    if ($Joliet) { 34; 34 } else { 34 + 72; 34 + 36 }
    foreach ($entry in $Entries) {
        $name = if ($Joliet) { $entry.Joliet.Length } else { $entry.Plain.Length }
        $length = 33 + $name
        $length += $length % 2
        if (-not $Joliet) { $length += 36 + 5 + $entry.RockRidge.Length }
        $length + $length % 2
    }
}

function Join-IsoRecord {
    # Places records in sectors: a record does not cross the end of one. Returns the offsets within the folder, and the number of sectors.
    param([Parameter(Mandatory)] [int[]] $Records)

    $offset = 0
    $offsets = foreach ($length in $Records) {
        $left = $script:AgentIsoSectorSize - $offset % $script:AgentIsoSectorSize
        if ($length -gt $left) { $offset += $left }
        $offset
        $offset += $length
    }
    return @{ Records = $Records; Offsets = [int[]]@($offsets); Sectors = [int][System.Math]::Ceiling($offset / $script:AgentIsoSectorSize) }
}

function Write-IsoNumber {
    # Writes a number of 2 or 4 bytes in both byte orders, as most fields have it, or in one.
    param(
        [Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Offset, [Parameter(Mandatory)] [uint32] $Value, [int] $Bytes = 4,
        [ValidateSet('both', 'little', 'big')] [string] $Order = 'both'
    )

    $little = [System.BitConverter]::GetBytes($Value)
    if (-not [System.BitConverter]::IsLittleEndian) { [System.Array]::Reverse($little) }
    if ($Order -ne 'big') {
        [System.Array]::Copy($little, 0, $Image, $Offset, $Bytes)
        $Offset += $Bytes
    }
    if ($Order -ne 'little') {
        for ($i = 0; $i -lt $Bytes; $i++) { $Image[$Offset + $i] = $little[$Bytes - 1 - $i] }
    }
}

function Write-IsoText {
    # Writes text, one byte for each character, or two in big-endian order. With a length, blanks follow.
    param([Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Offset, [Parameter(Mandatory)] [AllowEmptyString()] [string] $Text, [int] $Length = 0, [bool] $Wide = $false)

    $encoding = if ($Wide) { [System.Text.Encoding]::BigEndianUnicode } else { [System.Text.Encoding]::GetEncoding(28591) }
    if ($Length -gt 0) { $Text = $Text.PadRight([int][System.Math]::Floor($Length / (1 + [int]$Wide))) }
    $bytes = $encoding.GetBytes($Text)
    [System.Array]::Copy($bytes, 0, $Image, $Offset, $bytes.Length)
}

function Write-IsoDescriptor {
    # Writes the primary volume descriptor (ECMA-119 8.4), or the supplementary one of Joliet (8.5, escape sequence of UCS-2 level 3).
    param(
        [Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Sector, [Parameter(Mandatory)] [string] $Label, [Parameter(Mandatory)] [bool] $Joliet,
        [Parameter(Mandatory)] [int] $Size, [Parameter(Mandatory)] [int] $Root, [Parameter(Mandatory)] [int] $RootSectors
    )

    $at = $Sector * $script:AgentIsoSectorSize
    Write-IsoText -Image $Image -Offset $at -Text "$([char](1 + [int]$Joliet))CD001$([char]1)"
    Write-IsoText -Image $Image -Offset ($at + 8) -Text '' -Length 32 -Wide $Joliet
    Write-IsoText -Image $Image -Offset ($at + 40) -Text $Label -Length 32 -Wide $Joliet
    Write-IsoNumber -Image $Image -Offset ($at + 80) -Value $Size
    if ($Joliet) { Write-IsoText -Image $Image -Offset ($at + 88) -Text '%/E' }
    Write-IsoNumber -Image $Image -Offset ($at + 120) -Value 1 -Bytes 2
    Write-IsoNumber -Image $Image -Offset ($at + 124) -Value 1 -Bytes 2
    Write-IsoNumber -Image $Image -Offset ($at + 128) -Value $script:AgentIsoSectorSize -Bytes 2
    Write-IsoNumber -Image $Image -Offset ($at + 132) -Value 10 # the size of a path table with the root only
    $table = 19 + 2 * [int]$Joliet
    Write-IsoNumber -Image $Image -Offset ($at + 140) -Value $table -Order little
    Write-IsoNumber -Image $Image -Offset ($at + 148) -Value ($table + 1) -Order big
    Write-IsoRecord -Image $Image -Offset ($at + 156) -Length 34 -Sector $Root -Size ($RootSectors * $script:AgentIsoSectorSize) -Folder $true -Name ([byte[]]@(0))
    Write-IsoText -Image $Image -Offset ($at + 190) -Text '' -Length 512 -Wide $Joliet # identifiers of the set, the publisher, the preparer and the application
    Write-IsoText -Image $Image -Offset ($at + 702) -Text '' -Length 110 -Wide $Joliet # identifiers of three files
    if ($Joliet) { $Image[$at + 812] = 32 } # each of these has 37 bytes, which is odd: the last one is a blank
    foreach ($offset in 813, 830, 864) { Write-IsoText -Image $Image -Offset ($at + $offset) -Text $script:AgentIsoVolumeDate }
    Write-IsoText -Image $Image -Offset ($at + 847) -Text ('0' * 16) # never expires
    $Image[$at + 881] = 1
}

function Write-IsoPathTable {
    # Writes the path table, whose only folder is the root, in both byte orders: one sector for each.
    param([Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Sector, [Parameter(Mandatory)] [int] $Root)

    foreach ($order in 'little', 'big') {
        $at = $Sector * $script:AgentIsoSectorSize
        $Image[$at] = 1
        Write-IsoNumber -Image $Image -Offset ($at + 2) -Value $Root -Order $order
        Write-IsoNumber -Image $Image -Offset ($at + 6) -Value 1 -Bytes 2 -Order $order
        $Sector++
    }
}

function Write-IsoRecord {
    # Writes a directory record (ECMA-119 9.1) without its system use field.
    param(
        [Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Offset, [Parameter(Mandatory)] [int] $Length, [Parameter(Mandatory)] [int] $Sector,
        [Parameter(Mandatory)] [int] $Size, [Parameter(Mandatory)] [bool] $Folder, [Parameter(Mandatory)] [byte[]] $Name
    )

    $Image[$Offset] = $Length
    Write-IsoNumber -Image $Image -Offset ($Offset + 2) -Value $Sector
    Write-IsoNumber -Image $Image -Offset ($Offset + 10) -Value $Size
    [System.Array]::Copy($script:AgentIsoRecordDate, 0, $Image, $Offset + 18, 7)
    if ($Folder) { $Image[$Offset + 25] = 2 }
    Write-IsoNumber -Image $Image -Offset ($Offset + 28) -Value 1 -Bytes 2
    $Image[$Offset + 32] = $Name.Length
    [System.Array]::Copy($Name, 0, $Image, $Offset + 33, $Name.Length)
}

function Write-IsoFolder {
    # Writes the root folder: itself, its parent (itself as well), and the files.
    param(
        [Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Entries, [Parameter(Mandatory)] [int] $Sector,
        [Parameter(Mandatory)] $Layout, [Parameter(Mandatory)] [bool] $Joliet, [Parameter(Mandatory)] [int] $Extension
    )

    $start = $Sector * $script:AgentIsoSectorSize
    foreach ($i in 0, 1) {
        $at = $start + $Layout.Offsets[$i]
        Write-IsoRecord -Image $Image -Offset $at -Length $Layout.Records[$i] -Sector $Sector -Size ($Layout.Sectors * $script:AgentIsoSectorSize) -Folder $true -Name ([byte[]]@($i))
        if ($Joliet) { continue }
        $at += 34
        if ($i -eq 0) {
            Write-IsoText -Image $Image -Offset $at -Text "SP$([char]7)$([char]1)$([char]0xbe)$([char]0xef)$([char]0)"
            $at += 7
        }
        Write-IsoMode -Image $Image -Offset $at -Mode 0x416d -Links 2 # drwxr-xr-x is 0x41ed; without write access 0x416d
        if ($i -eq 0) {
            Write-IsoText -Image $Image -Offset ($at + 36) -Text "CE$([char]28)$([char]1)"
            Write-IsoNumber -Image $Image -Offset ($at + 40) -Value $Extension
            Write-IsoNumber -Image $Image -Offset ($at + 56) -Value 237
        }
    }
    for ($i = 0; $i -lt $Entries.Count; $i++) {
        $entry = $Entries[$i]
        $at = $start + $Layout.Offsets[$i + 2]
        $name = if ($Joliet) { $entry.Joliet } else { $entry.Plain }
        Write-IsoRecord -Image $Image -Offset $at -Length $Layout.Records[$i + 2] -Sector $entry.Sector -Size $entry.Content.Length -Folder $false -Name $name
        if ($Joliet) { continue }
        $at += 33 + $name.Length + (33 + $name.Length) % 2
        Write-IsoMode -Image $Image -Offset $at -Mode 0x8100 -Links 1 # only the owner reads: -r--------
        Write-IsoText -Image $Image -Offset ($at + 36) -Text "NM$([char](5 + $entry.RockRidge.Length))$([char]1)"
        [System.Array]::Copy($entry.RockRidge, 0, $Image, $at + 41, $entry.RockRidge.Length)
    }
}

function Write-IsoMode {
    # Writes the POSIX attributes of a file (PX): its mode and number of links. User and group are 0.
    param([Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Offset, [Parameter(Mandatory)] [int] $Mode, [Parameter(Mandatory)] [int] $Links)

    Write-IsoText -Image $Image -Offset $Offset -Text "PX$([char]36)$([char]1)"
    Write-IsoNumber -Image $Image -Offset ($Offset + 4) -Value $Mode
    Write-IsoNumber -Image $Image -Offset ($Offset + 12) -Value $Links
}

function Write-IsoExtension {
    # Writes the identification of Rock Ridge (ER), in the words of the protocol: 237 bytes.
    param([Parameter(Mandatory)] [byte[]] $Image, [Parameter(Mandatory)] [int] $Offset)

    $id = 'RRIP_1991A'
    $description = 'THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS'
    $source = 'PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.'
    $lengths = "$([char]237)$([char]1)$([char]$id.Length)$([char]$description.Length)$([char]$source.Length)$([char]1)"
    Write-IsoText -Image $Image -Offset $Offset -Text "ER$lengths$id$description$source"
}
