# Changing the disks of an existing virtual machine, and undoing that. Each change is recorded in the journal before it is made.

function Set-JobDiskSize {
    # Expands the image's disk. Returns the change as text.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [AllowNull()] $Value)

    if ($null -eq $Value) { return (Get-AgentMessage -Id 'change_disk_kept').Message }
    $disk = Get-DiskSizePlan -VM $Plan.VM -Manifest $Plan.Manifest -SizeGb $Value
    if ($disk.Bytes -gt $disk.CurrentBytes) { Resize-JobDisk -Context $Context -Job $Job -Path $disk.Path -Bytes $disk.Bytes -CurrentBytes $disk.CurrentBytes }
    return (Get-AgentMessage -Id 'change' -Values @{
            after = (Format-AgentSize -Bytes ([System.Math]::Max($disk.Bytes, $disk.CurrentBytes))); before = (Format-AgentSize -Bytes $disk.CurrentBytes)
        }).Message
}

function Set-JobDataDisk {
    # Creates, attaches, expands and detaches data disks. Returns the changes as text. Changes that can be undone come first.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [AllowNull()] $Value)

    $vm = $Plan.VM
    $wanted = @(Get-DataDiskSpec -Value $Value)
    $manifest = $Plan.Manifest
    if ($null -eq $manifest) { $manifest = Get-ForeignManifest -VM $vm -Wanted $wanted }
    $items = @(Get-DataDiskPlan -VM $vm -Manifest $manifest -Wanted $wanted)
    $done = New-Object -TypeName System.Collections.ArrayList
    foreach ($item in @($items | Where-Object -FilterScript { $_.Action -eq 'create' })) {
        Assert-JobNotCancelled -Context $Context -Job $Job
        if ([System.IO.File]::Exists($item.Path)) { throw (New-AgentError -Field "data_disks[$($item.Index)].name" -MessageId 'file_exists' -Values @{ path = $item.Path }) }
        Add-DiskJournalEntry -Context $Context -Job $Job -Action 'made' -Name $item.Name -Path $item.Path
        New-DataDisk -Context $Context -Job $Job -Manifest $manifest -Disk $item -Path $item.Path
        Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -Path $item.Path
        $null = $done.Add((Get-AgentMessage -Id 'change_data_disk_created' -Values @{ disk = $item.Name }).Message)
    }
    foreach ($item in @($items | Where-Object -FilterScript { $_.Action -eq 'attach' })) {
        Add-DiskJournalEntry -Context $Context -Job $Job -Action 'attached' -Name $item.Name -Path $item.Path
        Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -Path $item.Path
        $null = $done.Add((Get-AgentMessage -Id 'change_data_disk_attached' -Values @{ disk = $item.Name }).Message)
    }
    foreach ($item in @($items | Where-Object -FilterScript { @('attach', 'expand') -contains $_.Action -and $_.Bytes -gt $_.CurrentBytes })) {
        $path = $item.Path
        if ($null -ne $item.Drive) { $path = [string]$item.Drive.Path }
        Resize-JobDisk -Context $Context -Job $Job -Path $path -Bytes $item.Bytes -CurrentBytes $item.CurrentBytes
        $null = $done.Add((Get-AgentMessage -Id 'change_data_disk_expanded' -Values @{ disk = $item.Name }).Message)
    }
    foreach ($item in @($items | Where-Object -FilterScript { $_.Action -eq 'detach' })) {
        # A checkpoint may have been created since the plan: its disk, which is not recorded, would hold the newest data.
        if (Test-CheckpointDisk -Path $item.Drive.Path) { Assert-NoFinding -Findings @(Get-DataDiskFinding -VM $vm -Item $item) }
        Add-DiskJournalEntry -Context $Context -Job $Job -Action 'detached' -Name $item.Name -Path $item.Path
        Remove-VMHardDiskDrive -VMHardDiskDrive $item.Drive
        $null = $done.Add((Get-AgentMessage -Id 'change_data_disk_detached' -Values @{ disk = $item.Name }).Message)
    }
    foreach ($disk in $wanted) {
        foreach ($recorded in @($manifest.DataDisks | Where-Object -FilterScript { (Test-SameName -Left $_.name -Right $disk.Name) -and $_.keep_on_destroy -ne $disk.Keep })) {
            $recorded.keep_on_destroy = $disk.Keep
            $id = if ($disk.Keep) { 'change_data_disk_kept' } else { 'change_data_disk_not_kept' }
            $null = $done.Add((Get-AgentMessage -Id $id -Values @{ disk = $disk.Name }).Message)
        }
    }
    Set-ExistingDiskRecord -Manifest $manifest -Wanted $wanted
    Set-ManifestDiskOrder -Manifest $manifest -Wanted $wanted
    if ($done.Count -eq 0) { return (Get-AgentMessage -Id 'change_data_disks_none').Message }
    return Join-AgentText -Text $done.ToArray()
}

function Add-DiskJournalEntry {
    # Records a change of a disk in the journal: made, attached, detached or grown. Bytes is the size before it grows.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Action,
        [Parameter(Mandatory)] [AllowEmptyString()] [string] $Name,
        [Parameter(Mandatory)] [string] $Path,
        [long] $Bytes = 0
    )

    $null = $Job.Journal.Disks.Add([ordered]@{ action = $Action; name = $Name; path = $Path; bytes = $Bytes })
    Save-JobState -Context $Context -Job $Job
}

function Resize-JobDisk {
    # Expands a disk from CurrentBytes to Bytes.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] [string] $Path,
        [Parameter(Mandatory)] [long] $Bytes,
        [Parameter(Mandatory)] [long] $CurrentBytes
    )

    Add-DiskJournalEntry -Context $Context -Job $Job -Action 'grown' -Name '' -Path $Path -Bytes $CurrentBytes
    Resize-HostDisk -Context $Context -Job $Job -Path $Path -Bytes $Bytes
}

function Set-ManifestDiskOrder {
    # Sorts the data disks of a manifest as in the definition, and adopts the case of its names. Disks that it does not contain come
    # last.
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

function Add-DetachedDiskLeftover {
    # Reports the file of each disk that an update detached as a leftover, unless the disk existed before jobs attached it.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [AllowNull()] $Manifest)

    $kept = @(Get-KeptFile -Manifest $Manifest)
    foreach ($entry in @($Job.Journal.Disks | Where-Object -FilterScript { $_.action -eq 'detached' })) {
        if ($null -ne $Manifest -and -not (Find-SamePath -Path $entry.path -Among $Manifest.Files)) { continue }
        $id = if (Find-SamePath -Path $entry.path -Among $kept) { 'leftover_disk_detached_kept' } else { 'leftover_disk_detached' }
        Add-JobLeftover -Context $Context -Job $Job -Item $entry.path -Reason (Get-AgentMessage -Id $id -Values @{ disk = $entry.name }).Message
    }
}

function Undo-JobDisk {
    # Undoes the disk changes of an update.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job)

    $entries = @($Job.Journal.Disks)
    if ($entries.Count -eq 0) { return }
    $vm = Find-OwnedVM -Machine (Get-AgentHost) -Id $Job.VMId
    if ($null -eq $vm) { throw (New-AgentError -MessageId 'undo_vm_missing' -Values @{ id = $Job.VMId }) }
    $manifest = Find-JobManifest -VM $vm
    for ($index = $entries.Count - 1; $index -ge 0; $index--) {
        $entry = $entries[$index]
        switch ($entry.action) {
            'made' { Undo-MadeDisk -Context $Context -Job $Job -VM $vm -Manifest $manifest -Entry $entry }
            'attached' {
                if ($null -ne (Find-AttachedDrive -VM $vm -Path $entry.path)) {
                    $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_disk_detached' -Values @{ path = $entry.path } -Item $entry.path -Action {
                        Remove-VMHardDiskDrive -VMHardDiskDrive (Find-AttachedDrive -VM $vm -Path $entry.path)
                    }
                }
            }
            'detached' {
                if ($null -eq (Find-AttachedDrive -VM $vm -Path $entry.path)) {
                    $null = Undo-JobItem -Context $Context -Job $Job -MessageId 'undo_disk_attached' -Values @{ path = $entry.path } -Item $entry.path -Action {
                        Add-VMHardDiskDrive -VM $vm -ControllerType SCSI -Path $entry.path
                    }
                }
            }
            'grown' {
                Add-GrownDiskLeftover -Context $Context -Job $Job -Entry $entry
            }
        }
    }
}

function Add-GrownDiskLeftover {
    # Reports a disk that a job expanded as a leftover: it cannot shrink.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Entry)

    $disk = (Get-DiskInfo -Path $Entry.path)[$Entry.path]
    if ($null -eq $disk -or [long]$disk.Size -le [long]$Entry.bytes) { return }
    $reason = (Get-AgentMessage -Id 'leftover_disk_expanded' -Values @{
            before = (Format-AgentSize -Bytes $Entry.bytes); after = (Format-AgentSize -Bytes $disk.Size)
        }).Message
    Add-JobLeftover -Context $Context -Job $Job -Item $Entry.path -Reason $reason
}

function Undo-MadeDisk {
    # Detaches and deletes a disk that an update created.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $VM, [AllowNull()] $Manifest, [Parameter(Mandatory)] $Entry)

    $path = $Entry.path
    $drive = Find-AttachedDrive -VM $VM -Path $path
    $gone = $true
    if ($null -ne $drive -or [System.IO.File]::Exists($path)) {
        $gone = Undo-JobItem -Context $Context -Job $Job -MessageId 'file_deleted' -Values @{ path = $path } -Item $path -Action {
            if ($null -ne $drive) { Remove-VMHardDiskDrive -VMHardDiskDrive $drive }
            # If it stays in use, the manifest still lists it: it is deleted with the virtual machine.
            Remove-OwnFile -Folder ([System.IO.Path]::GetDirectoryName($path)) -Path $path -Context $Context -Job $Job
        }
    }
    if ($gone -and $null -ne $Manifest) {
        Remove-ManifestDisk -Manifest $Manifest -Path $path
        Save-JobManifest -Manifest $Manifest
    }
}

function Find-AttachedDrive {
    # Returns the drive of a virtual machine with a path, or nothing.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $Path)

    return Get-VMHardDiskDrive -VM $VM | Where-Object -FilterScript { Test-SamePath -Left $_.Path -Right $Path } | Select-Object -First 1
}
