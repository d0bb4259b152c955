# All virtual machines from one query for each class, as objects with those members of Get-VM's objects that an inventory needs.
# Where a query fails or has no instance, the values come from the cmdlets.

# The names of Hyper-V's states (Msvm_ComputerSystem.EnabledState, and the values that RequestStateChange adds).
$script:AgentStates = @{
    2 = 'Running'; 3 = 'Off'; 4 = 'Stopping'; 6 = 'Saved'; 9 = 'Paused'; 10 = 'Starting'; 11 = 'Reset'; 32773 = 'Saving'; 32776 = 'Pausing'; 32777 = 'Resuming'
    32779 = 'FastSaved'; 32780 = 'FastSaving'; 32781 = 'RunningCritical'; 32782 = 'OffCritical'; 32783 = 'StoppingCritical'; 32784 = 'SavedCritical'
    32785 = 'PausedCritical'; 32786 = 'StartingCritical'; 32787 = 'ResetCritical'; 32788 = 'SavingCritical'; 32789 = 'PausingCritical'; 32790 = 'ResumingCritical'
    32791 = 'FastSavedCritical'; 32792 = 'FastSavingCritical'
}

# The names of the module for the numbers of Msvm_VirtualSystemSettingData.
$script:AgentCheckpointTypes = @{ 2 = 'Disabled'; 3 = 'Production'; 4 = 'ProductionOnly'; 5 = 'Standard' }
$script:AgentStartActions = @{ 2 = 'Nothing'; 3 = 'StartIfRunning'; 4 = 'Start' }
$script:AgentStopActions = @{ 2 = 'TurnOff'; 3 = 'Save'; 4 = 'ShutDown' }

function Get-RecordPart {
    # Returns the parts of a record: the function that fills them from queries, and the values that come from the cmdlets when it fails.
    @{ Fill = 'Add-RecordSummary'; Values = @('State', 'MemoryAssigned', 'ProcessorCount', 'Heartbeat', 'IntegrationServicesState') }
    @{ Fill = 'Add-RecordMemory'; Values = @('MemoryStartup', 'MemoryMinimum', 'MemoryMaximum', 'DynamicMemoryEnabled') }
    @{ Fill = 'Add-RecordDrive'; Values = @('HardDrives') }
    @{ Fill = 'Add-RecordAdapter'; Values = @('NetworkAdapters') }
    @{ Fill = 'Add-RecordCluster'; Values = @('IsClustered') }
}

function Get-HostRecord {
    # Returns the records of all virtual machines by GUID, in the order of the provider; with Id, only of these. Throws when the settings
    # of the virtual machines cannot be queried at all.
    param([AllowNull()] [string[]] $Id)

    $wanted = @{}
    foreach ($item in $Id) { if ($item) { $wanted[$item] = $true } }
    $records = [ordered]@{}
    $columns = 'ElementName', 'VirtualSystemIdentifier', 'VirtualSystemType', 'VirtualSystemSubType', 'Notes', 'ConfigurationDataRoot',
    'AutomaticStartupAction', 'AutomaticShutdownAction', 'UserSnapshotType', 'SecureBootEnabled'
    foreach ($item in @(Get-HostInstance -Class 'Msvm_VirtualSystemSettingData' -Property $columns)) {
        if ([string]$item.VirtualSystemType -ne 'Microsoft:Hyper-V:System:Realized') { continue } # a checkpoint, or a migration that is planned
        $key = Get-AgentGuid -Text ([string]$item.VirtualSystemIdentifier)
        if (-not $key -or ($wanted.Count -gt 0 -and -not $wanted.ContainsKey($key))) { continue }
        $records[$key] = @{
            Id = [guid]$key; Name = [string]$item.ElementName; Generation = [int]([string]$item.VirtualSystemSubType -replace '^.*:', '')
            Notes = [string]::Join("`r`n", [string[]]@($item.Notes)); Path = [string]$item.ConfigurationDataRoot
            CheckpointType = $script:AgentCheckpointTypes[[int]$item.UserSnapshotType]; AutomaticStartAction = $script:AgentStartActions[[int]$item.AutomaticStartupAction]
            AutomaticStopAction = $script:AgentStopActions[[int]$item.AutomaticShutdownAction]; SecureBoot = [bool]$item.SecureBootEnabled
            State = $null; MemoryAssigned = [long]0; ProcessorCount = 0; Heartbeat = $null; IntegrationServicesState = ''
            MemoryStartup = $null; MemoryMinimum = $null; MemoryMaximum = $null; DynamicMemoryEnabled = $false
            HardDrives = (New-Object -TypeName System.Collections.ArrayList); NetworkAdapters = (New-Object -TypeName System.Collections.ArrayList)
            IsClustered = $false; Drives = 0; Incomplete = $false
        }
    }
    if ($records.Count -eq 0) { return $records }
    $objects = $null
    foreach ($part in @(Get-RecordPart)) {
        try { & $part.Fill -Records $records } catch {
            $null = $_ # The cmdlets have the same values.
            if ($null -eq $objects) {
                $objects = @{}
                foreach ($vm in @(Find-HostVMSet -Id ([string[]]@($records.Keys)))) { $objects[$vm.Id.ToString()] = $vm }
            }
            foreach ($key in $records.Keys) {
                if (-not $objects.ContainsKey($key)) { $records[$key].Incomplete = $true }
                else { foreach ($name in $part.Values) { $records[$key][$name] = Get-MemberValue -Value $objects[$key] -Name $name } }
            }
        }
    }
    $result = [ordered]@{}
    foreach ($key in $records.Keys) {
        $record = $records[$key]
        if (-not $record.State -or $null -eq $record.MemoryStartup -or -not $record.CheckpointType) { $record.Incomplete = $true }
        $result[$key] = [pscustomobject]$record
    }
    return $result
}

function Get-RecordInstance {
    # Returns the instances of a class of which every virtual machine has one. Throws when there is none. Call it within @( ).
    param([Parameter(Mandatory)] [string] $Class, [Parameter(Mandatory)] [string[]] $Property, [string] $Where = '')

    $found = @(Get-HostInstance -Class $Class -Property $Property -Where $Where)
    if ($found.Count -eq 0) { throw "no instance of $Class" }
    $found
}

function Add-RecordSummary {
    # Adds the state, the processors and what the guest reports.
    param([Parameter(Mandatory)] $Records)

    $columns = 'Name', 'EnabledState', 'Heartbeat', 'ApplicationHealth', 'MemoryUsage', 'NumberOfProcessors', 'IntegrationServicesVersionState'
    foreach ($item in @(Get-RecordInstance -Class 'Msvm_SummaryInformation' -Property $columns)) {
        $record = $Records[(Get-AgentGuid -Text ([string]$item.Name))]
        if ($null -eq $record) { continue }
        $record.State = $script:AgentStates[[int]$item.EnabledState]
        $record.ProcessorCount = [int]$item.NumberOfProcessors
        $record.MemoryAssigned = [long]$item.MemoryUsage * 1MB
        $record.IntegrationServicesState = switch ([int]$item.IntegrationServicesVersionState) { 1 { 'Up to date' } 2 { 'Update required' } default { '' } }
        if ($null -ne $item.Heartbeat) {
            $record.Heartbeat = switch ([int]$item.Heartbeat) {
                2 { switch ([int]$item.ApplicationHealth) { 2 { 'OkApplicationsHealthy' } 32782 { 'OkApplicationsCritical' } default { 'OkApplicationsUnknown' } } }
                6 { 'Error' }
                12 { 'NoContact' }
                13 { 'LostCommunication' }
                default { $null }
            }
        }
    }
}

function Add-RecordMemory {
    # Adds the memory, which the class has in MiB.
    param([Parameter(Mandatory)] $Records)

    foreach ($item in @(Get-RecordInstance -Class 'Msvm_MemorySettingData' -Property 'InstanceID', 'VirtualQuantity', 'Reservation', 'Limit', 'DynamicMemoryEnabled')) {
        $record = $Records[(Get-InstanceOwner -InstanceId $item.InstanceID)]
        if ($null -eq $record) { continue }
        $record.MemoryStartup = [long]$item.VirtualQuantity * 1MB
        $record.MemoryMinimum = [long]$item.Reservation * 1MB
        $record.MemoryMaximum = [long]$item.Limit * 1MB
        $record.DynamicMemoryEnabled = [bool]$item.DynamicMemoryEnabled
    }
}

function Add-RecordDrive {
    # Adds the hard disk drives: a disk is in a drive, which is attached to a controller.
    param([Parameter(Mandatory)] $Records)

    $resources = @{}
    $numbers = @{}
    $where = 'ResourceType = 5 OR ResourceType = 6 OR ResourceType = 17'
    foreach ($item in @(Get-RecordInstance -Class 'Msvm_ResourceAllocationSettingData' -Property 'InstanceID', 'ResourceType', 'Address', 'AddressOnParent', 'Parent', 'HostResource' -Where $where)) {
        $record = $Records[(Get-InstanceOwner -InstanceId $item.InstanceID)]
        if ($null -eq $record) { continue }
        $resources[[string]$item.InstanceID] = $item
        if ([int]$item.ResourceType -eq 17) { $record.Drives++ }
        # A drive with a physical disk of the host has no file: only the module composes its path.
        if ([int]$item.ResourceType -eq 17 -and (Get-InstanceFirst -Value $item.HostResource)) { $record.Incomplete = $true }
        if ([int]$item.ResourceType -ne 6) { continue }
        # SCSI controllers have no address: the module numbers them in their order.
        $numbers[[string]$item.InstanceID] = [int]$numbers["count $($record.Id)"]
        $numbers["count $($record.Id)"] = [int]$numbers["count $($record.Id)"] + 1
    }
    foreach ($item in @(Get-HostInstance -Class 'Msvm_StorageAllocationSettingData' -Property 'InstanceID', 'ResourceType', 'Parent', 'HostResource')) {
        $record = $Records[(Get-InstanceOwner -InstanceId $item.InstanceID)]
        if ($null -eq $record -or [int]$item.ResourceType -ne 31) { continue }
        $drive = $resources[(Get-InstanceReference -Path $item.Parent -Key 'InstanceID')]
        $controller = $null
        if ($null -ne $drive) { $controller = $resources[(Get-InstanceReference -Path $drive.Parent -Key 'InstanceID')] }
        if ($null -eq $controller) {
            $record.Incomplete = $true
            continue
        }
        $type = 'SCSI'
        $number = [int]$numbers[[string]$controller.InstanceID]
        if ([int]$controller.ResourceType -eq 5) {
            $type = 'IDE'
            $number = [int]$controller.Address
        }
        $null = $record.HardDrives.Add([pscustomobject]@{
                Path = (Get-InstanceFirst -Value $item.HostResource); ControllerType = $type; ControllerNumber = $number; ControllerLocation = [int]$drive.AddressOnParent
            })
    }
    # A drive can be empty, which only the module shows.
    foreach ($record in $Records.Values) { if ($record.Drives -ne $record.HardDrives.Count) { $record.Incomplete = $true } }
}

function Add-RecordAdapter {
    # Adds the network adapters with their switches, VLANs and addresses.
    param([Parameter(Mandatory)] $Records)

    $switches = @{}
    foreach ($item in @(Get-HostInstance -Class 'Msvm_VirtualEthernetSwitch' -Property 'Name', 'ElementName')) { $switches[[string]$item.Name] = [string]$item.ElementName }
    $connections = @{}
    foreach ($item in @(Get-HostInstance -Class 'Msvm_EthernetPortAllocationSettingData' -Property 'InstanceID', 'EnabledState', 'HostResource', 'Parent')) {
        if ([int]$item.EnabledState -ne 2) { continue }
        $connections[(Get-InstanceReference -Path $item.Parent -Key 'InstanceID')] = [string]$switches[(Get-InstanceReference -Path (Get-InstanceFirst -Value $item.HostResource) -Key 'Name')]
    }
    $vlans = @{}
    foreach ($item in @(Get-HostInstance -Class 'Msvm_EthernetSwitchPortVlanSettingData' -Property 'InstanceID', 'OperationMode', 'AccessVlanId')) {
        # The settings of a connection: Microsoft:<virtual machine>\<adapter>\C\<feature>.
        $part = ([string]$item.InstanceID).Split('\')
        if ($part.Count -gt 1 -and [int]$item.OperationMode -eq 1) { $vlans["$($part[0])\$($part[1])"] = [int]$item.AccessVlanId }
    }
    $addresses = @{}
    foreach ($item in @(Get-HostInstance -Class 'Msvm_GuestNetworkAdapterConfiguration' -Property 'InstanceID', 'IPAddresses')) {
        $addresses[([string]$item.InstanceID).Replace('Microsoft:GuestNetwork\', 'Microsoft:')] = [string[]]@($item.IPAddresses | Where-Object -FilterScript { $_ })
    }
    $ports = @(foreach ($class in 'Msvm_SyntheticEthernetPortSettingData', 'Msvm_EmulatedEthernetPortSettingData') {
            Get-HostInstance -Class $class -Property 'InstanceID', 'ElementName', 'Address', 'StaticMacAddress'
        })
    if ($ports.Count -eq 0 -or $connections.Count -eq 0) { throw 'no network adapter is connected' }
    foreach ($item in $ports) {
        $id = [string]$item.InstanceID
        $record = $Records[(Get-InstanceOwner -InstanceId $id)]
        if ($null -eq $record) { continue }
        $vlan = [pscustomobject]@{ OperationMode = 'Untagged'; AccessVlanId = 0 }
        if ($vlans.ContainsKey($id)) { $vlan = [pscustomobject]@{ OperationMode = 'Access'; AccessVlanId = $vlans[$id] } }
        $null = $record.NetworkAdapters.Add([pscustomobject]@{
                Id = $id; Name = [string]$item.ElementName; SwitchName = [string]$connections[$id]; MacAddress = [string]$item.Address
                DynamicMacAddressEnabled = -not [bool]$item.StaticMacAddress; VlanSetting = $vlan; IPAddresses = [string[]]@($addresses[$id])
            })
    }
}

function Add-RecordCluster {
    # Adds whether the virtual machines are roles of a cluster, which the cluster writes to the key-value pairs of each.
    param([Parameter(Mandatory)] $Records)

    foreach ($item in @(Get-RecordInstance -Class 'Msvm_KvpExchangeComponentSettingData' -Property 'InstanceID', 'HostOnlyItems')) {
        $record = $Records[(Get-InstanceOwner -InstanceId $item.InstanceID)]
        if ($null -eq $record) { continue }
        foreach ($pair in @($item.HostOnlyItems)) {
            if ($pair -match '<VALUE>VirtualMachineIsClustered</VALUE>' -and $pair -notmatch '<VALUE>(false|0)</VALUE>') { $record.IsClustered = $true }
        }
    }
}

function Test-HostRecord {
    # Reports whether an object is a record, not an object of Get-VM.
    param([Parameter(Mandatory)] $VM)

    return $null -ne (Get-OptionalProperty -Value $VM -Name 'Incomplete')
}

function Get-RecordSecurity {
    # Returns whether secure boot and the TPM of records are on, as Get-VMSecurityDetail does.
    param([Parameter(Mandatory)] [AllowEmptyCollection()] [object[]] $Record)

    $detail = @{ SecureBoot = @{}; TPM = @{} }
    $second = @{}
    foreach ($item in $Record) {
        $key = $item.Id.ToString()
        $detail.SecureBoot[$key] = $item.Generation -eq 2 -and $item.SecureBoot
        if ($item.Generation -eq 2) { $second[$key] = $true } else { $detail.TPM[$key] = $false }
    }
    if ($second.Count -eq 0 -or -not (Test-TpmSupport)) { return $detail }
    foreach ($item in @(Get-RecordInstance -Class 'Msvm_SecuritySettingData' -Property 'InstanceID', 'TpmEnabled')) {
        $key = Get-InstanceOwner -InstanceId $item.InstanceID
        if ($second.ContainsKey($key)) { $detail.TPM[$key] = [bool]$item.TpmEnabled }
    }
    return $detail
}
