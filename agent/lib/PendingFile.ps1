# Files that a job had to delete and could not, because another process had them open: kept in the data folder, one list for each
# job, until a later job or session deletes them. Only files that a manifest or a journal recorded are ever in it.

# How many lists are kept, and for how many days. What is left then is only in the result of its job.
$script:AgentPendingLists = 200
$script:AgentPendingDays = 7

function Remove-JobOwnFile {
    # Deletes a file that a job created in Folder. When it stays in use, it is recorded for later jobs, and the error says so.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Folder,
        [Parameter(Mandatory)] [string] $Path,
        [int] $Limit = $script:AgentBusyMilliseconds
    )

    try {
        Remove-OwnFile -Folder $Folder -Path $Path -Context $Context -Job $Job -Limit $Limit
    } catch {
        if (-not (Test-FileBusy -ErrorRecord $_) -or -not (Add-PendingFile -Job $Job -Folder $Folder -Path $Path)) { throw }
        throw (Get-AgentMessage -Id 'leftover_retried' -Values @{ reason = (Get-FailureMessage -ErrorRecord $_) }).Message
    }
}

function Test-FilePending {
    # Reports whether a job has a list.
    param([Parameter(Mandatory)] $Job)

    return [System.IO.File]::Exists((Get-PendingPath -JobId $Job.Id))
}

function Get-PendingPath {
    # Returns the path of the list of a job.
    param([Parameter(Mandatory)] [string] $JobId)

    return [System.IO.Path]::Combine((Get-DataFolder -Name 'pending'), $JobId.ToLowerInvariant() + '.json')
}

function Add-PendingFile {
    # Adds a file to the list of its job. Reports whether it was added: there may be too many lists, or no data folder.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $Path)

    try {
        Initialize-DataFolder
        $root = Get-DataFolder -Name 'pending'
        $list = Get-PendingPath -JobId $Job.Id
        $files = New-Object -TypeName System.Collections.ArrayList
        if ([System.IO.File]::Exists($list)) {
            foreach ($file in @((Read-PendingFile -Path $list).Files)) { $null = $files.Add($file) }
        } elseif ([System.IO.Directory]::GetFiles($root, '*.json').Length -ge $script:AgentPendingLists) {
            return $false
        }
        $null = $files.Add([ordered]@{ path = $Path; created = Get-FileCreation -Path $Path })
        Write-AtomicFile -Path $list -Text (ConvertTo-AgentJson -Value ([ordered]@{
                    format = 1; job = $Job.Id; folder = $Folder; files = [object[]]$files.ToArray()
                }))
        return $true
    } catch {
        $null = $_ # The file is reported as a leftover in any case.
        return $false
    }
}

function Get-FileCreation {
    # Returns the time at which a file was created, as text: another file of the same name is not the job's.
    param([Parameter(Mandatory)] [string] $Path)

    return [System.IO.File]::GetCreationTimeUtc($Path).Ticks.ToString([System.Globalization.CultureInfo]::InvariantCulture)
}

function Read-PendingFile {
    # Returns the Folder and the Files of a list.
    param([Parameter(Mandatory)] [string] $Path)

    $value = ConvertFrom-AgentJson -Text (Read-SharedFile -Path $Path)
    $files = @(Get-AgentProperty -Value $value -Name 'files')
    return @{
        Folder = Get-AgentText -Value $value -Name 'folder'
        Files  = @($files | ForEach-Object -Process { [ordered]@{ path = [string]$_.path; created = [string]$_.created } })
    }
}

function Clear-PendingFile {
    <#
    .SYNOPSIS
    Deletes the files that earlier jobs could not delete, each with one attempt, and the folders that are empty then.
    .DESCRIPTION
    A file that a virtual machine uses by now, or that was replaced, is kept and no longer listed. Job receives an event for each
    deleted file. Throws nothing: the caller has other work to do.
    #>
    param([AllowNull()] $Context = $null, [AllowNull()] $Job = $null)

    $root = Get-DataFolder -Name 'pending'
    if (-not [System.IO.Directory]::Exists($root)) { return }
    $lock = $null
    try {
        $lists = [System.IO.Directory]::GetFiles($root, '*.json')
        if ($lists.Length -eq 0) { return }
        $lock = Lock-File -Path ([System.IO.Path]::Combine($root, 'lock'))
        if ($null -eq $lock) { return } # another process does it
        foreach ($list in $lists) {
            try { Clear-PendingList -Context $Context -Job $Job -Path $list } catch {
                [System.Console]::Error.WriteLine("${list}: $($_.Exception.Message)")
            }
        }
    } catch {
        [System.Console]::Error.WriteLine("${root}: $($_.Exception.Message)")
    } finally {
        if ($null -ne $lock) { $lock.Dispose() }
    }
}

function Clear-PendingList {
    # Deletes the files of one list, and the list when none is left.
    param([AllowNull()] $Context, [AllowNull()] $Job, [Parameter(Mandatory)] [string] $Path)

    $list = Read-PendingFile -Path $Path
    $files = @($list.Files | Where-Object -FilterScript {
            [System.IO.File]::Exists($_.path) -and (Test-WithinFolder -Folder $list.Folder -Path $_.path) -and (Get-FileCreation -Path $_.path) -eq $_.created
        })
    # Put there since: what it leads to belongs to others.
    $link = @($files | ForEach-Object -Process { Find-JobLink -Folder $list.Folder -Path $_.path } | Select-Object -First 1)
    if ($link.Count -gt 0) {
        $files = @()
        if ($null -ne $Job) { Write-JobEvent -Context $Context -Job $Job -Kind 'warning' -MessageId 'link_refused' -Values @{ path = $link[0] } }
    }
    $old = [System.IO.File]::GetCreationTimeUtc($Path) -lt [System.DateTime]::UtcNow.AddDays(-$script:AgentPendingDays)
    $left = 0
    if ($files.Count -gt 0 -and -not $old) {
        $null = Get-AgentHost # loads the module in a new process
        $doubt = New-Object -TypeName System.Collections.ArrayList
        $use = Get-DiskUsage -Disk @() -Own ([string[]]@($files | ForEach-Object -Process { $_.path })) -Doubt $doubt
        $left = $doubt.Count
        foreach ($file in $files) {
            if ($use.ContainsKey($file.path)) { continue }
            try {
                Remove-OwnFile -Folder $list.Folder -Path $file.path -Limit 0
                if ($null -ne $Job) { Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'pending_file_deleted' -Values @{ path = $file.path } }
            } catch {
                if (-not (Test-FileBusy -ErrorRecord $_)) { throw }
                $left++
            }
        }
    }
    if ($left -gt 0) { return }
    if (-not $old -and $link.Count -eq 0) {
        # The manifest stayed with the files.
        try {
            Remove-OwnFolder -Folder $list.Folder -MessageId 'leftover_folder_unrecorded' -Limit 0
        } catch {
            if (Test-FileBusy -ErrorRecord $_) { throw }
            $null = $_ # The result of an earlier job named what stays.
        }
    }
    Remove-HostFile -Path $Path -Limit 0
}
