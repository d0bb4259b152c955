# Which disk is the parent of another, from the metadata in its file: Get-VHD makes several calls of WMI for each disk. VHDX:
# https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx, VHD: https://learn.microsoft.com/windows/win32/vstor/about-vhd.

$script:AgentDiskRegion = [guid]'8b7ca206-4790-4b9a-b8fe-575f050f886e' # the metadata, 2.2.3.2
$script:AgentDiskParameters = [guid]'caa16737-fa36-4d43-b3b6-33f0aa44e76b' # 2.6.2.1
$script:AgentDiskLocator = [guid]'a8d35f2d-b30b-454d-abf7-d3d84834ab0c' # 2.6.2.6

function Get-DiskLink {
    <#
    .SYNOPSIS
    Returns the possible paths of the parent of a disk.
    .DESCRIPTION
    Known is false when the file does not tell: it cannot be read, it is no VHDX or VHD file, or its log has changes that are not applied.
    InUse says that this is because another process has it open. Parents are the paths that the file names, of which one or none exists.
    #>
    param([Parameter(Mandatory)] [string] $Path)

    $link = @{ Known = $false; InUse = $false; Parents = @() }
    try {
        $file = New-Object -TypeName System.IO.FileStream -ArgumentList $Path, ([System.IO.FileMode]::Open), ([System.IO.FileAccess]::Read), ([System.IO.FileShare]'ReadWrite, Delete'), 4096
    } catch {
        $link.InUse = Test-FileBusy -ErrorRecord $_
        return $link
    }
    try {
        switch (Read-DiskText -File $file -Offset 0) {
            'vhdxfile' { Read-VhdxLink -File $file -Link $link }
            'conectix' { $link.Known = (Read-DiskPart -File $file -Offset 60 -Count 4)[3] -eq 3 } # dynamic; a differencing disk is left to Get-VHD
            default { $link.Known = (Read-DiskText -File $file -Offset ($file.Length - 512)) -eq 'conectix' -and (Read-DiskPart -File $file -Offset ($file.Length - 452) -Count 4)[3] -eq 2 } # fixed
        }
    } catch {
        # A part that is not where it has to be, or a region of a busy file that is locked.
        $link.Known = $false
        $link.InUse = Test-FileBusy -ErrorRecord $_
    } finally {
        $file.Dispose()
    }
    return $link
}

function Read-DiskPart {
    # Returns bytes of a file.
    param([Parameter(Mandatory)] $File, [Parameter(Mandatory)] [long] $Offset, [Parameter(Mandatory)] [int] $Count)

    if ($Offset -lt 0 -or $Count -lt 0 -or $Count -gt 1MB -or $Offset + $Count -gt $File.Length) { throw 'the file is too short' }
    $part = New-Object -TypeName 'System.Byte[]' -ArgumentList $Count
    $null = $File.Seek($Offset, [System.IO.SeekOrigin]::Begin)
    $got = 0
    while ($got -lt $Count) {
        $read = $File.Read($part, $got, $Count - $got)
        if ($read -le 0) { throw 'the file is too short' }
        $got += $read
    }
    return , $part
}

function Read-DiskText {
    # Returns eight bytes of a file as text.
    param([Parameter(Mandatory)] $File, [Parameter(Mandatory)] [long] $Offset)

    return [System.Text.Encoding]::ASCII.GetString((Read-DiskPart -File $File -Offset $Offset -Count 8))
}

function Read-VhdxLink {
    # Reads the parent of a VHDX file into a link.
    param([Parameter(Mandatory)] $File, [Parameter(Mandatory)] $Link)

    # The current header is the one with the higher number. With a log, the metadata may not be current.
    $header = $null
    $highest = [uint64]0
    foreach ($offset in 64KB, 128KB) {
        $part = Read-DiskPart -File $File -Offset $offset -Count 80
        $number = [System.BitConverter]::ToUInt64($part, 8)
        if ([System.Text.Encoding]::ASCII.GetString($part, 0, 4) -ne 'head' -or ($null -ne $header -and $number -le $highest)) { continue }
        $header = $part
        $highest = $number
    }
    if ($null -eq $header) { return }
    foreach ($byte in $header[48..63]) {
        if ($byte -ne 0) {
            $Link.InUse = $true
            return
        }
    }
    $table = Read-DiskPart -File $File -Offset 192KB -Count 8KB
    if ([System.Text.Encoding]::ASCII.GetString($table, 0, 4) -ne 'regi') { return }
    $start = Find-VhdxEntry -Table $table -First 16 -Count ([System.BitConverter]::ToUInt32($table, 8)) -Id $script:AgentDiskRegion
    if ($start -lt 0) { return }
    $base = [System.BitConverter]::ToInt64($table, $start + 16)
    $table = Read-DiskPart -File $File -Offset $base -Count 8KB
    if ([System.Text.Encoding]::ASCII.GetString($table, 0, 8) -ne 'metadata') { return }
    $count = [System.BitConverter]::ToUInt16($table, 10)
    $start = Find-VhdxEntry -Table $table -First 32 -Count $count -Id $script:AgentDiskParameters
    if ($start -lt 0) { return }
    $flags = [System.BitConverter]::ToUInt32((Read-DiskPart -File $File -Offset ($base + [System.BitConverter]::ToUInt32($table, $start + 16)) -Count 8), 4)
    if (($flags -band 2) -ne 0) {
        $start = Find-VhdxEntry -Table $table -First 32 -Count $count -Id $script:AgentDiskLocator
        if ($start -lt 0) { return }
        $part = Read-DiskPart -File $File -Offset ($base + [System.BitConverter]::ToUInt32($table, $start + 16)) -Count ([System.BitConverter]::ToUInt32($table, $start + 20))
        $Link.Parents = @(Get-LocatorPath -Locator $part -Folder ([System.IO.Path]::GetDirectoryName($File.Name)))
        if ($Link.Parents.Count -eq 0) { return }
    }
    $Link.Known = $true
}

function Find-VhdxEntry {
    # Returns where the entry with an identifier begins in a table of 32 bytes each, or -1.
    param([Parameter(Mandatory)] [byte[]] $Table, [Parameter(Mandatory)] [int] $First, [Parameter(Mandatory)] [long] $Count, [Parameter(Mandatory)] [guid] $Id)

    if ($Count -gt 2047) { throw 'the table is damaged' }
    for ($entry = 0; $entry -lt $Count; $entry++) {
        $start = $First + 32 * $entry
        if ((New-Object -TypeName System.Guid -ArgumentList (, [byte[]]$Table[$start..($start + 15)])) -eq $Id) { return $start }
    }
    return -1
}

function Get-LocatorPath {
    # Returns the paths in the parent locator of a VHDX file. Call it within @( ). The relative path is relative to the file.
    param([Parameter(Mandatory)] [byte[]] $Locator, [Parameter(Mandatory)] [string] $Folder)

    $count = [System.BitConverter]::ToUInt16($Locator, 18)
    for ($entry = 0; $entry -lt $count; $entry++) {
        $start = 20 + 12 * $entry
        $name = [System.Text.Encoding]::Unicode.GetString($Locator, [System.BitConverter]::ToUInt32($Locator, $start), [System.BitConverter]::ToUInt16($Locator, $start + 8))
        $value = [System.Text.Encoding]::Unicode.GetString($Locator, [System.BitConverter]::ToUInt32($Locator, $start + 4), [System.BitConverter]::ToUInt16($Locator, $start + 10))
        $null = [System.IO.Path]::GetFileName($value) # throws for what is no path
        if ($name -eq 'relative_path') { [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($Folder, $value)) }
        elseif ($name -eq 'absolute_win32_path' -or $name -eq 'volume_path') { $value -replace '^\\\\\?\\UNC\\', '\\' -replace '^\\\\\?\\(?!Volume)', '' }
    }
}

function Add-DiskChild {
    <#
    .SYNOPSIS
    Adds to Use which files of Own are parents of the disks in Children, and returns those of Children's parents that are not in Seen.
    .DESCRIPTION
    Children are results of Get-AttachedDisk by path. Doubt receives the paths of disks whose parent cannot be told until the time Until.
    #>
    param(
        [Parameter(Mandatory)] $Children,
        [Parameter(Mandatory)] [string[]] $Own,
        [Parameter(Mandatory)] $Use,
        [Parameter(Mandatory)] $Seen,
        [Parameter(Mandatory)] [AllowEmptyCollection()] [System.Collections.ArrayList] $Doubt,
        [Parameter(Mandatory)] [double] $Until
    )

    $names = @{}
    foreach ($file in $Own) { $names[[System.IO.Path]::GetFileName($file)] = $true }
    $parents = @{} # by the path of the child
    $slow = New-Object -TypeName System.Collections.ArrayList
    foreach ($path in $Children.Keys) {
        $Seen[$path] = $true
        # The path of a physical disk of the host is not the path of a file.
        if (-not [System.IO.File]::Exists($path)) { continue }
        $link = Get-DiskLink -Path $path
        # Several paths can name one file: Get-VHD says which file it is.
        if ($link.Known -and @($link.Parents | Where-Object -FilterScript { $names.ContainsKey([System.IO.Path]::GetFileName($_)) }).Count -eq 0) {
            $parents[$path] = @($link.Parents | Where-Object -FilterScript { [System.IO.File]::Exists($_) })
        } elseif (-not ($link.InUse -and (Test-DiskOpen -Disk $Children[$path]))) {
            $null = $slow.Add($path)
        }
    }
    for ($index = 0; $index -lt $slow.Count; $index += $script:AgentDiskBatch) {
        $batch = [string[]]$slow.GetRange($index, [System.Math]::Min($script:AgentDiskBatch, $slow.Count - $index)).ToArray()
        $known = @{}
        if ((Get-AgentTime) -lt $Until) { $known = Get-DiskInfo -Path $batch }
        foreach ($path in $batch) {
            if ($known.ContainsKey($path)) {
                if ($known[$path].ParentPath) { $parents[$path] = @([string]$known[$path].ParentPath) }
            } elseif ([System.IO.File]::Exists($path)) {
                $null = $Doubt.Add($path) # otherwise another job deleted it meanwhile, with its virtual machine
            }
        }
    }
    $next = @{}
    foreach ($path in $parents.Keys) {
        foreach ($parent in $parents[$path]) {
            $item = $Children[$path]
            $same = Find-SamePath -Path $parent -Among $Own
            if ($same -and -not $Use.ContainsKey($same)) {
                if ($item.Owner) { $Use[$same] = (Get-AgentMessage -Id 'leftover_vm_parent' -Values @{ vm = (Get-OwnerName -Disk $item) }).Message }
                else { $Use[$same] = (Get-AgentMessage -Id 'leftover_kept_parent' -Values @{ path = $item.Path }).Message }
            }
            if (-not $Seen.ContainsKey($parent)) { $next[$parent] = $item }
        }
    }
    return $next
}

function Test-DiskOpen {
    # Reports whether a disk is open because its virtual machine runs. Then its parents are open too, and Windows deletes no open file.
    param([Parameter(Mandatory)] $Disk)

    return $null -ne $Disk.VM -and @('off', 'saved', 'other') -notcontains (ConvertTo-PowerState -State $Disk.VM.State)
}

function Get-OwnerName {
    # Returns the name of the virtual machine that a result of Get-AttachedDisk belongs to; for the disk of a checkpoint, the GUID.
    param([Parameter(Mandatory)] $Disk)

    if ($null -ne $Disk.VM) { return [string]$Disk.VM.Name }
    return $Disk.Owner
}
