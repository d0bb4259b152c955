# What stands in the way of the disks that a definition asks for.

function Find-DiskFinding {
    # About a new machine: the disk of its image, the data disks, and the space for all of them. Target is the folder that they are made in.
    param([Parameter(Mandatory)] $Image, [Parameter(Mandatory)] [string] $Target, [Parameter(Mandatory)] $Fields, [switch] $Warn)

    $differencing = $Fields['disk_type'] -eq 'differencing'
    $takes = @{ Field = 'image_name'; What = "image '$($Image.BaseName)'"; Bytes = $Image.Length }
    if ($differencing) { $takes = @{ Field = 'disk_type'; What = 'the differencing disk'; Bytes = $script:AgentDiskOverhead } }
    if ($differencing -or $Fields.Contains('disk_size_gb')) {
        $disk = (Find-Disk -Path $Image.FullName)[$Image.FullName]
        if ($null -eq $disk) {
            New-JobFinding -Field 'image_name' -Code 'image_unfit' -Message "image '$($Image.BaseName)' cannot be read as a virtual hard disk" `
                -Remedy 'look at it with Get-VHD on the host, and make it anew'
            return
        }
        if ($Fields.Contains('disk_size_gb')) {
            $bytes = [long]$Fields['disk_size_gb'] * 1GB
            if ($bytes -lt $disk.Size) { New-SizeFinding -Field 'disk_size_gb' -Name 'disk_size_gb' -What "image '$($Image.BaseName)'" -Have $disk.Size }
            elseif ([string]$disk.VhdType -eq 'Fixed' -and -not $differencing) { $takes.Bytes += $bytes - [long]$disk.Size }
        }
        if ($differencing) { Find-ParentFinding -Image $Image }
    }
    $all = @($takes) + @(Get-WantedDisk -Value $Fields['data_disks'] | ForEach-Object -Process { Get-DiskSpace -Disk $_ })
    Find-SpaceFinding -Takes $all -Target $Target -Warn:$Warn
}

function New-SizeFinding {
    # About a disk that would have to shrink.
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $What, [Parameter(Mandatory)] [long] $Have)

    New-JobFinding -Field $Field -Code 'disk_size' -Message "$What has $(Format-AgentSize -Bytes $Have), and a disk does not shrink" `
        -Remedy "set $Name to $(Format-AgentNumber -Value ([System.Math]::Ceiling($Have / 1GB))) or more"
}

function Find-ParentFinding {
    # About an image that a machine writes to: what differs from it would be spoilt.
    param([Parameter(Mandatory)] $Image)

    $user = Find-DiskUser -Path $Image.FullName -ExceptId ''
    if ($null -eq $user) { return }
    New-JobFinding -Field 'disk_type' -Code 'image_unfit' -Remedy 'detach it there, or set disk_type to copy' `
        -Message "virtual machine '$($user.Name)' writes to image '$($Image.BaseName)', which must not change below a differencing disk"
}

function Find-DiskUser {
    # Gives a virtual machine that a file is attached to, but for the one with the GUID ExceptId.
    param([Parameter(Mandatory)] [string] $Path, [Parameter(Mandatory)] [AllowEmptyString()] [string] $ExceptId)

    foreach ($vm in @(Get-VM)) {
        if ($vm.Id.ToString() -eq $ExceptId) { continue }
        foreach ($drive in @($vm.HardDrives)) { if (Test-SameName -Left $drive.Path -Right $Path) { return $vm } }
    }
}

function Get-DiskSpace {
    # Gives what a new data disk takes of its drive.
    param([Parameter(Mandatory)] $Disk)

    $bytes = $script:AgentDiskOverhead
    if ($Disk.Type -eq 'fixed') { $bytes += $Disk.Bytes }
    return @{ Field = "data_disks[$($Disk.Index)].size_gb"; What = "data disk '$($Disk.Name)'"; Bytes = $bytes }
}

function Find-SpaceFinding {
    # Gives the finding about the first of several files that a drive has no room for, or with Warn hardly has.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Takes, [Parameter(Mandatory)] [string] $Target, [switch] $Warn)

    if ($Takes.Count -eq 0) { return }
    $free = Get-FreeSpace -Folder $Target
    if ($null -eq $free) { return }
    $beside = ''
    $warning = $null
    foreach ($item in $Takes) {
        $severity = 'error'
        if ($item.Bytes -le $free) { $severity = 'warning' }
        if ($severity -eq 'error' -or ($null -eq $warning -and $free - $item.Bytes -lt 1GB)) {
            $finding = New-JobFinding -Field $item.Field -Severity $severity -Code 'storage' `
                -Remedy 'make room there, or have virtual machines made in a folder of another drive' `
                -Message "$($item.What) takes $(Format-AgentSize -Bytes $item.Bytes), and $Target has $(Format-AgentSize -Bytes $free) free$beside"
            if ($severity -eq 'error') { return $finding }
            $warning = $finding
        }
        $free -= $item.Bytes
        $beside = ' beside the other disks'
    }
    # A gibibyte should be left once they are there.
    if ($Warn -and $null -ne $warning) { $warning }
}

function Find-DiskUpdateFinding {
    # About the disks of a machine that exists.
    param([Parameter(Mandatory)] [string] $VMId, [Parameter(Mandatory)] $Fields, [switch] $Warn)

    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm) { return }
    $manifest = Find-JobManifest -VM $vm
    $state = ConvertTo-PowerState -State $vm.State
    $off = $state -eq 'off' -or $Fields['power_state'] -eq 'off'
    $takes = New-Object -TypeName System.Collections.ArrayList
    $touched = ''
    if ($Fields.Contains('disk_size_gb')) {
        $plan = Get-DiskSizePlan -VM $vm -Manifest $manifest -SizeGb $Fields['disk_size_gb']
        Find-DiskSizeFinding -VM $vm -Plan $plan -Fields $Fields
        if ($null -ne $plan -and $plan.Bytes -gt $plan.Have) {
            $touched = 'disk_size_gb'
            if ($plan.Fixed) { $null = $takes.Add(@{ Field = 'disk_size_gb'; What = 'the disk that grows'; Bytes = $plan.Bytes - $plan.Have }) }
            if ($Warn -and $state -eq 'running' -and -not $off -and [string]$plan.Drive.ControllerType -eq 'IDE') {
                New-JobFinding -Field 'disk_size_gb' -Severity 'warning' -Code 'power_cycle_refused' -Remedy 'allow the power cycle, or turn it off first' `
                    -Message "the disk of virtual machine '$($vm.Name)' is on an IDE controller, and grows only while the machine is off"
            }
        }
    }
    $wanted = @(Get-WantedDisk -Value $Fields['data_disks'])
    if ($null -eq $manifest) {
        if ($wanted.Count -gt 0) {
            New-JobFinding -Field 'data_disks' -Code 'invalid_definition' -Remedy 'leave data_disks out' `
                -Message "no job is recorded for virtual machine '$($vm.Name)', and so none of its disks as made for it"
        }
    } elseif ($Fields.Contains('data_disks')) {
        foreach ($item in @(Get-DataDiskPlan -VM $vm -Manifest $manifest -Wanted $wanted)) {
            if ($item.Action -ne 'nothing' -and -not $touched) { $touched = 'data_disks' }
            if ($item.Action -eq 'make') { $null = $takes.Add((Get-DiskSpace -Disk $item)) }
            elseif ($item.Action -ne 'detach' -and $item.HasType -eq 'fixed' -and $item.Bytes -gt $item.Have) {
                $null = $takes.Add(@{ Field = "data_disks[$($item.Index)].size_gb"; What = "data disk '$($item.Name)', which grows,"; Bytes = $item.Bytes - $item.Have })
            }
            Find-DataDiskFinding -VM $vm -Item $item
        }
    }
    if ($touched -and -not $off -and $state -ne 'running') {
        New-JobFinding -Field $touched -Code 'power_cycle_refused' -Remedy 'start it, or turn it off first' `
            -Message "changing $touched needs virtual machine '$($vm.Name)' to be running or off, and it is $state"
    }
    if ($null -ne $manifest) { Find-SpaceFinding -Takes $takes.ToArray() -Target $manifest.Folder -Warn:$Warn }
}

function Find-DiskSizeFinding {
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Plan, [Parameter(Mandatory)] $Fields)

    if ($null -eq $Plan) {
        New-JobFinding -Field 'disk_size_gb' -Code 'invalid_definition' -Remedy 'leave disk_size_gb out' `
            -Message "which disk of virtual machine '$($VM.Name)' was made of an image is not recorded"
    } elseif ($Plan.Have -eq 0) {
        New-UnreadFinding -Field 'disk_size_gb' -Path $Plan.Path
    } elseif (Test-Smaller -Bytes $Plan.Bytes -Have $Plan.Have) {
        New-SizeFinding -Field 'disk_size_gb' -Name 'disk_size_gb' -What "the disk of virtual machine '$($VM.Name)'" -Have $Plan.Have
    } elseif ($Plan.Bytes -gt $Plan.Have -and (Test-CheckpointDisk -Path $Plan.Path)) {
        New-CheckpointFinding -Field 'disk_size_gb' -VM $VM -What 'its disk cannot grow'
    }
}

function Find-DataDiskFinding {
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Item)

    if ($Item.Action -eq 'detach') {
        if (Test-CheckpointDisk -Path $Item.Drive.Path) { New-CheckpointFinding -Field 'data_disks' -VM $VM -What "data disk '$($Item.Name)' cannot be detached" }
        return
    }
    $at = "data_disks[$($Item.Index)]"
    if ($Item.Action -eq 'make') {
        if ([System.IO.File]::Exists($Item.Path)) {
            New-JobFinding -Field "$at.name" -Code 'disk_busy' -Message "file $($Item.Path) exists already, and is not recorded as made for virtual machine '$($VM.Name)'" `
                -Remedy 'use another name, or move the file away'
        }
        return
    }
    if ($Item.Have -eq 0) {
        New-UnreadFinding -Field "$at.name" -Path $Item.Path
        return
    }
    if ($Item.HasType -ne $Item.Type) {
        New-JobFinding -Field "$at.type" -Code 'disk_type' -Message "data disk '$($Item.Name)' is $($Item.HasType), which was decided when it was made" `
            -Remedy "set type to $($Item.HasType), or use another name for another disk"
    }
    if (Test-Smaller -Bytes $Item.Bytes -Have $Item.Have) {
        New-SizeFinding -Field "$at.size_gb" -Name 'size_gb' -What "data disk '$($Item.Name)'" -Have $Item.Have
    } elseif ($Item.Action -eq 'grow' -and (Test-CheckpointDisk -Path $Item.Drive.Path)) {
        New-CheckpointFinding -Field "$at.size_gb" -VM $VM -What "data disk '$($Item.Name)' cannot grow"
    }
    if ($Item.Action -eq 'attach') {
        $user = Find-DiskUser -Path $Item.Path -ExceptId $VM.Id.ToString()
        if ($null -ne $user) {
            New-JobFinding -Field "$at.name" -Code 'disk_busy' -Message "virtual machine '$($user.Name)' uses $($Item.Path)" -Remedy 'detach it there, or use another name'
        }
    }
}

function New-CheckpointFinding {
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] $VM, [Parameter(Mandatory)] [string] $What)

    New-JobFinding -Field $Field -Code 'disk_busy' -Message "virtual machine '$($VM.Name)' has checkpoints, so that $What" -Remedy 'remove its checkpoints first'
}

function New-UnreadFinding {
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] [string] $Path)

    New-JobFinding -Field $Field -Code 'disk_busy' -Message "$Path cannot be read as a virtual hard disk" -Remedy 'look at it with Get-VHD on the host'
}
