# Creating disks: the image's disk, and data disks.

function Enter-DiskStep {
    # Starts step disk.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Image, [Parameter(Mandatory)] [string] $Path)

    if ($Job.Fields['disk_type'] -eq 'differencing') {
        Enter-JobStep -Context $Context -Job $Job -Name 'disk' -MessageId 'step_disk_differencing' -Values @{ path = $Path; image = $Image.BaseName }
        return
    }
    Enter-JobStep -Context $Context -Job $Job -Name 'disk' -MessageId 'step_disk_copy' -Values @{
        image = $Image.BaseName; size = (Format-AgentSize -Bytes $Image.Length); path = $Path
    }
}

function New-ImageDisk {
    # Creates the disk of a virtual machine as a copy or a differencing disk of the image, and expands it.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Image, [Parameter(Mandatory)] [string] $Path)

    $record = {
        $null = $Job.Journal.Manifest.Files.Add($Path)
        $Job.Journal.Manifest.Disk = $Path
        Save-JobManifest -Manifest $Job.Journal.Manifest
    }
    try {
        if ($Job.Fields['disk_type'] -eq 'differencing') {
            & $record
            $null = New-VHD -Path $Path -ParentPath $Image.FullName -Differencing
        } else {
            Copy-ImageFile -Context $Context -Job $Job -Source $Image.FullName -Target $Path -Created $record
        }
    } catch {
        throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Path)
    }
    if (-not $Job.Fields.Contains('disk_size_gb')) { return }
    $bytes = [long]$Job.Fields['disk_size_gb'] * 1GB
    # A virus scanner reads the copy at once.
    $disk = Invoke-FileOperation -Path $Path -Context $Context -Job $Job -Cancellable -Action { Get-VHD -Path $Path }
    $size = [long]$disk.Size
    if ($bytes -gt $size) {
        Resize-HostDisk -Context $Context -Job $Job -Path $Path -Bytes $bytes
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'disk_expanded' -Values @{
            size = (Format-AgentSize -Bytes $bytes); image_size = (Format-AgentSize -Bytes $size)
        }
    }
}

function Invoke-ProvisionDataDisk {
    # Step data_disks: creates the data disks that do not exist, and attaches all.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $disks = @(Get-DataDiskSpec -Value $Job.Fields['data_disks'])
    $names = Join-AgentText -Text @($disks | ForEach-Object -Process { $_.Name })
    Enter-JobStep -Context $Context -Job $Job -Name 'data_disks' -MessageId 'step_data_disks' -Values @{ disks = $names }
    foreach ($disk in $disks) {
        Assert-JobNotCancelled -Context $Context -Job $Job
        if ($disk.Existing) {
            Add-ManifestDisk -Manifest $Job.Journal.Manifest -Disk $disk -Path $disk.Path
            Save-JobManifest -Manifest $Job.Journal.Manifest
            Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'data_disk_existing' -Values @{ disk = $disk.Name; path = $disk.Path }
            Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $disk.Path
            continue
        }
        $path = Get-DataDiskPath -Folder $Plan.Folder -VMName $Job.Fields['vm_name'] -Name $disk.Name
        if ([System.IO.File]::Exists($path)) { throw (New-AgentError -Field "data_disks[$($disk.Index)].name" -MessageId 'file_exists' -Values @{ path = $path }) }
        $null = $Job.Journal.Files.Add($path)
        Save-JobState -Context $Context -Job $Job
        New-DataDisk -Context $Context -Job $Job -Manifest $Job.Journal.Manifest -Disk $disk -Path $path
        Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $path
    }
}

function New-DataDisk {
    # Creates a data disk, which is recorded in the manifest first.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] $Manifest,
        [Parameter(Mandatory)] $Disk,
        [Parameter(Mandatory)] [string] $Path
    )

    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -MessageId 'data_disk_created' -Values @{
        disk = $Disk.Name; size = (Format-AgentSize -Bytes $Disk.Bytes); type = $Disk.Type; path = $Path
    }
    Add-ManifestDisk -Manifest $Manifest -Disk $Disk -Path $Path
    Save-JobManifest -Manifest $Manifest
    try {
        if ($Disk.Type -eq 'fixed') {
            $null = New-VHD -Path $Path -Fixed -SizeBytes $Disk.Bytes
        } else {
            $null = New-VHD -Path $Path -Dynamic -SizeBytes $Disk.Bytes
        }
    } catch {
        # The file exists (ERROR_FILE_EXISTS), so it does not belong to the job and must not be undone.
        if ($_.Exception.Message.Contains('(0x80070050)')) { Remove-DiskRecord -Context $Context -Job $Job -Manifest $Manifest -Path $Path }
        throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Path)
    }
}

function Remove-DiskRecord {
    # Removes a file that does not belong to the job from the manifest and the journal.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [string] $Path)

    Remove-ManifestDisk -Manifest $Manifest -Path $Path
    Save-JobManifest -Manifest $Manifest
    $Job.Journal.Files = [System.Collections.ArrayList]@($Job.Journal.Files | Where-Object -FilterScript { -not (Test-SamePath -Left $_ -Right $Path) })
    $Job.Journal.Disks = [System.Collections.ArrayList]@($Job.Journal.Disks | Where-Object -FilterScript { -not (Test-SamePath -Left $_.path -Right $Path) })
    Save-JobState -Context $Context -Job $Job
}

function Add-ManifestDisk {
    # Appends a data disk to a manifest. One with a path, which existed before, is not among the files of the virtual machine.
    param([Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] $Disk, [Parameter(Mandatory)] [string] $Path)

    Remove-ManifestDisk -Manifest $Manifest -Path $Path
    $entry = [ordered]@{ name = $Disk.Name; path = $Path; type = $Disk.Type; keep_on_destroy = $Disk.Keep }
    if ($Disk.Existing) { $entry['existing'] = $true } else { $null = $Manifest.Files.Add($Path) }
    $null = $Manifest.DataDisks.Add($entry)
}

function Remove-ManifestDisk {
    # Removes a data disk from a manifest.
    param([Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [string] $Path)

    $Manifest.Files = [System.Collections.ArrayList]@($Manifest.Files | Where-Object -FilterScript { -not (Test-SamePath -Left $_ -Right $Path) })
    $Manifest.DataDisks = [System.Collections.ArrayList]@($Manifest.DataDisks | Where-Object -FilterScript { -not (Test-SamePath -Left $_.path -Right $Path) })
}
