# The manifest: what a job made, and what it was asked for, beside the files that it made. It holds no secret.

$script:AgentManifestName = 'hypervvm.json'

function New-JobManifest {
    # Gives the manifest of a job that begins, to be kept in Folder.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $VMId)

    return @{
        Folder = $Folder; JobId = $Job.Id; VMId = $VMId; Recorded = (Get-JobRecord -Job $Job)
        Files  = New-Object -TypeName System.Collections.ArrayList; Disk = ''; DataDisks = New-Object -TypeName System.Collections.ArrayList
    }
}

function Get-JobRecord {
    # Gives the fields of a job that may be kept.
    param([Parameter(Mandatory)] $Job)

    $kept = [ordered]@{}
    foreach ($name in $Job.Fields.Keys) {
        if ($Job.SecretNames -notcontains $name) { $kept[$name] = $Job.Fields[$name] }
    }
    return $kept
}

function Save-JobManifest {
    # Writes a manifest beside its place and then renames it, so that there is always a whole one.
    param([Parameter(Mandatory)] $Manifest)

    $text = ConvertTo-AgentJson -Value ([ordered]@{
            format = 1; job_id = $Manifest.JobId; vm_id = $Manifest.VMId
            files  = [object[]]$Manifest.Files.ToArray(); disk = $Manifest.Disk; data_disks = [object[]]$Manifest.DataDisks.ToArray()
            recorded = $Manifest.Recorded
        })
    $path = [System.IO.Path]::Combine($Manifest.Folder, $script:AgentManifestName)
    $new = $path + '.new'
    [System.IO.File]::WriteAllText($new, $text, (New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false))
    if ([System.IO.File]::Exists($path)) {
        [System.IO.File]::Replace($new, $path, [System.Management.Automation.Language.NullString]::Value)
    } else {
        [System.IO.File]::Move($new, $path)
    }
}

function Find-JobManifest {
    # Gives the manifest of a virtual machine from one of the folders that it lives in, or nothing.
    param([Parameter(Mandatory)] $VM)

    $folders = New-Object -TypeName System.Collections.ArrayList
    foreach ($drive in @($VM.HardDrives)) { Add-ParentFolder -Folders $folders -Path $drive.Path }
    if ($VM.Path) {
        Add-ParentFolder -Folders $folders -Path $VM.Path
        if (-not $folders.Contains($VM.Path)) { $null = $folders.Add($VM.Path) }
    }
    foreach ($folder in $folders) {
        $path = [System.IO.Path]::Combine($folder, $script:AgentManifestName)
        if (-not [System.IO.File]::Exists($path)) { continue }
        try {
            $value = ConvertFrom-AgentJson -Text ([System.IO.File]::ReadAllText($path))
            if ((Get-AgentText -Value $value -Name 'vm_id') -ne $VM.Id.ToString()) { continue }
            $files = New-Object -TypeName System.Collections.ArrayList
            foreach ($file in @(Get-AgentTextList -Value $value -Name 'files')) { $null = $files.Add($file) }
            $disks = New-Object -TypeName System.Collections.ArrayList
            $recorded = Get-AgentProperty -Value $value -Name 'data_disks'
            foreach ($disk in @($recorded)) {
                if ($null -ne $disk) { $null = $disks.Add([ordered]@{ name = [string]$disk.name; path = [string]$disk.path; type = [string]$disk.type }) }
            }
            return @{
                Folder = $folder; JobId = (Get-AgentText -Value $value -Name 'job_id'); VMId = $VM.Id.ToString()
                Files  = $files; Disk = (Get-AgentText -Value $value -Name 'disk'); DataDisks = $disks; Recorded = (Get-AgentProperty -Value $value -Name 'recorded')
            }
        } catch {
            $null = $_ # Not one of ours, or being replaced: as good as none.
        }
    }
}

function Add-ParentFolder {
    param([Parameter(Mandatory)] $Folders, [AllowNull()] [string] $Path)

    # What a drive calls its path need not be one: a disk of the host's has none.
    try { $parent = [System.IO.Path]::GetDirectoryName($Path) } catch { $parent = '' }
    if ($parent -and -not $Folders.Contains($parent)) { $null = $Folders.Add($parent) }
}

function Remove-JobsFolder {
    # Removes the folder of the jobs' folders when the last of them is gone. No job may be making one just now.
    param([Parameter(Mandatory)] [string] $Path)

    $lock = Lock-HostName
    try {
        if ([System.IO.Directory]::Exists($Path) -and [System.IO.Directory]::GetFileSystemEntries($Path).Length -eq 0) {
            [System.IO.Directory]::Delete($Path)
        }
    } catch {
        $null = $_ # An empty folder that stays does no harm.
    } finally {
        Unlock-HostName -Lock $lock
    }
}

function Remove-EmptyFolder {
    # Removes a folder with the empty folders within. Gives true when it is gone; a file anywhere keeps it.
    param([Parameter(Mandatory)] [string] $Path)

    if (-not [System.IO.Directory]::Exists($Path)) { return $true }
    foreach ($child in [System.IO.Directory]::GetDirectories($Path)) { $null = Remove-EmptyFolder -Path $child }
    if ([System.IO.Directory]::GetFileSystemEntries($Path).Length -gt 0) { return $false }
    [System.IO.Directory]::Delete($Path)
    return $true
}
