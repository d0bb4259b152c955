# Paths that Hyper-V's cmdlets or Windows cannot use.

# The longest path that Windows PowerShell and Hyper-V accept (MAX_PATH without its end).
# https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation
$script:AgentPathLimit = if ([System.IO.Path]::DirectorySeparatorChar -eq '\') { 259 } else { 4095 }

function Get-CanonicalPath {
    <#
    .SYNOPSIS
    Returns a path in the form in which Windows returns paths: with its separators, and without ., .. and a separator at the end.
    .DESCRIPTION
    D:/VMs, D:\VMs\ and D:\VMs\.\x\.. are one folder: https://learn.microsoft.com/dotnet/standard/io/file-path-formats#path-normalization.
    Paths of files that jobs create begin with it, so that they equal what Hyper-V returns. What is no path is returned as it is: the
    checks of the folder report it.
    #>
    param([AllowNull()] [AllowEmptyString()] [string] $Path)

    try {
        if (-not $Path -or -not [System.IO.Path]::IsPathRooted($Path)) { return $Path }
        $full = [System.IO.Path]::GetFullPath($Path)
    } catch {
        return $Path
    }
    if ($full.Length -le [System.IO.Path]::GetPathRoot($full).Length) { return $full }
    return $full.TrimEnd([System.IO.Path]::DirectorySeparatorChar)
}

function Test-SamePath {
    # Reports whether two paths are equal as Windows compares them: in canonical form, ignoring case. Links are not followed.
    param([AllowNull()] [AllowEmptyString()] [string] $Left, [AllowNull()] [AllowEmptyString()] [string] $Right)

    if (Test-SameName -Left $Left -Right $Right) { return $true }
    return Test-SameName -Left (Get-CanonicalPath -Path $Left) -Right (Get-CanonicalPath -Path $Right)
}

function Find-SamePath {
    # Returns the one of several paths that is Path, in any spelling, or nothing.
    param([Parameter(Mandatory)] [AllowEmptyString()] [string] $Path, [Parameter(Mandatory)] [AllowEmptyCollection()] [AllowEmptyString()] [string[]] $Among)

    if (-not $Path) { return }
    foreach ($item in $Among) { if (Test-SamePath -Left $item -Right $Path) { return $item } }
}

function Get-DiskBaseName {
    <#
    .SYNOPSIS
    Returns the name of a virtual machine as the base of the names of its disks.
    .DESCRIPTION
    The cmdlets for disks treat their -Path as a wildcard pattern, for which they have no escape, and put it into a query: brackets, a
    backtick or a quotation mark in it find no file, or another one. Only the names of the files are without them.
    #>
    param([Parameter(Mandatory)] [string] $VMName)

    return [System.Text.RegularExpressions.Regex]::Replace($VMName, '[\[\]`'']', '_')
}

function Get-PathFinding {
    # Returns a finding about the path of an existing file or folder that the cmdlets cannot resolve.
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] [string] $Path, [switch] $Folder)

    $name = [System.IO.Path]::GetFileName($Path)
    # A quotation mark in a folder is escaped in the query.
    if ($Path -notmatch '[\[\]`]' -and ($Folder -or -not $name.Contains("'"))) { return }
    New-JobFinding -Field $Field -MessageId 'path_unsupported' -Values @{ path = $Path }
}

function Get-PathLengthFinding {
    # Returns a finding when a file of a new virtual machine would have too long a path. Target is the folder of new virtual machines.
    param([Parameter(Mandatory)] [string] $Target, [Parameter(Mandatory)] $Fields)

    $guid = [guid]::Empty.ToString()
    $folder = [System.IO.Path]::Combine($Target, 'hypervvm', $guid)
    $name = $Fields['vm_name']
    $paths = @([System.IO.Path]::Combine($folder, $name, 'Virtual Machines', "$guid.vmcx"))
    foreach ($disk in @(@{ Name = '' }) + @(Get-DataDiskSpec -Value $Fields['data_disks'] | Where-Object -FilterScript { -not $_.Existing })) {
        # With the end of the name of a checkpoint's disk.
        $paths += [System.IO.Path]::Combine($folder, "$name.$($disk.Name)_$guid.avhdx")
    }
    $length = ($paths | Measure-Object -Property Length -Maximum).Maximum
    if ($length -le $script:AgentPathLimit) { return }
    New-JobFinding -Field 'vm_name' -MessageId 'path_too_long' -Values @{ folder = $Target; length = $length; limit = $script:AgentPathLimit; excess = $length - $script:AgentPathLimit }
}
