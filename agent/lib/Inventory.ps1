# What the host holds, in the shape that clients read.

function Get-AgentInventory {
    $machine = Get-AgentHost
    $list = New-Object -TypeName System.Collections.ArrayList
    foreach ($vm in @(Get-VM)) { $null = $list.Add((ConvertTo-AgentVM -VM $vm)) }
    return [ordered]@{
        host = [ordered]@{
            name                   = $machine.Name
            logical_processors     = $machine.LogicalProcessorCount
            memory_bytes           = $machine.MemoryCapacity
            virtual_hard_disk_path = $machine.VirtualHardDiskPath
        }
        vms  = [object[]]$list.ToArray()
    }
}

function ConvertTo-AgentVM {
    param([Parameter(Mandatory)] $VM)

    $addresses = New-Object -TypeName System.Collections.ArrayList
    $adapters = @($VM.NetworkAdapters)
    foreach ($adapter in $adapters) {
        foreach ($address in @($adapter.IPAddresses)) {
            if ($address -and $address -notmatch '^(fe80:|169\.254\.)') { $null = $addresses.Add([string]$address) }
        }
    }
    $virtualSwitch = ''
    $mac = ''
    if ($adapters.Count -gt 0) {
        $virtualSwitch = [string]$adapters[0].SwitchName
        $mac = [string]$adapters[0].MacAddress
        if ($mac -eq '000000000000') { $mac = '' } # given at the first start
    }
    $disks = New-Object -TypeName System.Collections.ArrayList
    foreach ($drive in @($VM.HardDrives)) { $null = $disks.Add([string]$drive.Path) }
    $manifest = Find-JobManifest -VM $VM
    $jobId = ''
    $recorded = @{}
    if ($null -ne $manifest) {
        $jobId = $manifest.JobId
        if ($null -ne $manifest.Recorded) { $recorded = $manifest.Recorded }
    }
    return [ordered]@{
        id              = $VM.Id.ToString()
        name            = $VM.Name
        power_state     = ConvertTo-PowerState -State $VM.State
        generation      = [int]$VM.Generation
        memory_gb       = ConvertTo-MemorySize -Bytes $VM.MemoryStartup
        processor_count = [int]$VM.ProcessorCount
        notes           = [string]$VM.Notes
        switch_name     = $virtualSwitch
        vlan_id         = Get-AdapterVlan -Adapters $adapters
        clustered       = [bool]$VM.IsClustered
        ip_addresses    = [object[]]$addresses.ToArray()
        mac_address     = $mac
        disks           = [object[]]$disks.ToArray()
        job_id          = $jobId
        recorded        = $recorded
    }
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
