# Changing the disks of a virtual machine that exists, and taking that back. Each thing is noted in $Job.Made.Disks before it is done.

function Set-JobDiskSize {
    # Has a machine's disk grow. Gives what was done.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [AllowNull()] $Value)

    if ($null -eq $Value) { return 'stays as it is: a disk does not shrink' }
    $disk = Get-DiskSizePlan -VM $Plan.VM -Manifest $Plan.Manifest -SizeGb $Value
    if ($disk.Bytes -gt $disk.Have) { Resize-JobDisk -Context $Context -Job $Job -Path $disk.Path -Bytes $disk.Bytes -Have $disk.Have }
    return "$(Format-AgentSize -Bytes ([System.Math]::Max($disk.Bytes, $disk.Have))), was $(Format-AgentSize -Bytes $disk.Have)"
}

function Set-JobDataDisk {
    # Makes, attaches and detaches data disks, and has them grow. Gives what was done. What can fail and be taken back comes first.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [AllowNull()] $Value)

    $manifest = $Plan.Manifest
    if ($null -eq $manifest) { return 'none' }
    $vm = $Plan.VM
    $wanted = @(Get-WantedDisk -Value $Value)
    $items = @(Get-DataDiskPlan -VM $vm -Manifest $manifest -Wanted $wanted)
    $done = New-Object -TypeName System.Collections.ArrayList
    foreach ($item in @($items | Where-Object -FilterScript { $_.Action -eq 'make' })) {
        Assert-JobGoesOn -Context $Context -Job $Job
        if ([System.IO.File]::Exists($item.Path)) { throw (New-AgentError -Code 'step_failed' -Message "file $($item.Path) exists already") }
        Add-JobDisk -Context $Context -Job $Job -Action 'made' -Name $item.Name -Path $item.Path
        New-DataDisk -Context $Context -Job $Job -Manifest $manifest -Disk $item -Path $item.Path
        Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -Path $item.Path
        $null = $done.Add("made $($item.Name)")
    }
    foreach ($item in @($items | Where-Object -FilterScript { $_.Action -eq 'attach' })) {
        Add-JobDisk -Context $Context -Job $Job -Action 'attached' -Name $item.Name -Path $item.Path
        Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -Path $item.Path
        $null = $done.Add("attached $($item.Name)")
    }
    foreach ($item in @($items | Where-Object -FilterScript { @('attach', 'grow') -contains $_.Action -and $_.Bytes -gt $_.Have })) {
        $path = $item.Path
        if ($null -ne $item.Drive) { $path = [string]$item.Drive.Path }
        Resize-JobDisk -Context $Context -Job $Job -Path $path -Bytes $item.Bytes -Have $item.Have
        $null = $done.Add("grew $($item.Name)")
    }
    foreach ($item in @($items | Where-Object -FilterScript { $_.Action -eq 'detach' })) {
        # It may have got a checkpoint since the plan: what is written since would be in a file that nobody knows.
        if (Test-CheckpointDisk -Path $item.Drive.Path) { Assert-NoFinding -Findings @(Find-DataDiskFinding -VM $vm -Item $item) }
        Add-JobDisk -Context $Context -Job $Job -Action 'detached' -Name $item.Name -Path $item.Path
        Remove-VMHardDiskDrive -VMHardDiskDrive $item.Drive
        $null = $done.Add("detached $($item.Name)")
    }
    Set-ManifestOrder -Manifest $manifest -Wanted $wanted
    if ($done.Count -eq 0) { return 'nothing to do' }
    return [string]::Join(', ', [string[]]$done.ToArray())
}

function Add-JobDisk {
    # Notes what is about to be done to a disk.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Action,
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Name,
        [Parameter(Mandatory)] [string] $Path,
        [long] $Bytes = 0
    )

    $null = $Job.Made.Disks.Add([ordered]@{ action = $Action; name = $Name; path = $Path; bytes = $Bytes })
    Save-JobState -Context $Context -Job $Job
}

function Resize-JobDisk {
    # Has a disk grow to Bytes from Have.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Path,
        [Parameter(Mandatory)] [long] $Bytes,
        [Parameter(Mandatory)] [long] $Have
    )

    Add-JobDisk -Context $Context -Job $Job -Action 'grown' -Name '' -Path $Path -Bytes $Have
    Resize-HostDisk -Path $Path -Bytes $Bytes
}

function Set-ManifestOrder {
    # Puts the data disks of a manifest into the order in which they are wanted, with the names' letters as they are; those that are
    # kept come last.
    param([Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Wanted)

    $rest = [System.Collections.ArrayList]@($Manifest.DataDisks)
    $ordered = New-Object -TypeName System.Collections.ArrayList
    foreach ($disk in $Wanted) {
        foreach ($recorded in @($rest | Where-Object -FilterScript { Test-SameName -Left $_.name -Right $disk.Name })) {
            $recorded.name = $disk.Name
            $null = $ordered.Add($recorded)
            $rest.Remove($recorded)
        }
    }
    $ordered.AddRange($rest)
    $Manifest.DataDisks = $ordered
}

function Write-KeptDisk {
    # Says of each disk that an update detached that its file is kept.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    foreach ($entry in @($Job.Made.Disks | Where-Object -FilterScript { $_.action -eq 'detached' })) {
        Add-JobLeft -Context $Context -Job $Job -Text "$($entry.path): data disk '$($entry.name)' is detached, and its file is kept for as long as the virtual machine lives"
    }
}

function Undo-JobDisk {
    # Takes back what an update did to disks.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $entries = @($Job.Made.Disks)
    if ($entries.Count -eq 0) { return }
    $vm = Find-HostVM -Id $Job.VMId
    if ($null -eq $vm) { throw "virtual machine $($Job.VMId) is gone, and what was done to its disks stays" }
    $manifest = Find-JobManifest -VM $vm
    for ($index = $entries.Count - 1; $index -ge 0; $index--) {
        $entry = $entries[$index]
        switch ($entry.action) {
            'made' { Undo-MadeDisk -Context $Context -Job $Job -VM $vm -Manifest $manifest -Entry $entry }
            'attached' {
                if ($null -ne (Find-AttachedDrive -VM $vm -Path $entry.path)) {
                    $null = Undo-JobPart -Context $Context -Job $Job -Done "detached $($entry.path) again" -What $entry.path -Action {
                        Remove-VMHardDiskDrive -VMHardDiskDrive (Find-AttachedDrive -VM $vm -Path $entry.path)
                    }
                }
            }
            'detached' {
                if ($null -eq (Find-AttachedDrive -VM $vm -Path $entry.path)) {
                    $null = Undo-JobPart -Context $Context -Job $Job -Done "attached $($entry.path) again" -What $entry.path -Action {
                        Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -Path $entry.path
                    }
                }
            }
            'grown' {
                $disk = (Find-Disk -Path $entry.path)[$entry.path]
                if ($null -ne $disk -and [long]$disk.Size -gt [long]$entry.bytes) {
                    Add-JobLeft -Context $Context -Job $Job `
                        -Text "$($entry.path): it had $(Format-AgentSize -Bytes $entry.bytes) and has $(Format-AgentSize -Bytes $disk.Size) now, and a disk does not shrink"
                }
            }
        }
    }
}

function Undo-MadeDisk {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [AllowNull()] $Manifest, [Parameter(Mandatory)] $Entry)

    $path = $Entry.path
    $drive = Find-AttachedDrive -VM $VM -Path $path
    $gone = $true
    if ($null -ne $drive -or [System.IO.File]::Exists($path)) {
        $gone = Undo-JobPart -Context $Context -Job $Job -Done "deleted $path" -What $path -Action {
            if ($null -ne $drive) { Remove-VMHardDiskDrive -VMHardDiskDrive $drive }
            [System.IO.File]::Delete($path)
        }
    }
    if ($gone -and $null -ne $Manifest) {
        Remove-ManifestDisk -Manifest $Manifest -Path $path
        Save-JobManifest -Manifest $Manifest
    }
}

function Find-AttachedDrive {
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Path)

    return Get-VMHardDiskDrive -VM $VM | Where-Object -FilterScript { Test-SameName -Left $_.Path -Right $Path } | Select-Object -First 1
}
