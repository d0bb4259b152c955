# Checks of the disks of a definition.

function Get-DiskFinding {
    # Returns the findings about the disks of a new virtual machine: the image's disk, the data disks, and the free space for all
    # of them. Target is their folder.
    param([Parameter(Mandatory)] $Image, [Parameter(Mandatory)] [string] $Target, [Parameter(Mandatory)] $Fields, [switch] $Warn)

    $differencing = $Fields['disk_type'] -eq 'differencing'
    $imageItem = (Get-AgentMessage -Id 'item_image' -Values @{ image = $Image.BaseName }).Message
    $need = @{ Field = 'image_name'; Item = $imageItem; Bytes = $Image.Length }
    if ($differencing) { $need = @{ Field = 'disk_type'; Item = (Get-AgentMessage -Id 'item_differencing_disk').Message; Bytes = $script:AgentDiskOverhead } }
    if ($differencing -or $Fields.Contains('disk_size_gb')) {
        $refused = Get-PathFinding -Field 'image_name' -Path $Image.FullName
        if ($null -ne $refused) { return $refused }
        $detail = Get-DiskDetail -Path $Image.FullName
        $disk = $detail.Disk
        if ($detail.Busy) {
            New-JobFinding -Field 'image_name' -MessageId 'image_busy' -Values @{ image = $Image.BaseName; reason = $detail.Busy }
            return
        }
        if ($null -eq $disk) {
            Get-UnreadableFinding -Image $Image
            return
        }
        if ($Fields.Contains('disk_size_gb')) {
            $bytes = [long]$Fields['disk_size_gb'] * 1GB
            if ($bytes -lt $disk.Size) { New-SizeFinding -Field 'disk_size_gb' -Name 'disk_size_gb' -Item $imageItem -Size $disk.Size }
            elseif ([string]$disk.VhdType -eq 'Fixed' -and -not $differencing) { $need.Bytes += $bytes - [long]$disk.Size }
        }
        if ($differencing) { Get-ParentDiskFinding -Image $Image }
    }
    foreach ($disk in @(Get-DataDiskSpec -Value $Fields['data_disks'])) {
        if (Test-SamePath -Left $disk.Path -Right $Image.FullName) {
            $reason = (Get-AgentMessage -Id 'disk_is_image').Message
            New-JobFinding -Field "data_disks[$($disk.Index)].path" -MessageId 'data_disk_attached' -Values @{ path = $disk.Path; reason = $reason }
        }
    }
    $all = @($need) + @(Get-DataDiskSpec -Value $Fields['data_disks'] | Where-Object -FilterScript { -not $_.Existing } |
            ForEach-Object -Process { Get-DataDiskSpace -Disk $_ })
    Get-FreeSpaceFinding -Needs $all -Target $Target -Warn:$Warn
}

function New-SizeFinding {
    # Returns a finding about a disk that is larger than the requested size. Name is the field to correct.
    param([Parameter(Mandatory)] [string] $Field, [Parameter(Mandatory)] [string] $Name, [Parameter(Mandatory)] [string] $Item, [Parameter(Mandatory)] [long] $Size)

    New-JobFinding -Field $Field -MessageId 'disk_too_small' -Values @{
        disk = $Item; size = (Format-AgentSize -Bytes $Size); field = $Name; minimum = (Format-AgentNumber -Value ([System.Math]::Ceiling($Size / 1GB)))
    }
}

function Get-ParentDiskFinding {
    # Returns a finding when a virtual machine writes to the image: a changed parent invalidates its differencing disks.
    param([Parameter(Mandatory)] $Image)

    $user = Find-DiskUser -Path $Image.FullName -ExceptId ''
    if ($null -eq $user) { return }
    New-JobFinding -Field 'disk_type' -MessageId 'image_in_use' -Values @{ vm = $user.Name; image = $Image.BaseName }
}

function Get-DataDiskSpace {
    # Returns the disk space that a new data disk needs.
    param([Parameter(Mandatory)] $Disk)

    $bytes = $script:AgentDiskOverhead
    if ($Disk.Type -eq 'fixed') { $bytes += $Disk.Bytes }
    return @{ Field = "data_disks[$($Disk.Index)].size_gb"; Item = (Get-AgentMessage -Id 'item_data_disk' -Values @{ disk = $Disk.Name }).Message; Bytes = $bytes }
}

function Get-FreeSpaceFinding {
    # Returns the finding about the first of several files that does not fit on the volume; with Warn, or leaves less than 1 GiB.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Needs, [Parameter(Mandatory)] [string] $Target, [switch] $Warn)

    if ($Needs.Count -eq 0) { return }
    $free = Get-FreeSpace -Folder $Target
    if ($null -eq $free) { return }
    $first = $true
    $warning = $null
    foreach ($need in $Needs) {
        $severity = 'error'
        if ($need.Bytes -le $free) { $severity = 'warning' }
        if ($severity -eq 'error' -or ($null -eq $warning -and $free - $need.Bytes -lt 1GB)) {
            $values = @{ item = $need.Item; needed = (Format-AgentSize -Bytes $need.Bytes); folder = $Target; free = (Format-AgentSize -Bytes $free) }
            if ($first) {
                $finding = New-JobFinding -Field $need.Field -Severity $severity -MessageId 'storage_low' -Values $values
            } else {
                $finding = New-JobFinding -Field $need.Field -Severity $severity -MessageId 'storage_low_after_others' -Values $values
            }
            if ($severity -eq 'error') { return $finding }
            $warning = $finding
        }
        $free -= $need.Bytes
        $first = $false
    }
    if ($Warn -and $null -ne $warning) { $warning }
}

function Get-DiskUpdateFinding {
    # Returns the findings about the disks of an existing virtual machine.
    param([Parameter(Mandatory)] [string] $VMId, [Parameter(Mandatory)] $Fields, [switch] $Warn)

    $vm = Find-HostVM -Id $VMId
    if ($null -eq $vm) { return }
    $manifest = Find-JobManifest -VM $vm
    $state = ConvertTo-PowerState -State $vm.State
    $off = $state -eq 'off' -or $Fields['power_state'] -eq 'off'
    $needs = New-Object -TypeName System.Collections.ArrayList
    $touched = ''
    if ($Fields.Contains('disk_size_gb')) {
        $plan = Get-DiskSizePlan -VM $vm -Manifest $manifest -SizeGb $Fields['disk_size_gb']
        Get-DiskSizeFinding -VM $vm -Plan $plan
        if ($null -ne $plan -and $plan.Bytes -gt $plan.CurrentBytes) {
            $touched = 'disk_size_gb'
            if ($plan.Fixed) {
                $null = $needs.Add(@{ Field = 'disk_size_gb'; Item = (Get-AgentMessage -Id 'item_disk_growth').Message; Bytes = $plan.Bytes - $plan.CurrentBytes })
            }
        }
    }
    $wanted = @(Get-DataDiskSpec -Value $Fields['data_disks'])
    $recorded = $manifest
    if ($null -eq $manifest) {
        $recorded = Get-ForeignManifest -VM $vm -Wanted $wanted
        Get-ForeignDiskFinding -VM $vm -Wanted $wanted
    }
    if ($Fields.Contains('data_disks')) {
        foreach ($item in @(Get-DataDiskPlan -VM $vm -Manifest $recorded -Wanted $wanted)) {
            if ($item.Action -ne 'nothing' -and -not $touched) { $touched = 'data_disks' }
            if ($item.Action -eq 'create') { $null = $needs.Add((Get-DataDiskSpace -Disk $item)) }
            elseif ($item.Action -ne 'detach' -and $item.CurrentType -eq 'fixed' -and $item.Bytes -gt $item.CurrentBytes) {
                $growth = (Get-AgentMessage -Id 'item_data_disk_growth' -Values @{ disk = $item.Name }).Message
                $null = $needs.Add(@{ Field = "data_disks[$($item.Index)].size_gb"; Item = $growth; Bytes = $item.Bytes - $item.CurrentBytes })
            }
            Get-DataDiskFinding -VM $vm -Item $item -Warn:$Warn
        }
    }
    if ($touched -and -not $off -and $state -ne 'running') {
        New-JobFinding -Field $touched -MessageId 'disk_change_state' -Values @{ field = $touched; vm = $vm.Name; state = $state }
    }
    if ($null -ne $manifest) { Get-FreeSpaceFinding -Needs $needs.ToArray() -Target $manifest.Folder -Warn:$Warn }
}

function Get-DiskSizeFinding {
    # Returns a finding about a new size of the image's disk.
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Plan)

    $item = (Get-AgentMessage -Id 'item_vm_disk' -Values @{ vm = $VM.Name }).Message
    if ($null -eq $Plan) {
        New-JobFinding -Field 'disk_size_gb' -MessageId 'disk_size_not_managed' -Values @{ vm = $VM.Name }
    } elseif ($Plan.Busy) {
        New-JobFinding -Field 'disk_size_gb' -MessageId 'disk_in_use' -Values @{ path = $Plan.Path; reason = $Plan.Busy }
    } elseif ($Plan.CurrentBytes -eq 0) {
        New-JobFinding -Field 'disk_size_gb' -MessageId 'disk_unreadable' -Values @{ path = $Plan.Path }
    } elseif (Test-DiskShrink -Bytes $Plan.Bytes -CurrentBytes $Plan.CurrentBytes) {
        New-SizeFinding -Field 'disk_size_gb' -Name 'disk_size_gb' -Item $item -Size $Plan.CurrentBytes
    } elseif ($Plan.Bytes -gt $Plan.CurrentBytes -and (Test-CheckpointDisk -Path $Plan.Path)) {
        New-JobFinding -Field 'disk_size_gb' -MessageId 'disk_checkpoint_expand' -Values @{ disk = $item; vm = $VM.Name }
    }
}

function Get-DataDiskFinding {
    # Returns the findings about one item of a data disk plan.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Item, [switch] $Warn)

    $text = (Get-AgentMessage -Id 'item_data_disk' -Values @{ disk = $Item.Name }).Message
    if ($Item.Action -eq 'detach') {
        if (Test-CheckpointDisk -Path $Item.Drive.Path) {
            New-JobFinding -Field 'data_disks' -MessageId 'disk_checkpoint_detach' -Values @{ disk = $text; vm = $VM.Name }
        }
        return
    }
    $field = "data_disks[$($Item.Index)]"
    if ($Item.Conflict) {
        New-JobFinding -Field "$field.path" -MessageId $Item.Conflict -Values @{ disk = $Item.Name; path = $Item.Path; vm = $VM.Name }
        return
    }
    if ($Item.Existing) {
        if ($Item.Action -eq 'attach') { Get-ExistingDiskFinding -Field "$field.path" -Path $Item.Path -Warn:$Warn }
        return
    }
    if ($Item.Action -eq 'create') {
        if ([System.IO.File]::Exists($Item.Path)) {
            New-JobFinding -Field "$field.name" -MessageId 'data_disk_file_exists' -Values @{ path = $Item.Path; vm = $VM.Name }
        }
        return
    }
    if ($Item.Busy) {
        New-JobFinding -Field "$field.name" -MessageId 'disk_in_use' -Values @{ path = $Item.Path; reason = $Item.Busy }
        return
    }
    if ($Item.CurrentBytes -eq 0) {
        New-JobFinding -Field "$field.name" -MessageId 'disk_unreadable' -Values @{ path = $Item.Path }
        return
    }
    if ($Item.CurrentType -ne $Item.Type) {
        New-JobFinding -Field "$field.type" -MessageId 'data_disk_type' -Values @{ disk = $Item.Name; type = $Item.CurrentType }
    }
    if (Test-DiskShrink -Bytes $Item.Bytes -CurrentBytes $Item.CurrentBytes) {
        New-SizeFinding -Field "$field.size_gb" -Name 'size_gb' -Item $text -Size $Item.CurrentBytes
    } elseif ($Item.Action -eq 'expand' -and (Test-CheckpointDisk -Path $Item.Drive.Path)) {
        New-JobFinding -Field "$field.size_gb" -MessageId 'disk_checkpoint_expand' -Values @{ disk = $text; vm = $VM.Name }
    }
    if ($Item.Action -eq 'attach') {
        $user = Find-DiskUser -Path $Item.Path -ExceptId $VM.Id.ToString()
        if ($null -ne $user) { New-JobFinding -Field "$field.name" -MessageId 'data_disk_in_use' -Values @{ vm = $user.Name; path = $Item.Path } }
    }
}
