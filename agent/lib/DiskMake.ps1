# Making disks: that of the image, and data disks.

function Format-ImageDisk {
    # Says in a sentence how a machine's disk comes to be.
    param([Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Image, [Parameter(Mandatory)] [string] $Path)

    if ($Job.Fields['disk_type'] -eq 'differencing') { return "make $Path, which holds what differs from image '$($Image.BaseName)'" }
    return "copy image '$($Image.BaseName)' ($(Format-AgentSize -Bytes $Image.Length)) to $Path"
}

function New-ImageDisk {
    # Makes the disk of an image where there is no file yet: a copy, or one that holds what differs from it.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Image, [Parameter(Mandatory)] [string] $Path)

    $record = {
        $null = $Job.Made.Manifest.Files.Add($Path)
        $Job.Made.Manifest.Disk = $Path
        Save-JobManifest -Manifest $Job.Made.Manifest
    }
    try {
        if ($Job.Fields['disk_type'] -eq 'differencing') {
            & $record
            $null = New-VHD -Path $Path -ParentPath $Image.FullName -Differencing
        } else {
            Copy-AgentImage -Context $Context -Job $Job -Source $Image.FullName -Target $Path -Created $record
        }
    } catch {
        throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Path)
    }
    if (-not $Job.Fields.Contains('disk_size_gb')) { return }
    $bytes = [long]$Job.Fields['disk_size_gb'] * 1GB
    $have = [long](Get-VHD -Path $Path).Size
    if ($bytes -gt $have) {
        Resize-HostDisk -Path $Path -Bytes $bytes
        Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "the disk has $(Format-AgentSize -Bytes $bytes), the image has $(Format-AgentSize -Bytes $have)"
    }
}

function Invoke-ProvisionDataDisk {
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Plan, [Parameter(Mandatory)] $VM)

    $disks = @(Get-WantedDisk -Value $Job.Fields['data_disks'])
    $names = [string]::Join(', ', [string[]]@($disks | ForEach-Object -Process { $_.Name }))
    Enter-JobStep -Context $Context -Job $Job -Name 'data_disks' -Message "make data disks: $names"
    foreach ($disk in $disks) {
        Assert-JobGoesOn -Context $Context -Job $Job
        $path = Get-DataDiskPath -Folder $Plan.Folder -VMName $Job.Fields['vm_name'] -Name $disk.Name
        if ([System.IO.File]::Exists($path)) { throw (New-AgentError -Code 'step_failed' -Message "file $path exists already") }
        $null = $Job.Made.Files.Add($path)
        Save-JobState -Context $Context -Job $Job
        New-DataDisk -Context $Context -Job $Job -Manifest $Job.Made.Manifest -Disk $disk -Path $path
        Add-VMHardDiskDrive -VM $VM -ControllerType SCSI -Path $path
    }
}

function New-DataDisk {
    # Makes a data disk where there is no file yet. It is in the manifest before it is there.
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Job,
        [Parameter(Mandatory)] $Manifest,
        [Parameter(Mandatory)] $Disk,
        [Parameter(Mandatory)] [string] $Path
    )

    Write-JobEvent -Context $Context -Job $Job -Kind 'log' -Message "data disk '$($Disk.Name)': $(Format-AgentSize -Bytes $Disk.Bytes), $($Disk.Type), $Path"
    Add-ManifestDisk -Manifest $Manifest -Name $Disk.Name -Path $Path -Type $Disk.Type
    Save-JobManifest -Manifest $Manifest
    try {
        if ($Disk.Type -eq 'fixed') {
            $null = New-VHD -Path $Path -Fixed -SizeBytes $Disk.Bytes
        } else {
            $null = New-VHD -Path $Path -Dynamic -SizeBytes $Disk.Bytes
        }
    } catch {
        # Somebody else's by now: there is nothing of the job's to take back.
        if ($_.Exception.Message.Contains('(0x80070050)')) { Clear-DiskNote -Context $Context -Job $Job -Manifest $Manifest -Path $Path }
        throw (ConvertTo-DiskError -ErrorRecord $_ -Path $Path)
    }
}

function Clear-DiskNote {
    # Strikes a file that is not the job's out of all that says it is.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Job, [Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [string] $Path)

    Remove-ManifestDisk -Manifest $Manifest -Path $Path
    Save-JobManifest -Manifest $Manifest
    $Job.Made.Files = [System.Collections.ArrayList]@($Job.Made.Files | Where-Object -FilterScript { $_ -ne $Path })
    $Job.Made.Disks = [System.Collections.ArrayList]@($Job.Made.Disks | Where-Object -FilterScript { $_.path -ne $Path })
    Save-JobState -Context $Context -Job $Job
}

function Add-ManifestDisk {
    # Notes a data disk in a manifest, behind the others.
    param([Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [string] $Type)

    Remove-ManifestDisk -Manifest $Manifest -Path $Path
    $null = $Manifest.Files.Add($Path)
    $null = $Manifest.DataDisks.Add([ordered]@{ name = $Name; path = $Path; type = $Type })
}

function Remove-ManifestDisk {
    # Strikes a data disk's file out of a manifest.
    param([Parameter(Mandatory)] $Manifest, [Parameter(Mandatory)] [string] $Path)

    $Manifest.Files = [System.Collections.ArrayList]@($Manifest.Files | Where-Object -FilterScript { -not (Test-SameName -Left $_ -Right $Path) })
    $Manifest.DataDisks = [System.Collections.ArrayList]@($Manifest.DataDisks | Where-Object -FilterScript { -not (Test-SameName -Left $_.path -Right $Path) })
}
