# Checks: the findings that prevent a job definition from succeeding on this host.

function Get-JobFinding {
    <#
    .SYNOPSIS
    Returns the findings of a definition, in the order in which a job would meet them. Call it within @( ).
    .DESCRIPTION
    Machine is the result of Get-AgentHost. Unknown names the fields whose values are not known yet. Warn adds findings that
    may no longer apply when a job starts.
    #>
    param(
        [Parameter(Mandatory)] $Context,
        [Parameter(Mandatory)] $Machine,
        [Parameter(Mandatory)] $Definition,
        [AllowEmptyString()] [string] $VMId = '',
        [AllowEmptyCollection()] [string[]] $Unknown = @(),
        [AllowNull()] $Settings,
        [switch] $Warn
    )

    $fields = $Definition.Fields
    $Settings = Join-FolderSetting -Settings $Settings -Fields $fields
    if ($Definition.Operation -eq 'provision') {
        $shares = @(foreach ($name in 'image_path', 'vm_path') {
                $field = if ($name -eq 'vm_path') { 'vm_name' } elseif ($fields.Contains('media_name') -and -not $fields.Contains('image_name')) { 'media_name' } else { 'image_name' }
                if ($fields.Contains($field)) { Get-ShareFinding -Field $field -Folder (Get-AgentFolder -Machine $Machine -Settings $Settings -Name $name) }
            })
        if ($shares.Count -gt 0) { return $shares } # nothing in the folders can be looked at
    }
    if ($fields.Contains('vm_name')) { Get-NameFinding -Machine $Machine -Name $fields['vm_name'] -VMId $VMId }
    if ($Definition.Operation -eq 'provision' -and $fields.Contains('vm_name') -and -not (Test-FileName -Value $fields['vm_name'])) {
        New-JobFinding -Field 'vm_name' -MessageId 'vm_name_not_file_name' -Values @{ name = $fields['vm_name'] }
        return # its files cannot be named
    }
    if ($Definition.Operation -eq 'provision') {
        $target = Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'vm_path'
        Get-PathFinding -Field 'vm_name' -Path $target -Folder
        if ($fields.Contains('vm_name')) { Get-PathLengthFinding -Target $target -Fields $fields }
    }
    if ($Definition.Operation -eq 'provision' -and $fields.Contains('image_name')) {
        Get-ImageFinding -Folder (Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path') -Name $fields['image_name'] `
            -Target $target -Fields $fields -Warn:$Warn
    }
    if ($Definition.Operation -eq 'provision') { Get-NewExistingDiskFinding -Fields $fields -Warn:$Warn }
    if ($Definition.Operation -eq 'update' -and $VMId -and ($fields.Contains('disk_size_gb') -or $fields.Contains('data_disks'))) {
        Get-DiskUpdateFinding -VMId $VMId -Fields $fields -Warn:$Warn
    }
    if ($Definition.Operation -eq 'provision' -and $fields.Contains('media_name')) {
        Get-MediaFinding -Folder (Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path') -Name $fields['media_name']
    }
    Get-PowerStateFinding -Definition $Definition -VMId $VMId
    if ($fields['switch_name'] -or ($Definition.Operation -eq 'provision' -and $Unknown -notcontains 'switch_name')) {
        Get-SwitchFinding -Machine $Machine -Name $fields['switch_name'] -VMId $VMId
    }
    Get-AdapterFinding -Machine $Machine -Fields $fields -VMId $VMId
    if ($fields.Contains('gb_ram') -and $fields['gb_ram'] * 1GB -gt $Machine.MemoryCapacity) {
        $size = Format-AgentNumber -Value ([System.Math]::Floor($Machine.MemoryCapacity / 1GB))
        New-JobFinding -Field 'gb_ram' -MessageId 'memory_exceeds_host' -Values @{ host = $Machine.Name; size = $size }
    } elseif ($Warn -and $fields.Contains('gb_ram') -and $fields['power_state'] -ne 'off' -and $Unknown -notcontains 'power_state') {
        Get-MemoryFinding -Machine $Machine -Bytes ([long]($fields['gb_ram'] * 1GB)) -VMId $VMId
    }
    if ($Warn) { Get-MaximumMemoryFinding -Machine $Machine -Maximum $fields['gb_ram_max'] }
    Get-FirmwareFinding -Machine $Machine -Definition $Definition -VMId $VMId -Unknown $Unknown
    if ($fields.Contains('cpu_cores') -and $fields['cpu_cores'] -gt $Machine.LogicalProcessorCount) {
        New-JobFinding -Field 'cpu_cores' -MessageId 'cpu_exceeds_host' -Values @{ host = $Machine.Name; count = $Machine.LogicalProcessorCount }
    }
    Get-SettingFinding -Machine $Machine -Fields $fields
    Get-HardwareLimitFinding -Machine $Machine -Definition $Definition -VMId $VMId -Unknown $Unknown
    if ($Definition.Operation -eq 'provision' -and $Unknown -notcontains 'power_state') { Get-GuestWaitFinding -Fields $fields }
    if ($Definition.Operation -eq 'provision') { Get-GuestFinding -Fields $fields -Unknown $Unknown -Warn:$Warn }
    if ($fields['vm_clustered'] -eq $true) {
        $role = ''
        $folders = @()
        if ($Definition.Operation -eq 'provision') {
            $role = [string]$fields['vm_name']
            $folders = @(Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'vm_path')
            if ($fields['disk_type'] -eq 'differencing') { $folders += Get-AgentFolder -Machine $Machine -Settings $Settings -Name 'image_path' }
        } elseif ($VMId) {
            $folders = @(Get-MachineFolder -VMId $VMId)
        }
        $folders += @(Get-DataDiskSpec -Value $fields['data_disks'] | Where-Object -FilterScript { $_.Existing } |
                ForEach-Object -Process { [System.IO.Path]::GetDirectoryName($_.Path) })
        Get-ClusterFinding -Machine $Machine -Name $role -VMId $VMId -Folders $folders
    } elseif ($fields.Contains('vm_name') -and (Get-AgentCluster -Context $Context)) {
        try {
            Get-ClusterNameFinding -Machine $Machine -Cluster (Get-AgentCluster -Context $Context) -Name $fields['vm_name'] -VMId $VMId
        } catch {
            $null = $_ # A virtual machine without a role needs no answer of the cluster; names of this host are checked above.
        }
    }
}

function New-JobFinding {
    <#
    .SYNOPSIS
    Returns a finding about a field: an error, or a warning.
    .DESCRIPTION
    Code, message and remedy are those of MessageId. VMId is the virtual machine that causes the finding, if any.
    #>
    param(
        [Parameter(Mandatory)] [string] $Field,
        [Parameter(Mandatory)] [string] $MessageId,
        [System.Collections.IDictionary] $Values = @{},
        [string] $VMId = '',
        [string] $Severity = 'error'
    )

    $text = Get-AgentMessage -Id $MessageId -Values $Values
    $finding = [ordered]@{ field = $Field; severity = $Severity; code = $text.Code; message = $text.Message; remedy = $text.Remedy }
    if ($VMId) { $finding['vm_id'] = $VMId }
    return $finding
}

function Get-NameFinding {
    # Returns a finding when another virtual machine has the name.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [string] $Name, [AllowEmptyString()] [string] $VMId)

    $vm = Find-VMByName -Name $Name -ExceptId $VMId
    if ($null -eq $vm) { return }
    $id = $vm.Id.ToString()
    New-JobFinding -Field 'vm_name' -VMId $id -MessageId 'vm_name_taken' -Values @{ name = $vm.Name; host = $Machine.Name; id = $id }
}

function Get-PowerStateFinding {
    # Returns a finding when a virtual machine would have to be paused or saved. One that is can keep its state.
    param([Parameter(Mandatory)] $Definition, [AllowEmptyString()] [string] $VMId)

    $wanted = $Definition.Fields['power_state']
    if (@('paused', 'saved') -cnotcontains $wanted) { return }
    if ($VMId -and $Definition.Operation -eq 'update') {
        $vm = Find-HostVM -Id $VMId
        if ($null -ne $vm -and (ConvertTo-PowerState -State $vm.State) -eq $wanted) { return }
    }
    New-JobFinding -Field 'power_state' -MessageId 'power_state_kept_only' -Values @{ state = $wanted }
}

function Get-ImageFinding {
    # Returns the findings about an image and the disks to be created. Target is the folder of the disks.
    param(
        [Parameter(Mandatory)] [string] $Folder,
        [Parameter(Mandatory)] [string] $Name,
        [Parameter(Mandatory)] [string] $Target,
        [Parameter(Mandatory)] $Fields,
        [switch] $Warn
    )

    $images = @(Get-ImageFile -Folder $Folder)
    $same = @(Find-NamedFile -File $images -Name $Name)
    if ($same.Count -gt 1) {
        $values = @{ count = $same.Count; folder = $Folder; name = $Name; files = (Join-BaseName -File $same) }
        return New-JobFinding -Field 'image_name' -MessageId 'image_ambiguous' -Values $values
    }
    if ($same.Count -eq 1) { return Get-DiskFinding -Image $same[0] -Target $Target -Fields $Fields -Warn:$Warn }
    if ($images.Count -eq 0) {
        New-JobFinding -Field 'image_name' -MessageId 'image_missing_folder_empty' -Values @{ image = $Name; folder = $Folder }
        return
    }
    $known = Join-AgentText -Text @($images | ForEach-Object -Process { $_.BaseName })
    New-JobFinding -Field 'image_name' -MessageId 'image_missing' -Values @{ image = $Name; folder = $Folder; images = $known }
}

function Get-MemoryFinding {
    # Returns a warning when the host cannot start the virtual machine now. Stopping a running one frees its memory first.
    param([Parameter(Mandatory)] $Machine, [Parameter(Mandatory)] [long] $Bytes, [AllowEmptyString()] [string] $VMId)

    $available = Get-AvailableMemory -Machine $Machine
    if ($null -eq $available) { return }
    if ($VMId) {
        $vm = Find-HostVM -Id $VMId
        if ($null -ne $vm -and $vm.MemoryAssigned -gt 0) {
            if ($vm.MemoryStartup -eq $Bytes) { return }
            $available += [long]$vm.MemoryAssigned
        }
    }
    if ($Bytes -le $available) { return }
    New-JobFinding -Field 'gb_ram' -Severity 'warning' -MessageId 'memory_not_available' -Values @{
        host = $Machine.Name; available = (Format-AgentSize -Bytes $available); total = (Format-AgentSize -Bytes $Machine.MemoryCapacity)
    }
}

function Get-AgentCheck {
    # Serves request check.
    param([Parameter(Mandatory)] $Context, [Parameter(Mandatory)] $Request)

    $definition = ConvertTo-JobDefinition -Value (Get-AgentProperty -Value $Request -Name 'definition') -Partial
    $vmId = (Get-AgentText -Value $Request -Name 'vm_id').ToLowerInvariant()
    $machine = Get-AgentHost
    if ($definition.Operation -eq 'export') {
        return [ordered]@{ findings = [object[]]@(Get-ExportFinding -VM (Get-HostVM -Machine $machine -Id $vmId) -Fields $definition.Fields -Warn) }
    }
    if ($definition.Operation -eq 'image' -and $definition.Fields['image_action'] -ceq 'create') {
        $plan = Find-ImageTarget -Machine $machine -Fields $definition.Fields -Settings (Get-AgentProperty -Value $Request -Name 'settings')
        return [ordered]@{ findings = [object[]]@(Get-ImageCreateFinding -Plan $plan -Fields $definition.Fields -Warn) }
    }
    if ($definition.Operation -eq 'update' -and $vmId) { $null = Find-OwnedVM -Machine $machine -Id $vmId } # throws when another node has it
    $findings = @(Get-JobFinding -Context $Context -Machine $machine -Definition $definition -VMId $vmId `
            -Unknown @(Get-AgentTextList -Value $Request -Name 'unknown') `
            -Settings (Get-AgentProperty -Value $Request -Name 'settings') -Warn)
    $findings += @(Get-PowerCycleFinding -Definition $definition -VMId $vmId -Changed @(Get-AgentTextList -Value $Request -Name 'changed') `
            -Unknown @(Get-AgentTextList -Value $Request -Name 'unknown') -Allow:((Get-AgentProperty -Value $Request -Name 'allow_power_cycle') -eq $true))
    return [ordered]@{ findings = [object[]]$findings }
}
