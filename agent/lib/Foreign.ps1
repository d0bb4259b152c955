# Disks and network adapters of a virtual machine that no job created. A definition can name those that exist, to change them in place: none
# is added, detached or removed, and no file is deleted with the virtual machine.

function Get-ForeignDisk {
    # Returns the disks by the names of their files, as far as a definition can have the names, in the order of the drives. Disks of one name
    # cannot be told apart.
    param([Parameter(Mandatory)] $VM)

    $found = [ordered]@{}
    $twice = @{}
    foreach ($drive in @(Get-VMHardDiskDrive -VM $VM)) {
        $path = [string]$drive.Path
        if (-not [System.IO.Path]::IsPathRooted($path)) { continue } # a physical disk of the host
        $name = [System.IO.Path]::GetFileNameWithoutExtension($path)
        if (Test-CheckpointDisk -Path $path) { $name = Get-CheckpointParentName -Path $path }
        if ($name -notmatch $script:AgentDiskNamePattern) { continue }
        if ($found.Contains($name)) { $twice[$name] = $true } else { $found[$name] = $path }
    }
    foreach ($name in $twice.Keys) { $found.Remove($name) }
    return $found
}

function Get-ForeignManifest {
    # Returns what a manifest would record of those data disks of a definition that exist. It is never saved.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    $list = New-Object -TypeName System.Collections.ArrayList
    $disks = Get-ForeignDisk -VM $VM
    foreach ($disk in $Wanted) {
        if (-not $disk.Existing -and $disks.Contains($disk.Name)) { $null = $list.Add([ordered]@{ name = $disk.Name; path = $disks[$disk.Name]; type = $disk.Type; keep_on_destroy = $disk.Keep }) }
    }
    return @{
        Folder = ''; Files = (New-Object -TypeName System.Collections.ArrayList); DataDisks = $list; AssignedMacs = (New-Object -TypeName System.Collections.ArrayList)
    }
}

function Get-ForeignDiskFinding {
    # Returns the findings about data disks that do not exist.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    $disks = Get-ForeignDisk -VM $VM
    $known = Join-AgentText -Text @($disks.Keys)
    if (-not $known) { $known = (Get-AgentMessage -Id 'value_none').Message }
    foreach ($disk in $Wanted) {
        if ($disk.Existing -or $disks.Contains($disk.Name)) { continue } # the plan has a conflict for one with a path
        New-JobFinding -Field "data_disks[$($disk.Index)].name" -MessageId 'data_disk_foreign' -Values @{ vm = $VM.Name; disk = $disk.Name; disks = $known }
    }
}

function Get-ForeignAdapterFinding {
    # Returns the findings about additional network adapters that do not exist. Adapters of one name cannot be told apart.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Specs)

    $names = @(@($VM.NetworkAdapters) | Select-Object -Skip 1 | ForEach-Object -Process { [string]$_.Name } | Group-Object |
            Where-Object -FilterScript { $_.Count -eq 1 -and $_.Name -ne $script:AgentFirstAdapterName } | ForEach-Object -Process { $_.Name })
    $known = Join-AgentText -Text $names
    if (-not $known) { $known = (Get-AgentMessage -Id 'value_none').Message }
    foreach ($spec in $Specs) {
        if ($names -contains $spec.Name) { continue }
        New-JobFinding -Field "$($spec.Field).name" -MessageId 'adapter_foreign' -Values @{ vm = $VM.Name; name = $spec.Name; adapters = $known }
    }
}
