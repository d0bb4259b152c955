# The inventory of the host, in the shape that clients read.

# Up to how many virtual machines are read one by one. More are cheaper to read with queries of all virtual machines.
$script:AgentSingleReads = 8

function Get-AgentInventory {
    # Serves request inventory. Settings may name the folders of images and virtual machines. Wanted are the GUIDs of the virtual machines
    # to report, or none for all.
    param([AllowNull()] $Settings, [AllowEmptyCollection()] [string[]] $Wanted = @())

    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $machine = Get-AgentHost
    $trouble = New-Object -TypeName System.Collections.ArrayList
    $vms = @(Get-InventoryVM -Wanted $Wanted -Trouble $trouble)
    $detail = Get-VMDetail -VM $vms
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($vm in $vms) {
        $item = $null
        try { $item = ConvertTo-AgentVM -VM $vm -Detail $detail } catch { $problem = $_ }
        if ($null -ne $item) { $item['owner_node'] = $machine.Name } # records do not have it
        # A virtual machine that is removed while it is read is not part of the inventory.
        if (Test-RemovedVM -VM $vm) { continue }
        if ($null -eq $item) { throw $problem }
        $null = $list.Add($item)
    }
    $result = [ordered]@{ host = Get-HostCapacity -Machine $machine -Settings $Settings; vms = [object[]]$list.ToArray() }
    $found = @($list | ForEach-Object -Process { $_['id'] })
    $elsewhere = @(Get-ElsewhereList -Machine $machine -Missing @($Wanted | Where-Object -FilterScript { $found -notcontains $_ }))
    if ($elsewhere.Count -gt 0) { $result['elsewhere'] = [object[]]$elsewhere }
    foreach ($problem in $trouble) { $null = $detail.Security.Partial.Add((Get-FailureMessage -ErrorRecord $problem)) }
    if ($detail.Unread.Count -gt 0) {
        $null = $detail.Security.Partial.Add((Get-AgentMessage -Id 'partial_disks' -Values @{ count = $detail.Unread.Count; seconds = $script:AgentDiskSeconds }).Message)
    }
    if ($detail.Security.Partial.Count -gt 0) { $result['partial'] = [object[]]$detail.Security.Partial.ToArray() }
    $result['read_ms'] = $watch.ElapsedMilliseconds
    return $result
}

function Get-InventoryVM {
    # Returns the virtual machines of an inventory: records of Get-HostRecord, or objects of Get-VM where there are few, or where queries
    # fail or lack something. Only Get-VM shows which virtual machines exist. Call it within @( ).
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Wanted, [Parameter(Mandatory)] [AllowEmptyCollection()] [System.Collections.ArrayList] $Trouble)

    $records = @{}
    if ($Wanted.Count -eq 0 -or $Wanted.Count -gt $script:AgentSingleReads) {
        try { $records = Get-HostRecord -Id $Wanted } catch { $null = $_ } # The cmdlets answer the same question more slowly.
    }
    if ($Wanted.Count -eq 0) {
        foreach ($vm in @(Get-HostVMList -Trouble $Trouble)) {
            $record = $records[$vm.Id.ToString()]
            if ($null -eq $record -or $record.Incomplete) { $vm } else { $record }
        }
        return
    }
    $missing = New-Object -TypeName System.Collections.ArrayList
    foreach ($id in $Wanted) {
        $record = $records[$id]
        if ($null -eq $record -or $record.Incomplete) { $null = $missing.Add($id) } else { $record }
    }
    if ($records.Count -gt 0) { return Find-HostVMSet -Id $missing.ToArray() }
    $missing | ForEach-Object -Process { Find-HostVM -Id $_ }
}

function Get-InventorySecurity {
    # Returns the result of Get-VMSecurityDetail for records and objects.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM)

    $records = @($VM | Where-Object -FilterScript { Test-HostRecord -VM $_ })
    if ($records.Count -eq 0) { return Get-VMSecurityDetail -VM $VM }
    $objects = @($VM | Where-Object -FilterScript { -not (Test-HostRecord -VM $_) })
    $queried = $null
    try { $queried = Get-RecordSecurity -Record $records } catch {
        $null = $_ # The cmdlets answer the same question more slowly.
        $objects += @(Find-HostVMSet -Id ([string[]]@($records | ForEach-Object -Process { $_.Id.ToString() })))
    }
    $detail = Get-VMSecurityDetail -VM $objects
    if ($null -eq $queried) { return $detail }
    foreach ($name in 'SecureBoot', 'TPM') { foreach ($id in $queried[$name].Keys) { $detail[$name][$id] = $queried[$name][$id] } }
    return $detail
}

function Get-VMDetail {
    # Returns what the objects of Get-VM do not contain, with one call for all virtual machines: disks by path; cluster roles, manifests,
    # secure boot and TPM by GUID; and drives by GUID, which the module queries at each access. Values that cannot be read are missing;
    # Unread are the disks for which there was no time.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM)

    $detail = @{
        Disks = @{}; Roles = @{}; Drives = @{}; Manifests = @{}; Adapters = @{}; Security = (Get-InventorySecurity -VM $VM)
        Unread = (New-Object -TypeName System.Collections.ArrayList)
    }
    $managed = New-Object -TypeName System.Collections.ArrayList
    $others = New-Object -TypeName System.Collections.ArrayList
    $clustered = $false
    foreach ($item in $VM) {
        if ($item.IsClustered) { $clustered = $true }
        $id = $item.Id.ToString()
        $drives = @(Get-VMProperty -VM $item -Name 'HardDrives')
        $detail.Drives[$id] = $drives
        # A virtual machine that is removed while it is read is not part of the inventory.
        try { $detail.Manifests[$id] = Find-JobManifest -VM $item } catch { if (-not (Test-RemovedVM -VM $item)) { throw } }
        # The disks of few virtual machines, and those of the agent's own, are always read anew.
        $paths = $others
        if ($VM.Count -le $script:AgentSingleReads -or $null -ne $detail.Manifests[$id]) { $paths = $managed }
        foreach ($drive in $drives) { $null = $paths.Add([string]$drive.Path) }
    }
    $detail.Settings = Get-VMSettingDetail -VM $VM -Manifests $detail.Manifests -Partial $detail.Security.Partial -Adapters $detail.Adapters
    $detail.Disks = Get-DiskFact -Path (@($managed) + @($others)) -Current $managed.ToArray() -Unread $detail.Unread
    if ($clustered) {
        try { $detail.Roles = Get-ClusterRoleName } catch { $null = $_ }
    }
    return $detail
}

function ConvertTo-AgentVM {
    <#
    .SYNOPSIS
    Converts a virtual machine to the shape that clients read. Detail is the result of Get-VMDetail; without it, it is queried here.
    #>
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Detail)

    if ($null -eq $Detail) { $Detail = Get-VMDetail -VM @($VM) }
    $id = $VM.Id.ToString()
    $adapters = New-Object -TypeName System.Collections.ArrayList
    $addresses = New-Object -TypeName System.Collections.ArrayList
    $manifest = $Detail.Manifests[$id]
    $items = @(Get-VMProperty -VM $VM -Name 'NetworkAdapters')
    foreach ($item in $items) {
        $adapter = ConvertTo-AgentAdapter -Adapter $item
        $null = $adapters.Add($adapter)
        $addresses.AddRange($adapter['ip_addresses'])
    }
    $firstItem = Find-PrimaryAdapter -Adapters $items -Recorded @(Get-RecordedAdapter -Manifest $manifest)
    $first = @{ switch_name = ''; vlan_id = 0; mac_address = '' }
    $static = ''
    if ($null -ne $firstItem) {
        $first = $adapters[[System.Array]::IndexOf($items, $firstItem)]
        $static = Get-StaticMac -Adapter $firstItem -Manifest $manifest
    }
    $drives = New-Object -TypeName System.Collections.ArrayList
    $disks = New-Object -TypeName System.Collections.ArrayList
    foreach ($item in $Detail.Drives[$id]) {
        $null = $drives.Add((ConvertTo-AgentDrive -Drive $item -Disks $Detail.Disks))
        $null = $disks.Add([string]$item.Path)
    }
    $jobId = ''
    $recorded = @{}
    if ($null -ne $manifest) {
        $jobId = $manifest.JobId
        if ($null -ne $manifest.Recorded) { $recorded = $manifest.Recorded }
    }
    $listed = $items
    if ($Detail.Adapters.ContainsKey($id) -and $Detail.Adapters[$id].Count -gt 0) { $listed = $Detail.Adapters[$id] }
    $own = Get-ManagedDisk -Drives $drives.ToArray() -Manifest $manifest
    $result = [ordered]@{
        id                   = $id
        name                 = $VM.Name
        power_state          = ConvertTo-PowerState -State $VM.State
        generation           = [int]$VM.Generation
        memory_gb            = ConvertTo-ExactGibibyte -Bytes $VM.MemoryStartup
        memory_assigned_gb   = ConvertTo-Gibibyte -Bytes $VM.MemoryAssigned
        dynamic_memory       = [ordered]@{
            enabled    = [bool]$VM.DynamicMemoryEnabled
            minimum_gb = ConvertTo-Gibibyte -Bytes $VM.MemoryMinimum
            maximum_gb = ConvertTo-Gibibyte -Bytes $VM.MemoryMaximum
        }
        memory_minimum_gb    = if ($VM.DynamicMemoryEnabled) { ConvertTo-ExactGibibyte -Bytes $VM.MemoryMinimum } else { $null }
        memory_maximum_gb    = if ($VM.DynamicMemoryEnabled) { ConvertTo-ExactGibibyte -Bytes $VM.MemoryMaximum } else { $null }
        secure_boot          = $Detail.Security.SecureBoot[$id]
        tpm                  = $Detail.Security.TPM[$id]
        processor_count      = [int]$VM.ProcessorCount
        notes                = [string]$VM.Notes
        switch_name          = $first['switch_name']
        vlan_id              = $first['vlan_id']
        clustered            = [bool]$VM.IsClustered
        cluster_role         = [string]$Detail.Roles[$id]
        owner_node           = Get-OptionalText -Value $VM -Name 'ComputerName'
        ip_addresses         = [object[]]$addresses.ToArray()
        mac_address          = $first['mac_address']
        static_mac_address   = $static
        network_adapters     = ConvertTo-AdapterList -Adapters $listed -First $firstItem -Manifest $manifest
        disks                = [object[]]$disks.ToArray()
        adapters             = [object[]]$adapters.ToArray()
        drives               = [object[]]$drives.ToArray()
        disk_size_gb         = $own.Size
        data_disks           = $own.DataDisks
        heartbeat            = ConvertTo-SnakeCase -Value $VM.Heartbeat
        integration_services = Get-OptionalText -Value $VM -Name 'IntegrationServicesState'
        checkpoint_type      = ConvertTo-SnakeCase -Value $VM.CheckpointType
        start_action         = ConvertTo-SnakeCase -Value $VM.AutomaticStartAction
        stop_action          = ConvertTo-SnakeCase -Value $VM.AutomaticStopAction
        job_id               = $jobId
        recorded             = $recorded
    }
    if ($Detail.Settings.ContainsKey($id)) { foreach ($name in $Detail.Settings[$id].Keys) { $result[$name] = $Detail.Settings[$id][$name] } }
    return $result
}

function ConvertTo-AgentAdapter {
    # Converts a network adapter to the shape that clients read.
    param([Parameter(Mandatory)] $Adapter)

    $mac = [string]$Adapter.MacAddress
    if ($mac -eq '000000000000') { $mac = '' } # assigned at the first start
    $addresses = New-Object -TypeName System.Collections.ArrayList
    $parsed = $null
    foreach ($address in @($Adapter.IPAddresses)) {
        # The guest reports them, and may report any text.
        if ($address -and $address -notmatch '^(fe80:|169\.254\.)' -and [System.Net.IPAddress]::TryParse([string]$address, [ref]$parsed)) { $null = $addresses.Add([string]$address) }
    }
    return [ordered]@{
        name         = [string]$Adapter.Name
        switch_name  = [string]$Adapter.SwitchName
        mac_address  = $mac
        dynamic_mac  = [bool]$Adapter.DynamicMacAddressEnabled
        vlan_id      = Get-AdapterVlan -Adapters @($Adapter)
        ip_addresses = [object[]]$addresses.ToArray()
    }
}

function ConvertTo-SnakeCase {
    # Converts a name that Hyper-V uses to the one that clients read: StartIfRunning to start_if_running. Null is an empty string.
    param([AllowNull()] $Value)

    return [System.Text.RegularExpressions.Regex]::Replace([string]$Value, '([a-z])([A-Z])', '$1_$2').ToLowerInvariant()
}

function ConvertTo-PowerState {
    # Converts a state of Hyper-V to a power state that clients read. A state such as RunningCritical is the same state while the
    # storage does not answer. Unknown states, and Hibernated, are other: they are neither running nor certain to be off.
    param([Parameter(Mandatory)] $State)

    switch ([string]$State -replace 'Critical\z', '') {
        'Running' { return 'running' }
        'Off' { return 'off' }
        'Paused' { return 'paused' }
        'Saved' { return 'saved' }
        'FastSaved' { return 'saved' }
        'Starting' { return 'starting' }
        'Resuming' { return 'starting' }
        'Reset' { return 'starting' }
        'ForceReboot' { return 'starting' }
        'Stopping' { return 'stopping' }
        'ForceShutdown' { return 'stopping' }
        'Saving' { return 'stopping' }
        'FastSaving' { return 'stopping' }
    }
    return 'other'
}

function ConvertTo-Gibibyte {
    # Converts bytes to GiB, rounded to three decimals, as an integer where it is whole.
    param([Parameter(Mandatory)] [long] $Bytes)

    $size = [System.Math]::Round($Bytes / 1GB, 3)
    if ($size -eq [System.Math]::Truncate($size)) { return [long]$size }
    return $size
}

function Get-AdapterVlan {
    # Returns the VLAN of the first adapter, or 0 when it is untagged.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters)

    if ($Adapters.Count -eq 0) { return 0 }
    $setting = $Adapters[0].VlanSetting
    if ([string]$setting.OperationMode -ne 'Access') { return 0 }
    return [int]$setting.AccessVlanId
}

function Get-OptionalText {
    # Returns a property as text, or an empty string in versions of the module that do not have it.
    param([Parameter(Mandatory)] $Value, [Parameter(Mandatory)] [string] $Name)

    return [string](Get-OptionalProperty -Value $Value -Name $Name)
}
