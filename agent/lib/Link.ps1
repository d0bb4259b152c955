# Links: junctions, mount points and symbolic links. Whoever may write to a folder of virtual machines can put one there, to a folder that
# only the agent's account may change. The agent neither follows nor removes links below the folder that the user named.

function Test-HostLink {
    <#
    .SYNOPSIS
    Reports whether a path is a link, wherever it leads.
    .DESCRIPTION
    Each folder with a reparse point counts. Files of deduplicated volumes have one too, and are no links:
    https://learn.microsoft.com/windows/win32/fileio/reparse-point-tags
    #>
    param([Parameter(Mandatory)] [string] $Path)

    try {
        $attributes = [System.IO.File]::GetAttributes($Path) # those of the link
    } catch {
        $cause = $_.Exception.GetBaseException()
        if ($cause -is [System.IO.FileNotFoundException] -or $cause -is [System.IO.DirectoryNotFoundException]) { return $false }
        throw
    }
    if (($attributes -band [System.IO.FileAttributes]::ReparsePoint) -eq 0) { return $false }
    if (($attributes -band [System.IO.FileAttributes]::Directory) -ne 0) { return $true }
    $type = Get-OptionalProperty -Value (Get-Item -LiteralPath $Path -Force) -Name 'LinkType'
    return @('SymbolicLink', 'Junction') -contains $type
}

function Find-JobLink {
    # Returns the first link on the way from the folder of all jobs, or from another folder of a job, down to Path, or nothing.
    param([Parameter(Mandatory)] [string] $Folder, [string] $Path = $Folder)

    $separator = [System.IO.Path]::DirectorySeparatorChar
    $at = [System.IO.Path]::GetFullPath($Folder).TrimEnd($separator)
    $parent = [System.IO.Path]::GetDirectoryName($at)
    if ((Test-SameName -Left ([System.IO.Path]::GetFileName($parent)) -Right 'hypervvm') -and (Test-HostLink -Path $parent)) { return $parent }
    $rest = [System.IO.Path]::GetFullPath($Path).Substring($at.Length)
    if (Test-HostLink -Path $at) { return $at }
    foreach ($name in $rest.Split([char[]]$separator, [System.StringSplitOptions]::RemoveEmptyEntries)) {
        $at = [System.IO.Path]::Combine($at, $name)
        if (Test-HostLink -Path $at) { return $at }
    }
}

function Assert-NoJobLink {
    # Throws when the way from the folder of a job down to Path leads through a link.
    param([Parameter(Mandatory)] [string] $Folder, [string] $Path = $Folder)

    $link = Find-JobLink -Folder $Folder -Path $Path
    if ($link) { throw (New-AgentError -MessageId 'link_refused' -Values @{ path = $link }) }
}

function Test-WithinFolder {
    # Reports whether a path is in a folder.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Path)

    $start = [System.IO.Path]::GetFullPath($Folder).TrimEnd([System.IO.Path]::DirectorySeparatorChar) + [System.IO.Path]::DirectorySeparatorChar
    return [System.IO.Path]::GetFullPath($Path).StartsWith($start, [System.StringComparison]::OrdinalIgnoreCase)
}

function Remove-EmptyFolder {
    # Removes a folder with its empty subfolders. Reports whether it is gone; a file or a link in any of them keeps it. Links are added to
    # Link.
    param([Parameter(Mandatory)] [string] $Path, [AllowNull()] [System.Collections.ArrayList] $Link)

    if (Test-HostLink -Path $Path) {
        if ($null -ne $Link) { $null = $Link.Add($Path) }
        return $false
    }
    if (-not [System.IO.Directory]::Exists($Path)) { return $true }
    $empty = $true
    foreach ($entry in [System.IO.Directory]::GetFileSystemEntries($Path)) {
        if ([System.IO.Directory]::Exists($entry) -or (Test-HostLink -Path $entry)) {
            if (-not (Remove-EmptyFolder -Path $entry -Link $Link)) { $empty = $false }
        } elseif ([System.IO.File]::Exists($entry)) {
            # What is listed but does not exist is being deleted: it vanishes when the last process closes it.
            $empty = $false
        }
    }
    if ($empty) { Remove-HostFolder -Path $Path }
    return $empty
}

function Remove-OwnFolder {
    # Removes the folder of a job with its manifest, and the folder of all jobs when it is empty then. Throws when anything else is in it:
    # the text names links, and is that of MessageId when there are none.
    param([Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $MessageId, [int] $Limit = $script:AgentBusyMilliseconds)

    foreach ($name in $script:AgentManifestName, ($script:AgentManifestName + '.new')) {
        Remove-OwnFile -Folder $Folder -Path ([System.IO.Path]::Combine($Folder, $name)) -Limit $Limit
    }
    $links = New-Object -TypeName System.Collections.ArrayList
    if (-not (Remove-EmptyFolder -Path $Folder -Link $links)) {
        if ($links.Count -gt 0) { throw (Get-AgentMessage -Id 'leftover_links' -Values @{ links = (Join-AgentText -Text $links.ToArray()) }).Message }
        throw (Get-AgentMessage -Id $MessageId).Message
    }
    $parent = [System.IO.Path]::GetDirectoryName($Folder)
    if (Test-SameName -Left ([System.IO.Path]::GetFileName($parent)) -Right 'hypervvm') { Remove-JobsFolder -Path $parent }
}
