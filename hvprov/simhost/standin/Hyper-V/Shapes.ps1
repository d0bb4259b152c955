# The objects that the module gives, as the real ones show themselves.

function ConvertTo-StandInVM {
    param([Parameter(Mandatory)] $State, [Parameter(Mandatory)] $VM)

    $id = [guid]$VM.id
    # Null is how the real object shows a heartbeat that nobody could give.
    $heartbeat = $null
    if ($VM.state -eq 'Running') {
        $heartbeat = 'OkApplicationsUnknown'
        if ($VM.heartbeat) { $heartbeat = $VM.heartbeat }
    }
    $adapters = New-Object -TypeName System.Collections.ArrayList
    foreach ($adapter in $VM.adapters) { $null = $adapters.Add((ConvertTo-StandInAdapter -VM $VM -Adapter $adapter)) }
    $drives = New-Object -TypeName System.Collections.ArrayList
    foreach ($drive in $VM.drives) { $null = $drives.Add((ConvertTo-StandInDrive -VM $VM -Drive $drive)) }
    return [pscustomobject]@{
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
        CreationTime             = ([System.DateTimeOffset]::Parse([string]$VM.creation_time, [System.Globalization.CultureInfo]::InvariantCulture)).UtcDateTime
        Heartbeat                = $heartbeat
        IntegrationServicesState = $VM.integration_services_state
        CheckpointType           = $VM.checkpoint_type
        AutomaticStartAction     = $VM.automatic_start_action
        AutomaticStopAction      = $VM.automatic_stop_action
        IsClustered              = [bool]$VM.clustered
        NetworkAdapters          = $adapters
        HardDrives               = $drives
    }
}

function Get-StandInMemory {
    # Gives the bytes of memory that a virtual machine has now.
    param([Parameter(Mandatory)] $VM)

    if ($VM.state -ne 'Running') { return [long]0 }
    if ($VM.memory_assigned_bytes -gt 0) { return [long]$VM.memory_assigned_bytes }
    return [long]$VM.memory_startup_bytes
}

function ConvertTo-StandInAdapter {
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Adapter)

    return [pscustomobject]@{
        PSTypeName               = 'Microsoft.HyperV.PowerShell.VMNetworkAdapter'
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
    param([Parameter(Mandatory)] $VM, [Parameter(Mandatory)] $Adapter)

    return [pscustomobject]@{
        PSTypeName    = 'Microsoft.HyperV.PowerShell.VMNetworkAdapterVlanSetting'
        OperationMode = $adapter.vlan_mode
        AccessVlanId  = [int]$adapter.vlan_id
        VMName        = $VM.name
    }
}

function ConvertTo-StandInDrive {
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
