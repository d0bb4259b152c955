# The manifest: the files that a job created, and the fields of its definition, stored beside the files. It contains no secret.

$script:AgentManifestName = 'hypervvm.json'

function New-JobManifest {
    # Returns the manifest of a new virtual machine, to be stored in Folder.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] [string] $Folder, [Parameter(Mandatory)] [string] $VMId)

    return @{
        Folder = $Folder; JobId = $Job.Id; VMId = $VMId; Recorded = (Get-JobRecord -Job $Job)
        Files  = New-Object -TypeName System.Collections.ArrayList; Disk = ''; DataDisks = New-Object -TypeName System.Collections.ArrayList
        AssignedMacs = New-Object -TypeName System.Collections.ArrayList
    }
}

function Get-JobRecord {
    # Returns the fields of a job without the secret ones.
    param([Parameter(Mandatory)] $Job)

    $kept = [ordered]@{}
    foreach ($name in $Job.Fields.Keys) {
        if ($Job.SecretNames -notcontains $name) { $kept[$name] = $Job.Fields[$name] }
    }
    return $kept
}

function Merge-JobRecord {
    # Returns the record after an update: the changed fields that have a value, and all others as they were. Fields of the definition that
    # are not changed are not applied, so they are not recorded either.
    param([AllowNull()] $Recorded, [Parameter(Mandatory)] $Job)

    $kept = [ordered]@{}
    if ($null -ne $Recorded) {
        foreach ($name in @(Get-AgentPropertyName -Value $Recorded)) {
            # A field may have become a secret one since it was recorded.
            if (($Job.Changed + $Job.SecretNames) -notcontains $name) { $kept[$name] = Get-AgentProperty -Value $Recorded -Name $name }
        }
    }
    $given = Get-JobRecord -Job $Job
    foreach ($name in $Job.Changed) { if ($given.Contains($name)) { $kept[$name] = $given[$name] } }
    return $kept
}

function Save-JobManifest {
    # Writes a manifest atomically. Throws when its folder is a link: a job records each file before it creates it.
    param([Parameter(Mandatory)] $Manifest)

    Assert-NoJobLink -Folder $Manifest.Folder
    $content = [ordered]@{
        format = 1; job_id = $Manifest.JobId; vm_id = $Manifest.VMId
        files  = [object[]]$Manifest.Files.ToArray(); disk = $Manifest.Disk; data_disks = [object[]]$Manifest.DataDisks.ToArray()
        recorded = $Manifest.Recorded
    }
    if ($Manifest.AssignedMacs.Count -gt 0) { $content['assigned_macs'] = [object[]]$Manifest.AssignedMacs.ToArray() }
    $path = [System.IO.Path]::Combine($Manifest.Folder, $script:AgentManifestName)
    Write-AtomicFile -Path $path -Text (ConvertTo-AgentJson -Value $content)
}

function Find-JobManifest {
    # Returns the manifest of a virtual machine from one of its folders, or nothing.
    param([Parameter(Mandatory)] $VM)

    $folders = New-Object -TypeName System.Collections.ArrayList
    foreach ($drive in @($VM.HardDrives)) { Add-ParentFolder -Folders $folders -Path $drive.Path }
    if ($VM.Path) {
        Add-ParentFolder -Folders $folders -Path $VM.Path
        $own = Get-CanonicalPath -Path $VM.Path
        if (-not $folders.Contains($own)) { $null = $folders.Add($own) }
    }
    foreach ($folder in $folders) {
        $path = [System.IO.Path]::Combine($folder, $script:AgentManifestName)
        if (-not [System.IO.File]::Exists($path)) { continue }
        try {
            $value = ConvertFrom-AgentJson -Text (Read-SharedFile -Path $path)
            if ((Get-AgentText -Value $value -Name 'vm_id') -ne $VM.Id.ToString()) { continue }
            $files = New-Object -TypeName System.Collections.ArrayList
            foreach ($file in @(Get-AgentTextList -Value $value -Name 'files')) { $null = $files.Add($file) }
            $disks = New-Object -TypeName System.Collections.ArrayList
            $recorded = Get-AgentProperty -Value $value -Name 'data_disks'
            foreach ($disk in @($recorded)) {
                if ($null -eq $disk) { continue }
                $entry = [ordered]@{
                    name = [string]$disk.name; path = [string]$disk.path; type = [string]$disk.type
                    keep_on_destroy = (Get-AgentProperty -Value $disk -Name 'keep_on_destroy') -eq $true # former manifests do not have it
                }
                if ((Get-AgentProperty -Value $disk -Name 'existing') -eq $true) { $entry['existing'] = $true }
                $null = $disks.Add($entry)
            }
            $macs = New-Object -TypeName System.Collections.ArrayList
            foreach ($mac in @(Get-AgentTextList -Value $value -Name 'assigned_macs')) { $null = $macs.Add($mac) }
            return @{
                AssignedMacs = $macs
                Folder = $folder; JobId = (Get-AgentText -Value $value -Name 'job_id'); VMId = $VM.Id.ToString()
                Files  = $files; Disk = (Get-AgentText -Value $value -Name 'disk'); DataDisks = $disks; Recorded = (Get-AgentProperty -Value $value -Name 'recorded')
            }
        } catch {
            $null = $_ # Not a manifest of the agent, or being replaced: treated as missing.
        }
    }
}

function Get-KeptFile {
    # Returns the paths of the data disks that stay on the host when the virtual machine is deleted. Call it within @( ).
    param([AllowNull()] $Manifest)

    if ($null -eq $Manifest) { return }
    foreach ($disk in $Manifest.DataDisks) { if ($disk.keep_on_destroy) { $disk.path } }
}

function Add-ParentFolder {
    # Adds the folder of a path to a list, once.
    param([Parameter(Mandatory)] $Folders, [AllowNull()] [string] $Path)

    # The path of a drive may not be a file path: a physical disk of the host has none.
    try { $parent = [System.IO.Path]::GetDirectoryName((Get-CanonicalPath -Path $Path)) } catch { $parent = '' }
    if ($parent -and -not $Folders.Contains($parent)) { $null = $Folders.Add($parent) }
}

function Remove-JobsFolder {
    # Removes the parent of the jobs' folders when it is empty, while no job can create a folder in it.
    param([Parameter(Mandatory)] [string] $Path)

    $lock = $null
    try {
        $lock = Lock-VMName -Seconds 5
        if ([System.IO.Directory]::Exists($Path) -and -not (Test-HostLink -Path $Path) -and [System.IO.Directory]::GetFileSystemEntries($Path).Length -eq 0) {
            Remove-HostFolder -Path $Path -Limit 0
        }
    } catch {
        $null = $_ # An empty folder that remains does no harm.
    } finally {
        if ($null -ne $lock) { Unlock-VMName -Lock $lock }
    }
}
