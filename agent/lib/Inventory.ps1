# What the host holds, in the shape that clients read.

function Get-AgentInventory {
    # Settings are what the host's owner has set.
    param([AllowNull()] $Settings)

    $machine = Get-AgentHost
    $vms = @(Get-VM)
    $detail = Get-VMDetail -VM $vms
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($vm in $vms) { $null = $list.Add((ConvertTo-AgentVM -VM $vm -Detail $detail)) }
    return [ordered]@{ host = Get-HostCapacity -Machine $machine -Settings $Settings; vms = [object[]]$list.ToArray() }
}

function Get-VMDetail {
    # Gives what virtual machines do not say of themselves, asked for all of them at once: what their disks are by path, and their
    # roles in the cluster, secure boot and TPM by GUID; and their drives by GUID, which the module looks up whenever it is asked.
    # What cannot be had is not known.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $VM)

    $detail = @{ Disks = @{}; Roles = @{}; Drives = @{}; Security = (Get-VMSecurityDetail -VM $VM) }
    $paths = New-Object -TypeName System.Collections.ArrayList
    $clustered = $false
    foreach ($item in $VM) {
        if ($item.IsClustered) { $clustered = $true }
        $drives = @($item.HardDrives)
        $detail.Drives[$item.Id.ToString()] = $drives
        foreach ($drive in $drives) {
            $null = $paths.Add([string]$drive.Path)
        }
    }
    $detail.Disks = Find-Disk -Path $paths.ToArray()
    if ($clustered) {
        try { $detail.Roles = Get-ClusterRole } catch { $null = $_ }
    }
    return $detail
}

function ConvertTo-AgentVM {
    # Detail is what Get-VMDetail gave; without it, it is asked for here.
    param([Parameter(Mandatory)] $VM, [AllowNull()] $Detail)

    if ($null -eq $Detail) { $Detail = Get-VMDetail -VM @($VM) }
    $id = $VM.Id.ToString()
    $adapters = New-Object -TypeName System.Collections.ArrayList
    $addresses = New-Object -TypeName System.Collections.ArrayList
    $manifest = Find-JobManifest -VM $VM
    $items = @($VM.NetworkAdapters)
    foreach ($item in $items) {
        $adapter = ConvertTo-AgentAdapter -Adapter $item
        $null = $adapters.Add($adapter)
        $addresses.AddRange($adapter['ip_addresses'])
    }
    $firstItem = Find-FirstAdapter -Adapters $items -Ours @(Get-RecordedAdapter -Manifest $manifest)
    $first = @{ switch_name = ''; vlan_id = 0; mac_address = '' }
    $static = ''
    if ($null -ne $firstItem) {
        $first = $adapters[[System.Array]::IndexOf($items, $firstItem)]
        $static = Get-StaticMac -Adapter $firstItem
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
    $own = Get-OwnDisk -Drives $drives.ToArray() -Manifest $manifest
    return [ordered]@{
        id                   = $id
        name                 = $VM.Name
        power_state          = ConvertTo-PowerState -State $VM.State
        generation           = [int]$VM.Generation
        memory_gb            = ConvertTo-MemorySize -Bytes $VM.MemoryStartup
        memory_assigned_gb   = ConvertTo-MemorySize -Bytes $VM.MemoryAssigned
        dynamic_memory       = [ordered]@{
            enabled    = [bool]$VM.DynamicMemoryEnabled
            minimum_gb = ConvertTo-MemorySize -Bytes $VM.MemoryMinimum
            maximum_gb = ConvertTo-MemorySize -Bytes $VM.MemoryMaximum
        }
        memory_minimum_gb    = if ($VM.DynamicMemoryEnabled) { ConvertTo-ExactSize -Bytes $VM.MemoryMinimum } else { $null }
        memory_maximum_gb    = if ($VM.DynamicMemoryEnabled) { ConvertTo-ExactSize -Bytes $VM.MemoryMaximum } else { $null }
        secure_boot          = $Detail.Security.SecureBoot[$id]
        tpm                  = $Detail.Security.TPM[$id]
        processor_count      = [int]$VM.ProcessorCount
        notes                = [string]$VM.Notes
        switch_name          = $first['switch_name']
        vlan_id              = $first['vlan_id']
        clustered            = [bool]$VM.IsClustered
        cluster_role         = [string]$Detail.Roles[$id]
        ip_addresses         = [object[]]$addresses.ToArray()
        mac_address          = $first['mac_address']
        static_mac_address   = $static
        network_adapters     = ConvertTo-AdapterList -Adapters $items -First $firstItem -Manifest $manifest
        disks                = [object[]]$disks.ToArray()
        adapters             = [object[]]$adapters.ToArray()
        drives               = [object[]]$drives.ToArray()
        disk_size_gb         = $own.Size
        data_disks           = $own.DataDisks
        heartbeat            = ConvertTo-AgentName -Value $VM.Heartbeat
        integration_services = Get-OptionalText -Value $VM -Name 'IntegrationServicesState'
        checkpoint_type      = ConvertTo-AgentName -Value $VM.CheckpointType
        start_action         = ConvertTo-AgentName -Value $VM.AutomaticStartAction
        stop_action          = ConvertTo-AgentName -Value $VM.AutomaticStopAction
        job_id               = $jobId
        recorded             = $recorded
    }
}

function ConvertTo-AgentAdapter {
    param([Parameter(Mandatory)] $Adapter)

    $mac = [string]$Adapter.MacAddress
    if ($mac -eq '000000000000') { $mac = '' } # given at the first start
    $addresses = New-Object -TypeName System.Collections.ArrayList
    foreach ($address in @($Adapter.IPAddresses)) {
        if ($address -and $address -notmatch '^(fe80:|169\.254\.)') { $null = $addresses.Add([string]$address) }
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

function ConvertTo-AgentName {
    # Gives one of Hyper-V's names as clients read it: StartIfRunning is start_if_running. None is empty text.
    param([AllowNull()] $Value)

    return [System.Text.RegularExpressions.Regex]::Replace([string]$Value, '([a-z])([A-Z])', '$1_$2').ToLowerInvariant()
}

function ConvertTo-PowerState {
    param([Parameter(Mandatory)] $State)

    switch ([string]$State) {
        'Running' { return 'running' }
        'Off' { return 'off' }
        'Paused' { return 'paused' }
        'Saved' { return 'saved' }
        'FastSaved' { return 'saved' }
        'Starting' { return 'starting' }
        'Resuming' { return 'starting' }
        'Stopping' { return 'stopping' }
    }
    return 'other'
}

function ConvertTo-MemorySize {
    # Gives bytes as GiB, whole where they are.
    param([Parameter(Mandatory)] [long] $Bytes)

    $size = [System.Math]::Round($Bytes / 1GB, 3)
    if ($size -eq [System.Math]::Truncate($size)) { return [long]$size }
    return $size
}

function Get-AdapterVlan {
    # Gives the VLAN of the first adapter, 0 when it has none.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Adapters)

    if ($Adapters.Count -eq 0) { return 0 }
    $setting = $Adapters[0].VlanSetting
    if ([string]$setting.OperationMode -ne 'Access') { return 0 }
    return [int]$setting.AccessVlanId
}

function Get-OptionalText {
    # Gives a property that not every version of the module has as text; empty where it has none.
    param([Parameter(Mandatory)] $Value, [Parameter(Mandatory)] [string] $Name)

    $property = $Value.PSObject.Properties[$Name]
    if ($null -eq $property) { return '' }
    return [string]$property.Value
}
