# The output objects of the module, in the shapes of the real ones.

function ConvertTo-StandInVM {
    # Returns a virtual machine object.
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $id = [guid]$VM.id
    # The heartbeat of a real object is null while the virtual machine does not run.
    $heartbeat = $null
    if ($VM.state -eq 'Running') {
        $heartbeat = 'OkApplicationsUnknown'
        if ($VM.heartbeat) { $heartbeat = $VM.heartbeat }
    }
    $adapters = New-Object -TypeName System.Collections.ArrayList
    foreach ($adapter in $VM.adapters) { $null = $adapters.Add((ConvertTo-StandInAdapter -VM $VM -Adapter $adapter)) }
    $drives = New-Object -TypeName System.Collections.ArrayList
    foreach ($drive in $VM.drives) { $null = $drives.Add((ConvertTo-StandInDrive -VM $VM -Drive $drive)) }
    $object = [pscustomobject]@{
        PSTypeName               = 'Microsoft.HyperV.PowerShell.VirtualMachine'
        Id                       = $id
        VMId                     = $id
        Name                     = $VM.name
        VMName                   = $VM.name
        ComputerName             = $State.host.name
        State                    = $VM.state
        Generation               = [int]$VM.generation
        MemoryStartup            = [long]$VM.memory_startup_bytes
        MemoryAssigned           = Get-StandInMemory -VM $VM
        DynamicMemoryEnabled     = [bool]$VM.dynamic_memory
        MemoryMinimum            = [long]$VM.memory_minimum_bytes
        MemoryMaximum            = [long]$VM.memory_maximum_bytes
        ProcessorCount           = [int]$VM.processor_count
        Notes                    = $VM.notes
        Path                     = $VM.path
        ConfigurationLocation    = $VM.path
        SmartPagingFilePath      = [string](Get-StandInSetting -Of $VM -Name 'SmartPagingFilePath' -Default $VM.path)
        SnapshotFileLocation     = [string](Get-StandInSetting -Of $VM -Name 'SnapshotFileLocation' -Default $VM.path)
        CreationTime             = ([System.DateTimeOffset]::Parse([string]$VM.creation_time, [System.Globalization.CultureInfo]::InvariantCulture)).UtcDateTime
        Heartbeat                = $heartbeat
        IntegrationServicesState = $VM.integration_services_state
        CheckpointType           = $VM.checkpoint_type
        ParentSnapshotId         = $(if (Get-StandInCheckpointValue -Of $VM -Name 'parent_checkpoint') { [guid]$VM.parent_checkpoint })
        AutomaticStartAction     = $VM.automatic_start_action
        AutomaticStopAction      = $VM.automatic_stop_action
        IsClustered              = [bool]$VM.clustered
        NetworkAdapters          = $adapters
        HardDrives               = $drives
        IsDeleted                = @(Get-StandInFact -State $State -Name 'deleted') -contains $VM.id
    }
    if (@(Get-StandInFact -State $State -Name 'unreadable') -contains $VM.id) { Hide-StandInProperty -State $State -Object $object }
    $seen = @{}
    foreach ($adapter in $adapters) { $null = Add-StandInLatency -State $State -Object $adapter -Id $VM.id -Name 'IPAddresses', 'VlanSetting' -Seen $seen }
    return Add-StandInLatency -State $State -Object $object -Id $VM.id -Name ([string[]]@($script:StandInGroups.Keys)) -Seen $seen
}

function Get-StandInMemory {
    # Returns the memory that a virtual machine uses now, in bytes.
    param([Parameter(Mandatory)] $VM)

    if ($VM.state -ne 'Running') { return [long]0 }
    if ($VM.memory_assigned_bytes -gt 0) { return [long]$VM.memory_assigned_bytes }
    return [long]$VM.memory_startup_bytes
}

function ConvertTo-StandInAdapter {
    # Returns a network adapter object.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Adapter)

    # An adapter has no bandwidth settings until some are set.
    $bandwidth = $null
    $limits = @{ PSTypeName = 'Microsoft.HyperV.PowerShell.VMNetworkAdapterBandwidthSetting' }
    foreach ($name in 'MaximumBandwidth', 'MinimumBandwidthAbsolute', 'MinimumBandwidthWeight') { $limits[$name] = Get-StandInSetting -Of $Adapter -Name $name }
    if (@($limits.Values | Where-Object -FilterScript { $null -ne $_ }).Count -gt 1) { $bandwidth = [pscustomobject]$limits }
    return [pscustomobject]@{
        PSTypeName               = 'Microsoft.HyperV.PowerShell.VMNetworkAdapter'
        MacAddressSpoofing       = [string](Get-StandInSetting -Of $Adapter -Name 'MacAddressSpoofing' -Default 'Off')
        BandwidthSetting         = $bandwidth
        Id                       = "Microsoft:$($VM.id.ToUpperInvariant())\$($adapter.id)"
        Name                     = $adapter.name
        VMId                     = [guid]$VM.id
        VMName                   = $VM.name
        SwitchName               = $adapter.switch_name
        Connected                = [bool]$adapter.switch_name
        MacAddress               = $adapter.mac_address
        DynamicMacAddressEnabled = [bool]$adapter.dynamic_mac
        IPAddresses              = [string[]]$adapter.ip_addresses
        VlanSetting              = ConvertTo-StandInVlan -VM $VM -Adapter $adapter
    }
}

function ConvertTo-StandInVlan {
    # Returns a VLAN setting object.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Adapter)

    $allowed = [int[]]@(foreach ($part in ([string](Get-StandInSetting -Of $Adapter -Name 'AllowedVlanIdList' -Default '')).Split(',')) {
            if (-not $part) { continue }
            $ends = $part.Split('-')
            [int]$ends[0]..[int]$ends[-1]
        })
    return [pscustomobject]@{
        PSTypeName        = 'Microsoft.HyperV.PowerShell.VMNetworkAdapterVlanSetting'
        OperationMode     = $adapter.vlan_mode
        AccessVlanId      = [int]$adapter.vlan_id
        NativeVlanId      = [int](Get-StandInSetting -Of $Adapter -Name 'NativeVlanId' -Default 0)
        AllowedVlanIdList = [System.Collections.Generic.List[int]]$allowed
    }
}

function ConvertTo-StandInDrive {
    # Returns a hard disk drive object.
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Drive)

    return [pscustomobject]@{
        PSTypeName         = 'Microsoft.HyperV.PowerShell.HardDiskDrive'
        Path               = $Drive.path
        ControllerType     = $Drive.controller_type
        ControllerNumber   = [int]$Drive.controller_number
        ControllerLocation = [int]$Drive.controller_location
        VMId               = [guid]$VM.id
        VMName             = $VM.name
    }
}
